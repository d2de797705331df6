// Package gateway holds the sockets of viewers and producers, and speaks the
// protocol of interact/wire on them.
//
// It keeps no state of a show: a viewer that comes back is told everything by
// Welcome. These are its rules:
//
//   - GW1 Welcome is the first message on a socket. A broadcast made after the
//     snapshot was taken follows it; one made before may follow it too, and
//     receivers apply it by rule W5.
//   - GW2 Nobody waits for a slow reader. Its outbox is bounded, a newer message
//     about the same thing replaces one not yet written, and a reader that
//     still falls behind is closed with CloseSlow.
//   - GW3 What is unsent leaves in this order: clock replies, liveness pings,
//     receipts and refusals, cues, then tallies, presence and health.
//   - GW4 A clock ping's t2 is read right after it arrived, its t3 right before
//     its reply is written.
//   - GW5 The same token is the same participant; without one, or with one
//     that is not valid, a viewer is a new participant.
//   - GW6 A producer needs a producer's token for the channel, or a sign-in
//     from a page of this host.
//   - GW7 An answer is stamped with the instant it was read and with what this
//     server measured of its line. It gets one receipt or one refusal.
//   - GW8 Who sends faster than allowed is refused, and after five refusals in
//     a minute closed with CloseTooMany.
//   - GW9 A close by the server is Bye, then a close frame with the same code.
//   - GW10 A socket from which nothing came for a minute is closed.
//   - GW11 What one socket sends cannot end another one, not even by a panic.
//   - GW13 A viewer is told, signed, what was measured of its line: after the
//     first three pings, then when its grace changes by more than 20 ms, at most
//     every 30 s. What it brings back with hello counts until its new connection
//     has measured three. A token that is forged, over, another's or of another
//     channel counts for nothing.
//   - GW12 When Run returns, every socket is closed and every goroutine over.
package gateway
