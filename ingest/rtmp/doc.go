// Package rtmp takes publishers in over RTMP and RTMPS: H.264, HEVC and AV1
// pictures, AAC and Opus sound, plain or as enhanced RTMP with several tracks.
//
// The stream key is CHANNEL:KEY at rtmp://HOST/live. The answer to "publish" is
// given when the key is known, so a refused encoder is told so instead of being
// welcomed and cut off.
//
// A connection is read by one goroutine, from the outside in: wire (bytes and
// their arrival), chunks (messages), greeting (commands until publish), then
// intake (tags, tracks, the session).
//
// Spec: Adobe RTMP 1.0; Veovera Enhanced RTMP v2; FLV 10.1 annex E.
package rtmp
