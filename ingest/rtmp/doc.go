// Package rtmp takes publishers in over RTMP and enhanced RTMP: H.264 and AAC,
// plain or multitrack.
//
// The stream key is CHANNEL:KEY at rtmp://HOST/live. The answer to "publish" is
// held back until the key is known, so a refused encoder is told so instead of
// being welcomed and cut off.
//
// Spec: Adobe RTMP 1.0; Veovera Enhanced RTMP v2.
package rtmp
