package ingest

import "github.com/cuelight/cuelight/sync/clock"

// Unwrapper extends a container's wrapping counter to 64 bits: each value is
// taken to be the one nearest to the value before it. A session has one for
// all its tracks, so that they stay on one time base; after a single alien
// value the next one is where it was. It belongs to one goroutine.
type Unwrapper struct {
	bits    uint
	last    int64
	started bool
}

// NewUnwrapper returns an unwrapper for a counter of 1 to 63 bits: 32 for RTP, 33
// for MPEG-TS.
func NewUnwrapper(bits uint) *Unwrapper { return &Unwrapper{bits: bits} }

// Unwrap returns the extended value. The first one is returned as it is.
func (u *Unwrapper) Unwrap(raw uint64) int64 {
	if !u.started {
		u.started = true
		u.last = int64(raw & (1<<u.bits - 1))
		return u.last
	}
	u.last += u.Delta(raw - uint64(u.last))
	return u.last
}

// Delta reads a difference of two counters as a signed number. It changes
// nothing.
func (u *Unwrapper) Delta(diff uint64) int64 {
	shift := 64 - u.bits
	return int64(diff<<shift) >> shift
}

// TicksPerMilli is the length of a millisecond in ticks.
const TicksPerMilli = clock.TicksPerSecond / 1000
