// Package whip takes publishers in over WebRTC: an encoder or a browser posts
// an SDP offer to /whip/CHANNEL with its stream key as bearer token, and sends
// H.264, HEVC or AV1 and Opus over SRTP. Simulcast layers are renditions.
//
// ICE, DTLS, SRTP, feedback and retransmission are pion's, in goroutines of its
// own, which nobody can guard against a panic. Packets' payloads and everything
// behind them are read in the one goroutine that owns the session.
//
// All publishers share one UDP port. ICE checks go to every candidate that a
// publisher names, once its key has been accepted; addresses that can be
// nobody's (multicast, unspecified, and loopback from elsewhere) are left out.
// Candidates that hide behind mDNS names need not be resolved: the publisher's
// own checks show its address.
//
// A browser begins with a small picture and enlarges it as it learns how much
// gets through, each time with new parameter sets. The answer asks it to begin
// with 1.5 Mbit/s; a page that wants one size from the first frame on sets
// degradationPreference to "maintain-resolution".
//
// Any web page may publish that has a key (CORS "*"), because a page without
// one can do nothing: no cookie is ever looked at.
//
// Rules are numbered IG80 to IG89 in ingest/SPEC.md.
//
// Spec: RFC 9725 (WHIP); RFC 8840 (trickle-ice-sdpfrag); RFC 8853 (simulcast);
// RFC 6184, RFC 7798 and the AV1 RTP specification; RFC 7587 (Opus).
package whip
