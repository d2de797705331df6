// Package follow keeps the room clocks of several machines in step. One of them
// leads: its [Responder] answers clock pings over UDP. Every other has a
// [Follower] that asks it once a second and slews its own R after it.
//
// Pings and pongs are the binary frames of viewers' sockets, one a datagram. UDP
// keeps them apart: a lost one delays no other. They are not encrypted and a
// leader answers anybody who reaches it, so the address belongs into the
// servers' own network. A ping carries a random number instead of a time, which
// only the leader can echo, and is as long as its pong, so that a responder
// makes nobody's traffic grow.
//
// Rules are numbered CL… in sync/SPEC.md.
package follow
