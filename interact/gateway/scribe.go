package gateway

import (
	"runtime"
	"sync"
	"time"
)

// scribe writes for many connections, one after the other and without waiting
// for any (GW2). Its goroutine lives while there is something to write, so that
// a burst of replies is written by a few goroutines and not by one for each.
type scribe struct {
	g *Gateway

	mu      sync.Mutex // protects everything below; taken with conn.mu held
	rows    []row      // one for each tenant
	turn    int        // the row whose turn it is
	running bool
}

// row is who of one tenant waits.
type row struct {
	waiting []*conn // whose right to write is this scribe's, each once
	taken   []*conn // those of them that come before waiting; a part of array
	array   []*conn // what waiting will grow in next
	since   moment  // when waiting was empty last
	begun   moment  // the same for taken, 0 if nobody of it is left
}

// scribeTurn is how many sockets of one tenant are written to before those of
// another that waits: a fraction of a millisecond of system calls.
const scribeTurn = 64

// maxScribes is how many share the writing, at most; there are no more than
// cores.
const maxScribes = 16

// add hands c's right to write over. The caller holds c.mu.
func (s *scribe) add(c *conn) {
	s.mu.Lock()
	r := &s.rows[c.lane()]
	if len(r.waiting) == 0 {
		r.since = s.g.moment(time.Now())
	}
	r.waiting = append(r.waiting, c)
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
	for batch := s.next(); batch != nil; batch = s.next() {
		for i, c := range batch {
			c.flush(buf)
			batch[i] = nil // hold nobody who leaves
		}
		if len(s.rows) > 1 {
			runtime.Gosched() // readers of others, too, come after one turn
		}
	}
}

// next returns who is to be written to now, nil if nobody waits and run has to
// end. Those it returned before have been.
func (s *scribe) next() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.rows {
		r := &s.rows[s.turn]
		s.turn = (s.turn + 1) % len(s.rows)
		if batch := r.next(len(s.rows) > 1); batch != nil {
			return batch
		}
	}
	s.running = false
	return nil
}

// next returns the next ones of a row: all, or a turn of them if it is shared
// with other rows.
func (r *row) next(shared bool) []*conn {
	if len(r.taken) == 0 {
		if len(r.waiting) == 0 {
			r.begun = 0
			return nil
		}
		r.waiting, r.array = r.array[:0], r.waiting
		r.taken, r.begun = r.array, r.since
	}
	n := len(r.taken)
	if shared {
		n = min(n, scribeTurn)
	}
	batch := r.taken[:n]
	r.taken = r.taken[n:]
	return batch
}

// lag is for how long somebody of a tenant has been waiting to be written to.
func (s *scribe) lag(lane int, now moment) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.rows[lane]
	since := r.begun
	if len(r.waiting) > 0 && (since == 0 || r.since < since) {
		since = r.since
	}
	if !s.running || since == 0 {
		return 0
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
