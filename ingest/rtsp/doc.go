// Package rtsp takes publishers in over RTSP (ANNOUNCE and RECORD), by TCP or
// UDP: H.264 and MPEG-4 AAC.
//
// The address is rtsp://HOST/CHANNEL?key=KEY, or rtsp://HOST/CHANNEL/KEY.
//
// Spec: RFC 2326; RFC 3550; RFC 6184 (H.264, packetization modes 0 and 1);
// RFC 3640 (MPEG-4 audio).
package rtsp
