// Package timeline places a channel's media on the room clock R.
//
// A [Channel] outlives publishers. It turns the timestamps of each publisher
// session into channel media time, which audio and video share and which never
// goes back, and it estimates at which instant P of R each media time was
// captured (plus the shortest delay on the way, the same for every viewer).
// Where the encoder's own clock may be trusted, P is the capture itself.
// PDT, cues and players all use P; it is never the arrival time of a packet.
//
// What the channel says about P is a [Map]. It guarantees:
//
//   - P grows strictly with media time, in an epoch and across epochs (TL3).
//   - P of media that may have been emitted never changes, to the microsecond (TL4).
//   - P's rate is within 2600 ppm of the nominal one inside an epoch (TL5).
//
// It is pure: instants come in as arguments. Rules are numbered TL… in
// sync/SPEC.md.
package timeline
