package capacity

import "time"

// Figures are what one machine was measured to take. CPU times are of one core.
type Figures struct {
	// Answer is the CPU time that a gateway takes for one answer, with the
	// kernel's, without what keeps it: before it is handed on, and for its receipt.
	Before, Receipt time.Duration
	// Call and Vote are the CPU time of Redis for one batch, and for each vote in
	// it; Sync is how long its log takes to be synced, once for all batches that
	// wait.
	Call, Vote, Sync time.Duration
	// Network is the way from a gateway to Redis and back.
	Network time.Duration
	// Gather is how long a gateway gathers votes for one batch, at most.
	Gather time.Duration
	// Delivery is the CPU time for one broadcast to one viewer, Connect that of a
	// viewer who comes.
	Delivery, Connect time.Duration
	// Idle is the memory of a connected viewer on its gateway, Kept that of an
	// answer in Redis. Units: bytes.
	Idle, Kept int
	// Cue is what one cue sends to a viewer and Reply what an answer and its
	// receipt take both ways, Pings what keeps a viewer's clock in a minute; with
	// the frames' and TCP's headers. Units: bytes.
	Cue, Reply, Pings int
	// Process is how many sockets one process may hold.
	Process int
}

// Share is how much of an audience answers, Peak how much of that comes within
// the busiest second.
const (
	Share = 0.85
	Peak  = 0.75
)
