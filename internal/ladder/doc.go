// Package ladder makes further qualities of a channel's picture with ffmpeg.
//
// It is given the pictures of the source in decoding order and returns, for
// each rendition, pictures with the same presentation times and key frames at
// the same places, some time later. Rules:
//
//   - LD1 A returned picture has the presentation time of the one it was made
//     of, to the tick.
//   - LD2 A rendition has a key frame exactly where the source has one.
//   - LD3 Write never waits. What the transcoder cannot keep up with is dropped
//     up to the next key frame, counted and told.
//   - LD4 A transcoder that ends by itself is started again after 1 s, twice as
//     long each time up to 10 s, from the next key frame of the source.
//   - LD5 Without the program nothing else is harmed; Health says what to do.
//   - LD6 When Run returns, the program has ended.
package ladder
