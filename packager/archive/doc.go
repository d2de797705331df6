// Package archive keeps a channel's segments on disk: for viewers who go back
// further than the memory reaches, and as recordings that play after the show.
//
// A channel's folder holds two others:
//
//   - dvr has the segments that can still be asked for under the channel's live
//     names. It begins empty.
//   - recordings has a folder for each recording: init sections and segments
//     as they went out, a media playlist for each rendition, a multivariant
//     playlist, and a manifest.
//
// A recording's media playlist is its own journal: an EVENT playlist only ever
// grows, by whole lines, after the segment that they tell of has its name. When
// a process was killed, what its playlists tell of is there; [Open] closes such
// recordings. A segment that belongs to both folders is one file with two
// names.
//
// One goroutine, that of [Archive.Run], writes. Whoever hands over a segment
// never waits for the disk: what does not fit into the queue is lost, counted,
// and a gap in the recording. Rules are numbered in packager/SPEC.md.
package archive
