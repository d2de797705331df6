// Package origin serves the channels of a packager over HTTP: playlists with
// blocking reload and delta updates, init sections, parts and segments.
//
// Everything of a channel lies beside /hls/{channel}/index.m3u8. Answers
// depend on path and _HLS_ directives only, never on who asks, and carry the
// cache times of rfc8216bis Appendix B.1, so that any HTTP cache can stand in
// front (B9, N3, N5). The one exception is the multivariant playlist of a
// protected channel, which asks for a token and names the media under a path
// that is the same for everybody who has one (A1–A8).
//
// Rules are numbered in packager/SPEC.md.
package origin
