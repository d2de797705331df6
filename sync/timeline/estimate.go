package timeline

import (
	"math"
	"time"
)

// apart is how far two estimates of one edge may differ, in µs.
const apart = 5_000.0

// estimate lays the line that P follows: along the earliest arrivals, or along
// the encoder's clock where that may be trusted.
func (c *Channel) estimate() {
	s := &c.session
	prior, known := s.prior, false
	var own line
	ticking := s.ticking()
	if ticking {
		own, known = s.captures.fit(&c.work, prior)
	}
	if known {
		prior = own.slope
	}
	s.edgeLine = c.work.fit(s.arrivals.bins(c.work.all[:0]), prior)
	if ticking && !known {
		own, _ = s.captures.fit(&c.work, s.edgeLine.slope)
	}
	own.bins = max(own.bins, s.edgeLine.bins)
	c.choose(own, ticking)
}

// learn tells the rate of the media clock from up to 20 minutes, as long as
// they agree with the last two about where the edge is (TL11).
func (c *Channel) learn() {
	s := &c.session
	x, _ := s.coordinates(s.edge, 0)
	if s.stale {
		s.long, s.stale = c.work.fit(s.window(c.work.all[:0]), s.prior), false
	}
	if math.Abs(s.long.at(x)-s.edgeLine.at(x)) > apart {
		s.history.forget(x - binCount*fine)
		s.long.bins = 0
	}
	s.slope = s.line.slope
	if s.long.bins >= firstFit && !s.follows {
		s.slope = s.long.slope
	}
	if x-s.since >= fullTrust {
		s.prior = s.slope
	}
}

// ticking says whether the encoder's clock can be read.
func (s *session) ticking() bool {
	now := float64(s.edge-s.zero.Media) / 90_000
	return s.captures.n > 0 && now-s.captures.x < captureAge
}

// choose decides which clock P follows (TL20). A clock that is gone, or further
// from P than a slew can mend, leaves P where it is: it goes on at the rate of
// the arrivals. One that is ahead by that much is right at the next epoch.
func (c *Channel) choose(own line, ticking bool) {
	s := &c.session
	x, p := s.coordinates(s.edge, c.m.At(s.edge))
	trusted := c.cfg.TrustEncoder && ticking && c.inBound(own, x)
	reach := func(l line) bool { return !s.ready || math.Abs(l.at(x)-p) <= takeover+s.pushed }
	switch {
	case trusted && reach(own) && (s.follows || !s.ready || s.captures.n >= agreement):
		s.follows, s.held, s.line, s.lead = true, true, own, s.edgeLine.at(x)-own.at(x)
	case !s.held || ticking && !trusted && reach(s.edgeLine):
		s.follows, s.held, s.line, s.lead = false, false, s.edgeLine, 0
	default:
		y := s.line.at(x)
		s.follows, s.line = false, s.edgeLine
		s.line.x0, s.line.y0 = x, y
	}
	if trusted && s.ready && !reach(own) && own.at(x) > p && s.captures.n > firstFit {
		c.askEpoch()
	}
}

// inBound says whether the encoder's clock is close enough to R. A clock that
// was left comes back only when it is well inside.
func (c *Channel) inBound(own line, x float64) bool {
	s := &c.session
	bound := float64(c.cfg.CaptureBound / time.Microsecond)
	if !s.follows && s.ready {
		bound *= 0.8
	}
	return math.Abs(s.edgeLine.at(x)-own.at(x)) < bound
}

// window appends the finest bins there are of up to 20 minutes to out.
func (s *session) window(out []bin) []bin {
	out = s.history.bins(out)
	recent := float64(s.arrivals.newest - binCount + 1)
	for len(out) > 0 && float64(out[len(out)-1].number+1)*coarse > recent {
		out = out[:len(out)-1]
	}
	return s.arrivals.bins(out)
}
