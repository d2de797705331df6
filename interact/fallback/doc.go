// Package fallback carries the protocol of interact/wire for those whose
// network breaks WebSocket: server-sent events down, HTTP POST up, the same
// messages in the same order.
//
// A stream is one more connection of the gateway: the package opens a WebSocket
// inside the process for each, in the name of whoever asked, and relays. So
// every rule and every limit of the gateway holds for streams too. What is
// added here are the rules FB… of interact/SPEC.md.
package fallback
