package gateway

import (
	"runtime/debug"
	"time"
)

// Handshakes leave garbage several times as large as the connections they make,
// and stacks that have grown. Idle viewers make no garbage, so the collector
// would not come by for a long time.
const (
	// tidyAfter handshakes are worth a collection, once fewer than tidyCalm come
	// in a tick of the wheel, at most once in tidyEvery.
	tidyAfter = 1000
	tidyCalm  = 50
	tidyEvery = 30 * time.Second
)

// tidy gives the memory of a rush of handshakes back. It belongs to the
// goroutine that turns the wheel.
type tidy struct {
	seen, done uint64 // handshakes: at the last tick, at the last collection
	last       time.Time
}

// due says whether to collect now, after so many handshakes since the start.
func (t *tidy) due(accepted uint64, now time.Time) bool {
	calm := accepted-t.seen < tidyCalm
	t.seen = accepted
	if !calm || accepted-t.done < tidyAfter || now.Sub(t.last) < tidyEvery {
		return false
	}
	t.done, t.last = accepted, now
	return true
}

// tick does what comes round: pings, what was put off, the tidying up.
func (g *Gateway) tick(now time.Time) {
	at := g.moment(now)
	for _, c := range g.wheel.turn() {
		c.pingDue(at)
	}
	g.catchUp(now)
	g.sample(now)
	if g.load.tidy.due(g.counted.accepted.Load(), now) {
		g.work.Go(debug.FreeOSMemory)
	}
}
