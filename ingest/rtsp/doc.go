// Package rtsp takes publishers in over RTSP (ANNOUNCE and RECORD), by TCP or
// UDP: H.264, HEVC and AV1, MPEG-4 AAC and Opus.
//
// The address is rtsp://HOST/CHANNEL?key=KEY, or rtsp://HOST/CHANNEL/KEY.
//
// Requests, transports, reordering and receiver reports are gortsplib's. It
// calls a handler from goroutines of its own; for each admitted publisher they
// do no more than queue packets for the one goroutine that owns the session.
//
// Spec: RFC 2326; RFC 3550; RFC 6184 (H.264, packetization mode 1); RFC 7798
// (HEVC); RTP Payload Format For AV1; RFC 3640 (MPEG-4 audio, AAC-hbr); RFC 6416
// (LATM); RFC 7587 (Opus).
package rtsp
