package gateway

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// Limits of warming up.
const (
	maxWarm   = 32_768           // viewers
	warmEvery = 20 * time.Second // what was made is kept for about as long
	warmSpare = 16               // buffers for each core
)

// warmth is what was made ready last.
type warmth struct {
	mu    sync.Mutex // protects everything below
	n     int
	until moment
}

// begin returns how many more to make ready for n.
func (w *warmth) begin(n int, now moment) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now >= w.until {
		w.n = 0
	}
	more := max(n-w.n, 0)
	w.n, w.until = w.n+more, now.add(warmEvery)
	return more
}

// Warm makes ready what the first answers of a cue need at once, so that it is
// not made while they come: room to write receipts for expected viewers of the
// channel, buffers for the readers, the lines of the scribes. It is worth calling
// a second before a window opens. Zero expects all who watch the channel here.
// Again within 20 s it makes only what more are expected. What is not used the
// collector takes. Safe for concurrent use.
func (g *Gateway) Warm(channel string, expected int) {
	here := g.Viewers(channel)
	if expected <= 0 || expected > here {
		expected = here
	}
	lane := g.tenantOf(channel).lane
	for i := range g.load.scribes {
		g.load.scribes[i].expect(lane, expected/len(g.load.scribes)+1)
	}
	more := g.load.warmth.begin(min(expected, maxWarm), g.moment(time.Now()))
	if more == 0 {
		return
	}
	warmPool(&outboxes, more, func() any {
		o := new(outbox)
		o.letters[laneReply].items = make([]letter, 0, 1)
		return o
	})
	warmPool(&receipts, more, func() any { return new(wire.Receipt) })
	few := min(more, warmSpare*runtime.GOMAXPROCS(0))
	warmPool(&buffers, few, buffers.New)
	warmPool(&scratch, few, scratch.New)
}

// warmPool puts n more into a pool.
func warmPool(p *sync.Pool, n int, make func() any) {
	for range n {
		p.Put(make())
	}
}

// expect makes room for n sockets of a tenant that wait.
func (s *scribe) expect(lane, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.rows[lane]
	if more := n - len(r.waiting); more > 0 {
		r.waiting = slices.Grow(r.waiting, more)
	}
}
