package gateway

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// load is what keeps the node on its feet when more comes than it can do.
type load struct {
	handshakes handshakes
	joining    atomic.Int64 // sockets that were accepted and have had no Welcome
	door       door
	barred     barred
	scribes    []scribe
	tidy       tidy
	meter      meter
	warmth     warmth

	rushed, crowded, turnedAway, busy atomic.Uint64
	sheds                             [worthCue]atomic.Uint64
}

func (g *Gateway) newLoad() {
	g.began = time.Now()
	g.load.meter.before = [2]reading{{at: g.began}, {at: g.began}}
	g.load.door.free = make(chan struct{}, g.lim.Joins)
	g.load.door.line = int64(g.lim.JoinLine)
	g.load.scribes = make([]scribe, min(max(runtime.GOMAXPROCS(0), 1), maxScribes))
	for i := range g.load.scribes {
		g.load.scribes[i].g = g
		g.load.scribes[i].rows = make([]row, len(g.lanes))
	}
}

// handshakes bounds how many begin in a second.
type handshakes struct {
	mu     sync.Mutex // protects bucket
	bucket bucket
}

func (h *handshakes) take(now moment, l Limits) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bucket.take(now, l.Handshakes, l.HandshakeBurst)
}

// door lets a bounded number of joins through at once. The others stand in
// line, first come first served, for as long as they can wait.
type door struct {
	free    chan struct{} // holds one for each that is inside
	line    int64
	waiting atomic.Int64
	refused atomic.Uint64
}

// enter reports false if the line is too long, or nobody left in time. Whoever
// has entered leaves.
func (d *door) enter(patience time.Duration, gone <-chan struct{}) bool {
	select {
	case d.free <- struct{}{}: // fails if somebody stands in line: they come first
		return true
	default:
	}
	defer d.waiting.Add(-1)
	if d.waiting.Add(1) <= d.line {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case d.free <- struct{}{}:
			return true
		case <-timer.C:
		case <-gone:
		}
	}
	d.refused.Add(1)
	return false
}

func (d *door) leave() { <-d.free }

// spread is how much later than others somebody is told to come back who finds
// the node busy: more, the longer the line.
func (l *load) spread(lim Limits) time.Duration {
	line := time.Duration(l.joining.Load()) * time.Second / time.Duration(lim.Handshakes)
	return rand.N(min(time.Second+2*line, maxSpread))
}

// maxSpread is the longest wait that spread adds.
const maxSpread = 20 * time.Second

// Load says how much this node does, what was refused and shed to keep the node on its feet, since the
// start, and how far it is behind now.
type Load struct {
	// Operating is how much of what this node can do is in use.
	Operating Operating
	// Connections are open sockets, MaxConnections the most there ever were.
	Connections, MaxConnections int
	// Rates are those of the last second, MaxRates the highest there ever were.
	Rates, MaxRates Rates
	// Joining are sockets without Welcome, InLine those of them that wait for
	// others to join first.
	Joining, InLine int
	// Lag is for how long somebody has been waiting to be written to.
	Lag time.Duration
	// RefusedRush and RefusedCrowd are handshakes refused because of
	// Limits.Handshakes and of Limits.Joining.
	RefusedRush, RefusedCrowd uint64
	// Busy are joins refused because too many others joined.
	Busy uint64
	// Barred are participants not let in because of what they had sent.
	Barred uint64
	// BusyAnswers are answers refused because the room's inbox was full.
	BusyAnswers uint64
	// ShedTallies and ShedPresence are messages not sent because writing was
	// behind, or because a reader had too many waiting.
	ShedTallies, ShedPresence uint64
}

// Load returns the load now. Safe for concurrent use.
func (g *Gateway) Load() Load {
	l, now := &g.load, time.Now()
	var spread Operating
	rates, most := l.meter.spread(&spread)
	o := g.operating(now, rates)
	o.P50, o.P95, o.Max = spread.P50, spread.P95, max(spread.Max, o.Now)
	open, record := g.remotes.open(), g.remotes.record()
	return Load{
		Operating: o, Connections: open, MaxConnections: record, Rates: rates, MaxRates: most,
		Joining: int(l.joining.Load()), InLine: int(l.door.waiting.Load()), Lag: g.lag(now),
		RefusedRush: l.rushed.Load(), RefusedCrowd: l.crowded.Load(), Busy: l.door.refused.Load(),
		Barred: l.turnedAway.Load(), BusyAnswers: l.busy.Load(),
		ShedTallies: l.sheds[worthTally].Load(), ShedPresence: l.sheds[worthPresence].Load(),
	}
}

// lag is how far the writing to some tenant is behind.
func (g *Gateway) lag(now time.Time) time.Duration {
	worst := time.Duration(0)
	for _, t := range g.lanes {
		worst = max(worst, g.lagOf(t, now))
	}
	return worst
}

// lagOf is how far the writing to one tenant is behind.
func (g *Gateway) lagOf(t *tenant, now time.Time) time.Duration {
	worst := time.Duration(0)
	for i := range g.load.scribes {
		worst = max(worst, g.load.scribes[i].lag(t.lane, g.moment(now)))
	}
	return worst
}
