// Package srt takes publishers in over SRT: MPEG-TS with H.264 and AAC.
//
// The stream id is publish:CHANNEL:KEY, or in the access control form
// #!::r=CHANNEL,m=publish,s=KEY. A publisher is refused in the SRT handshake,
// with a reason code; once media flow, SRT has no way to say why it ends.
//
// Spec: draft-sharabayko-srt-01 with its access control guidelines;
// ISO/IEC 13818-1.
package srt
