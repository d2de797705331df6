package ingest

import (
	"maps"
	"sync"
)

// Counters count what publishers did. The zero value is ready; it is safe for
// concurrent use.
type Counters struct {
	mu    sync.Mutex // protects total
	total Snapshot
}

// Snapshot is a copy of Counters. Apart from Live, values only grow.
type Snapshot struct {
	Live     int    // sessions that have a slot
	Admitted uint64 // sessions whose media began
	Left     uint64 // of those, the ones that ended, for any reason
	// Refused counts by code those who never began, Cut those whom we ended.
	Refused, Cut map[Code]uint64
	Stalled      uint64 // times that a publisher sent no media for 3 s
	Frames       uint64 // written
	Dropped      uint64 // not written: timestamps, or before the first key frame
	Bytes        uint64 // read from admitted publishers, with overhead
}

// Snapshot returns the counters as they are now.
func (c *Counters) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.total
	s.Refused, s.Cut = maps.Clone(s.Refused), maps.Clone(s.Cut)
	return s
}

func (c *Counters) change(f func(*Snapshot)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.total)
}

func count(m *map[Code]uint64, code Code) {
	if *m == nil {
		*m = make(map[Code]uint64)
	}
	(*m)[code]++
}
