package gateway

import (
	"slices"
	"sync"
	"time"
)

// operatingSamples at one in a tick of the wheel are the last minute.
const operatingSamples = int(time.Minute / wheelTick)

// Operating is how much of what this node can do is in use: 0 idle, 1 full.
type Operating struct {
	// Now is the highest share of what bounds the node, Bound is which that is:
	// one of BoundSockets to BoundAnswers.
	Now   float64
	Bound string
	// P50, P95 and Max are of the last minute, of which there is a sample every
	// half second.
	P50, P95, Max float64
}

// What bounds the operating load.
const (
	BoundSockets    = "sockets"    // of Limits.Connections
	BoundHandshakes = "handshakes" // of Limits.Handshakes, in the last second
	BoundJoining    = "joining"    // sockets without Welcome, of Limits.Joining
	BoundLine       = "line"       // joins that wait, of Limits.JoinLine
	BoundWriting    = "writing"    // lag, of 500 ms, from which on counts are put off
	BoundAnswers    = "answers"    // of Limits.Capacity, in the last second
)

// Rates are means over a second.
type Rates struct {
	In         float64 // messages and clock pings from clients
	Out        float64 // messages to clients: broadcasts, replies and welcomes
	Answers    float64 // handed to rooms
	Handshakes float64 // taken
}

// reading is what the counters showed at an instant.
type reading struct {
	at                       time.Time
	in, out, answers, shakes uint64
}

// meter samples the load once in a tick of the wheel. What messages cost does
// not grow by it.
type meter struct {
	mu      sync.Mutex // protects everything below
	before  [2]reading // the last two, the older one first
	rates   Rates
	most    Rates
	samples [operatingSamples]float32
	taken   int // samples since the start
}

// read returns what the counters show.
func (c *counters) read(now time.Time) reading {
	answered := c.receipts.Load() + c.refused.Load()
	clocks := c.clockPings.Load()
	return reading{
		at: now, in: c.messages.Load() + clocks,
		out:     c.deliveries.Load() + answered + clocks - c.clockDropped.Load() + c.joined.Load(),
		answers: c.answers.Load(), shakes: c.accepted.Load(),
	}
}

// since returns the rates from an earlier reading on.
func (r reading) since(old reading) Rates {
	s := r.at.Sub(old.at).Seconds()
	if old.at.IsZero() || s <= 0 {
		return Rates{}
	}
	per := func(now, then uint64) float64 { return float64(now-then) / s }
	return Rates{In: per(r.in, old.in), Out: per(r.out, old.out), Answers: per(r.answers, old.answers), Handshakes: per(r.shakes, old.shakes)}
}

// turn takes the rates of the last second and returns them.
func (m *meter) turn(r reading) Rates {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rates = r.since(m.before[0])
	m.before[0], m.before[1] = m.before[1], r
	m.most = Rates{
		In: max(m.most.In, m.rates.In), Out: max(m.most.Out, m.rates.Out),
		Answers: max(m.most.Answers, m.rates.Answers), Handshakes: max(m.most.Handshakes, m.rates.Handshakes),
	}
	return m.rates
}

func (m *meter) note(load float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples[m.taken%operatingSamples] = float32(load)
	m.taken++
}

// spread fills the distribution of the last minute in, by nearest rank, and
// returns the rates now and the highest ones.
func (m *meter) spread(o *Operating) (now, most Rates) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(m.taken, operatingSamples)
	if n == 0 {
		return m.rates, m.most
	}
	sorted := m.samples
	slices.Sort(sorted[:n])
	rank := func(percent int) float64 { return float64(sorted[(n*percent+99)/100-1]) }
	o.P50, o.P95, o.Max = rank(50), rank(95), rank(100)
	return m.rates, m.most
}

// operating measures the load now, with the rates given.
func (g *Gateway) operating(now time.Time, rates Rates) (o Operating) {
	o.Bound = BoundSockets
	share := func(bound string, used, limit float64) {
		if part := min(used/limit, 1); part > o.Now {
			o.Now, o.Bound = part, bound
		}
	}
	l := &g.load
	share(BoundSockets, float64(g.remotes.open()), float64(g.lim.Connections))
	share(BoundHandshakes, rates.Handshakes, float64(g.lim.Handshakes))
	share(BoundJoining, float64(l.joining.Load()), float64(g.lim.Joining))
	share(BoundLine, float64(l.door.waiting.Load()), float64(g.lim.JoinLine))
	share(BoundWriting, g.lag(now).Seconds(), patience[worthTally].Seconds())
	share(BoundAnswers, rates.Answers, float64(g.lim.Capacity))
	return o
}

// sample belongs to the goroutine that turns the wheel.
func (g *Gateway) sample(now time.Time) {
	rates := g.load.meter.turn(g.counted.read(now))
	g.load.meter.note(g.operating(now, rates).Now)
}
