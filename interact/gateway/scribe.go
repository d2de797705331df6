package gateway

import (
	"sync"
	"time"
)

// scribe writes for many connections, one after the other and without waiting
// for any (GW2). Its goroutine lives while there is something to write, so that
// a burst of replies is written by a few goroutines and not by one for each.
type scribe struct {
	g *Gateway

	mu      sync.Mutex // protects everything below; taken with conn.mu held
	waiting []*conn    // whose right to write is this scribe's, each once
	spare   []*conn    // the array that waiting will grow in next
	running bool
	since   moment // when waiting was empty last
	begun   moment // the same for those being written, 0 if there are none
}

// maxScribes is how many share the writing, at most; there are no more than
// cores.
const maxScribes = 16

// add hands c's right to write over. The caller holds c.mu.
func (s *scribe) add(c *conn) {
	s.mu.Lock()
	if len(s.waiting) == 0 {
		s.since = s.g.moment(time.Now())
	}
	s.waiting = append(s.waiting, c)
	start := !s.running
	s.running = true
	s.mu.Unlock()
	if start {
		s.g.work.Go(s.run)
	}
}

// run writes until nobody waits.
func (s *scribe) run() {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	for batch := s.next(nil); batch != nil; batch = s.next(batch) {
		for i, c := range batch {
			c.flush(buf)
			batch[i] = nil // hold nobody who leaves
		}
	}
}

// next returns who waits, nil if nobody does and run has to end. It takes the
// last batch back.
func (s *scribe) next(last []*conn) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last != nil {
		s.spare = last[:0]
	}
	if len(s.waiting) == 0 {
		s.running, s.begun = false, 0
		return nil
	}
	batch := s.waiting
	s.waiting, s.spare = s.spare, nil
	s.begun = s.since
	return batch
}

// lag is for how long somebody has been waiting to be written to.
func (s *scribe) lag(now moment) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return 0
	}
	since := s.begun
	if since == 0 || len(s.waiting) > 0 && s.since < since {
		since = s.since
	}
	return now.sub(since)
}

// scratch is where frames are put together.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 2*chunk); return &b }}

// chunk is about how many bytes one write holds, unless one message is longer.
const chunk = 4096

// moment is a time since the gateway began: a third of the size of a time.Time,
// of which a connection would hold many.
type moment int64

func (g *Gateway) moment(t time.Time) moment { return moment(t.Sub(g.began)) + 1 }

func (m moment) sub(earlier moment) time.Duration { return time.Duration(m - earlier) }

func (m moment) add(d time.Duration) moment { return m + moment(d) }
