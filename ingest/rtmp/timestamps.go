package rtmp

import "github.com/cuelight/cuelight/ingest"

const (
	// wideBits is how many bits of RTMP's millisecond counter are believed. It
	// has 32, but encoders that build on the FLV format, whose timestamps are
	// signed, clear the highest one and begin again after 24.9 days. Without that
	// bit both kinds count on.
	wideBits = 31
	// narrowBits is how many those write who never send an extended timestamp.
	// They begin again after 4.7 hours.
	narrowBits = 24
	// narrowEdge is how close to that point the timestamps before and after it
	// must be, in milliseconds.
	narrowEdge = 10_000
	// narrowRun is how many in a row must have come to it: a single alien one
	// proves nothing.
	narrowRun = 8
)

// timestamps makes RTMP's counter count on. It belongs to one goroutine.
type timestamps struct {
	wide, narrow *ingest.Unwrapper
	// run counts timestamps in a row that were just below 2^24.
	run  int
	lead int64 // of narrow's numbers, once it is used
	last int64
}

func newTimestamps() *timestamps { return &timestamps{wide: ingest.NewUnwrapper(wideBits)} }

// at extends a timestamp; the result is in milliseconds.
func (t *timestamps) at(raw uint32) int64 {
	if t.narrow == nil && t.run >= narrowRun && raw < narrowEdge {
		t.narrow = ingest.NewUnwrapper(narrowBits)
		t.lead = t.last - t.narrow.Unwrap(uint64(t.last))
	}
	t.run = t.approach(raw)
	if t.narrow != nil {
		t.last = t.lead + t.narrow.Unwrap(uint64(raw))
	} else {
		t.last = t.wide.Unwrap(uint64(raw))
	}
	return t.last
}

func (t *timestamps) approach(raw uint32) int {
	const wrap = 1 << narrowBits
	if raw < wrap-narrowEdge || raw >= wrap {
		return 0
	}
	return t.run + 1
}

// near extends a timestamp like at and keeps nothing of it.
func (t *timestamps) near(raw uint32) int64 {
	if t.narrow != nil {
		return t.last + t.narrow.Delta(uint64(int64(raw)-t.last))
	}
	return t.last + t.wide.Delta(uint64(int64(raw)-t.last))
}
