// Package srt takes publishers in over SRT: MPEG-TS with H.264 or HEVC, several
// sizes of it too, and AAC or Opus.
//
// The stream id is publish:CHANNEL:KEY, or in the access control form
// #!::r=CHANNEL,m=publish,s=KEY. A publisher is refused in the SRT handshake,
// with a reason code; once media flow, SRT has no way to say why it ends.
//
// The library gives the forms of packets and the encryption. Receiving is ours,
// because three things hang on when a packet was received, which the library's
// connection does not tell: packets are released on the sender's clock as it
// drifts, losses stay recoverable for hours, and arrivals are observed without
// the jitter of the way (see pacing). Everything read from outside is read where
// a panic can be caught.
//
// One goroutine reads the port and answers handshakes; each caller has one that
// keeps its connection (conn) and one that reads its media and calls the
// channel's Output (intake). A stuck Output fills its own connection's buffer.
//
// Spec: draft-sharabayko-srt-01 with its access control guidelines;
// ISO/IEC 13818-1.
package srt
