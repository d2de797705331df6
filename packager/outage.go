package packager

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// leastGap is the shortest rest that is filled with a gap.
	leastGap = 50 * time.Millisecond
	// overlap is how far before the end of the gaps media that return may begin.
	overlap = 500 * time.Millisecond
	// refusal is how long media are refused that would begin earlier.
	refusal = 10 * time.Second
	// seamSlack makes the first part of an outage shorter, since renditions do not
	// end at the same moment and none of their parts may be too long (P2).
	seamSlack = 50 * time.Millisecond
)

// outage is the time without media (C11). Gaps are laid along R, because
// nothing else goes on.
type outage struct {
	fed   bool          // media came since the last tick
	heard clock.Instant // the tick before which media came last
	lag   time.Duration // how far behind R they were then
	on    bool          // gaps are in the place of media
	from  clock.Instant // date at which the gaps begin
	upTo  clock.Instant // and up to which they are listed
	begun clock.Instant // date at which the open gap segment begins
	late  clock.Instant // since when media are refused, 0 if none are
}

// Tick says what time it is. It lets the playlists go on when media stay away
// for longer than Config.Grace: with parts and segments that are gaps, at the
// usual pace and behind R as far as media were, plus the grace. Call it about
// every 100 ms, with or without a session. Without it a channel has no gaps.
//
// Errors: media that could not be packaged before the gap.
func (c *Channel) Tick(now clock.Instant) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.outage
	c.now = max(c.now, now)
	c.expire(now)
	switch {
	case c.ended:
		return nil
	case o.fed:
		o.fed, o.heard = false, now
		o.lag = max(now.Sub(c.cfg.PDT(c.horizon)), 0)
	case o.heard == 0:
		o.heard = now
	}
	if now.Sub(o.heard) < c.cfg.Grace || !c.shown() {
		return nil
	}
	var err error
	if !o.on {
		err = c.miss()
	}
	c.extend(now.Add(-o.lag - c.cfg.Grace))
	c.publish()
	return err
}

// shown reports whether there is a playlist that has to go on.
func (c *Channel) shown() bool {
	for _, r := range c.renditions() {
		if len(r.segments) > 0 {
			return true
		}
	}
	return false
}

// miss ends the domain because nothing comes. What renditions that follow have
// not cut by now is missing.
func (c *Channel) miss() error {
	err := c.leave(c.ending())
	for _, f := range c.followers() {
		if e := f.finish(); err == nil {
			err = e
		}
		c.note(f.rendition, true)
	}
	o := &c.outage
	o.on, o.late, o.from = true, 0, 0
	for _, r := range c.renditions() {
		if _, end := r.end(); len(r.segments) > 0 {
			o.from = max(o.from, end)
		}
	}
	o.upTo, o.begun = o.from, o.from
	c.log.Warn("media stay away: gaps in their place", "dur", c.cfg.Grace)
	return err
}

// end returns where the newest segment ends.
func (r *rendition) end() (clock.Ticks, clock.Instant) {
	if len(r.segments) == 0 {
		return 0, 0
	}
	s := r.segments[len(r.segments)-1]
	return s.at + clock.TicksOf(s.duration), s.pdt.Add(s.duration)
}

// extend lists gaps up to a date, in whole parts.
func (c *Channel) extend(until clock.Instant) {
	o := &c.outage
	for {
		step := c.cfg.PartTarget
		if o.upTo == o.begun {
			step -= seamSlack
		}
		next := min(o.upTo.Add(step), o.begun.Add(c.cfg.SegmentTarget))
		if next > until {
			return
		}
		c.gapTo(next)
		if next == o.begun.Add(c.cfg.SegmentTarget) {
			c.endGap()
		}
	}
}

// gapTo adds to the open gap segment of every rendition, or opens one.
func (c *Channel) gapTo(date clock.Instant) {
	o := &c.outage
	if o.upTo == o.begun {
		c.openGap()
	}
	for _, r := range c.renditions() {
		if r.gap != nil {
			r.missing(r.gap, date.Sub(r.gap.pdt))
			c.note(r, true)
		}
	}
	o.upTo = date
}

// openGap opens the next segment of all renditions as a gap, each where its own
// media end.
func (c *Channel) openGap() {
	k := cut{msn: c.msn, domain: c.domain, pdt: c.outage.upTo}
	c.msn++
	for _, r := range c.renditions() {
		if len(r.segments) > 0 {
			at, end := r.end()
			k.at, k.pdt = at, end
			r.gap = r.segment(k, at, false)
			r.gap.init, r.gap.mapHere = r.segments[len(r.segments)-1].init, false
		}
	}
}

// endGap closes the open gap segment as it is.
func (c *Channel) endGap() {
	c.outage.begun = c.outage.upTo
	for _, r := range c.renditions() {
		if s := r.gap; s != nil {
			s.whole, s.gap = true, true
			r.gap = nil
			r.segments = append(r.segments, s)
			r.slide()
			c.note(r, true)
		}
	}
}

// resume ends the outage with media that begin at the given time. Gaps fill what
// is missing up to there. It refuses media that belong where gaps have been
// listed already, for a while: their dates would be ambiguous (T3).
func (c *Channel) resume(at clock.Ticks) bool {
	o := &c.outage
	if !o.on {
		o.fed = true
		return true
	}
	date := c.date(at)
	if date < o.upTo.Add(-overlap) {
		if o.late == 0 {
			o.late = c.now
			c.log.Warn("media are late: gaps were put in their place", "pts", int64(at), "dur", o.upTo.Sub(date))
		}
		if c.now.Sub(o.late) < refusal {
			return false
		}
	}
	c.extend(date)
	if date.Sub(o.upTo) >= leastGap {
		c.gapTo(date)
	}
	c.endGap()
	o.on, o.fed = false, true
	c.log.Info("media are back", "dur", date.Sub(o.from))
	return true
}
