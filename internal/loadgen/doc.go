// Package loadgen rehearses an audience: it opens many real sockets to a
// server from several processes, speaks the protocol of interact/wire on them,
// measures, and holds what every viewer was told against what the server says
// it has counted.
//
// [Rehearsal] is the parent: it runs cues through the HTTP API, gives orders to
// the workers, and makes a [Report] of what they found. [Serve] is a worker: it
// holds up to [MaxSockets] sockets, each a goroutine and a few KB, and carries
// out one order after another. Orders and findings are lines of JSON on the
// worker's standard input and output, so nothing of them can be seen from
// outside.
//
// Rules are numbered LG… in interact/SPEC.md.
package loadgen
