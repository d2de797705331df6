// Package packager turns the frames of one channel into low-latency HLS:
// parts, segments, and the sliding window that viewers see.
//
// A [Channel] outlives its publishers. Sequence numbers, discontinuity
// numbers and dates go on over a reconnect; every session adds one
// discontinuity. Pictures and sound are renditions of their own, cut at the
// same media times and numbered alike. Of several renditions of the pictures
// the first leads: it decides where to cut, and nobody waits for the others.
//
// Cues ([Channel.SetCue]) are date ranges in all playlists and events inside
// the media. When media stay away, [Channel.Tick] lets the playlists go on with
// gaps until they are back.
//
// One goroutine writes a channel, any number read it. Readers take no lock:
// whatever a cut changes is rendered once into an immutable [Snapshot], which
// replaces the one before through an atomic pointer.
//
// The document followed is draft-pantos-hls-rfc8216bis-22, called rfc8216bis
// below. Rules are numbered in SPEC.md.
package packager
