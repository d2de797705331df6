// Package rtsp takes publishers in over RTSP (ANNOUNCE and RECORD), by TCP or
// UDP: H.264 and MPEG-4 AAC.
//
// The address is rtsp://HOST/CHANNEL?key=KEY, or rtsp://HOST/CHANNEL/KEY.
//
// Requests, transports, reordering and receiver reports are gortsplib's. It
// calls a handler from goroutines of its own; for each admitted publisher they
// do no more than queue packets for the one goroutine that owns the session.
//
// Spec: RFC 2326; RFC 3550; RFC 6184 (H.264, packetization mode 1); RFC 3640
// (MPEG-4 audio, AAC-hbr).
package rtsp
