// Package m3u8 writes HLS playlists. It is pure: values in, text out.
//
// The document followed is draft-pantos-hls-rfc8216bis-22, called rfc8216bis
// below. Rules are numbered in packager/SPEC.md.
package m3u8
