package srt

// pacing lays the sender's packet timestamps on local time (rule IG53).
//
// SRT stamps each packet with the sender's own clock when the encoder hands it
// over. The difference between that and the moment of its receipt is a constant,
// plus the drift of the two clocks, plus what the way added; the last is never
// negative. So the map is the line under those differences: the supporting
// line of their lower hull over the last minute. Jitter, bursts after a stall
// and late packets lie above it and do not count. Packets sent again do not
// enter at all: they carry the timestamp of the first try.
//
// The receiver's buffer releases packets by this map too. If it kept to the
// difference at the handshake, as receivers without drift tracing do, a sender
// 200 ppm slow would use up 120 ms of buffer in 10 minutes, from when on lost
// packets cannot be sent again in time, and one 200 ppm fast would add 720 ms of
// delay an hour.
//
// Times are µs. It is pure and belongs to one goroutine.
type pacing struct {
	started bool
	began   int64   // sent of the first packet since the last reset
	last    int64   // newest sent
	off     float64 // local − sent at last, as published
	slope   float64 // change of off per µs of sent
	base    float64 // line: base + slope·(sent−began), under all lows
	lows    []low
	aliens  int   // packets in a row that another clock would explain
	since   int64 // receipt of the first of those
	resets  int
}

// low is the smallest difference within one second of the sender's time.
type low struct {
	second int64
	x, d   float64 // sent−began and local−sent
}

const (
	second = 1_000_000 // µs
	// window is how many lows are looked at. The hull of less follows jitter,
	// that of more follows the clock's own wander too late.
	window = 60
	// minLows is from when on the drift can be told from jitter.
	minLows = 6
	// maxDrift is far more than any quartz is off, as a slope.
	maxDrift = 500e-6
	// slew is how fast the published map is corrected, as a slope: 1 ms takes
	// half a second.
	slew = 2000e-6
	// acquire is how long after the first packet corrections to earlier are
	// taken at once.
	acquire = 2 * second
	// far is by how much a packet must miss the map to be no jitter: earlier
	// than that is another clock, later for farSeconds is another way or clock.
	far        = 250_000
	farSeconds = 5
	// alienPackets and alienSpan are how long another clock must be seen.
	alienPackets = 32
	alienSpan    = 200_000
)

// heard takes the timestamp of a packet sent for the first time, and when it
// was received.
func (p *pacing) heard(sent, received int64) {
	if !p.started {
		p.reset(sent, received)
		return
	}
	d := float64(received - sent)
	if p.alien(sent, received, d) {
		return
	}
	if p.bin(sent, d) {
		p.fit()
	}
	if under := p.line(sent) - d; under > 0 {
		p.base -= under
	}
	p.follow(sent)
}

// reset begins again from one packet.
func (p *pacing) reset(sent, received int64) {
	resets := p.resets
	if p.started {
		resets++
	}
	d := float64(received - sent)
	*p = pacing{started: true, began: sent, last: sent, off: d, base: d, resets: resets, lows: p.lows[:0]}
	p.bin(sent, d)
}

// alien reports whether a packet is so far under the line, or so long before
// the newest, that no way explains it. When that goes on, the sender's clock was
// set.
func (p *pacing) alien(sent, received int64, d float64) bool {
	if d > p.line(sent)-far && sent > p.last-farSeconds*second {
		p.aliens = 0
		return false
	}
	if p.aliens == 0 {
		p.since = received
	}
	if p.aliens++; p.aliens >= alienPackets && received-p.since >= alienSpan {
		p.reset(sent, received)
	}
	return true
}

// bin keeps the lowest difference of each second and reports whether a new
// second has begun.
func (p *pacing) bin(sent int64, d float64) (fresh bool) {
	l := low{second: sent / second, x: float64(sent - p.began), d: d}
	n := len(p.lows)
	switch {
	case n == 0 || l.second > p.lows[n-1].second:
		if n == window {
			p.lows = append(p.lows[:0], p.lows[1:]...)
		}
		p.lows = append(p.lows, l)
		return true
	case l.second == p.lows[n-1].second && d < p.lows[n-1].d:
		p.lows[n-1] = l
	}
	return false
}

// fit lays the line under the lows of the seconds that are over.
func (p *pacing) fit() {
	over := p.lows[:len(p.lows)-1]
	if p.strayed(over) {
		newest := p.lows[len(p.lows)-1]
		sent := p.began + int64(newest.x)
		p.reset(sent, sent+int64(newest.d))
		return
	}
	p.slope = 0
	if len(over) >= minLows {
		p.slope = max(-maxDrift, min(supportSlope(over), maxDrift))
	}
	p.base = over[0].d - p.slope*over[0].x
	for _, l := range p.lows {
		p.base = min(p.base, l.d-p.slope*l.x)
	}
}

// strayed reports whether all has come far above the line for so long that it
// will not come back.
func (p *pacing) strayed(over []low) bool {
	if len(over) <= farSeconds {
		return false
	}
	for _, l := range over[len(over)-farSeconds:] {
		if l.d < p.base+p.slope*l.x+far {
			return false
		}
	}
	return true
}

func (p *pacing) line(sent int64) float64 { return p.base + p.slope*float64(sent-p.began) }

// follow moves the published map towards the line without a step.
func (p *pacing) follow(sent int64) {
	dt := float64(sent - p.last)
	if dt <= 0 {
		return
	}
	p.off += p.slope * dt
	p.last = sent
	miss := p.line(sent) - p.off
	if miss < 0 && sent-p.began < acquire {
		p.off += miss
		return
	}
	p.off += max(-slew*dt, min(miss, slew*dt))
}

// at returns the local time of a timestamp: when a packet that the way did not
// hold up would have been received.
func (p *pacing) at(sent int64) int64 {
	return sent + int64(p.off+p.slope*float64(sent-p.last))
}

// supportSlope returns the slope of the line that lies under all points and is
// highest at their mean: the edge of the lower hull there.
func supportSlope(points []low) float64 {
	hull := make([]low, 0, window)
	mean := 0.0
	for _, q := range points {
		mean += q.x / float64(len(points))
		for len(hull) >= 2 && !turnsUp(hull[len(hull)-2], hull[len(hull)-1], q) {
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, q)
	}
	for i := 1; i < len(hull); i++ {
		if hull[i].x >= mean || i == len(hull)-1 {
			return (hull[i].d - hull[i-1].d) / max(hull[i].x-hull[i-1].x, 1)
		}
	}
	return 0
}

// turnsUp reports whether b lies below the line from a to c.
func turnsUp(a, b, c low) bool {
	return (b.d-a.d)*(c.x-a.x) < (c.d-a.d)*(b.x-a.x)
}
