// Package hlspull publishes to a channel what another HLS origin serves: plain
// or low-latency, MPEG-TS or fragmented MP4.
//
// A [Puller] fetches one source for as long as it runs. Followers, one for
// each playlist, fetch segments and parts in order; the goroutine that owns the
// session takes them apart, lays them on one time base and hands frames on at
// the pace at which they play, although they come in bursts of whole segments.
//
// Of a multivariant playlist the variant with the most bits whose codecs are
// taken is followed, with the default rendition of its audio group.
//
// Playlists are parsed by gohlslib, containers by mediacommon, both in
// goroutines that outlive a panic.
//
// Spec: RFC 8216 and draft-pantos-hls-rfc8216bis; rules IG90… of ingest/SPEC.md.
package hlspull
