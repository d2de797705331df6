package packager

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// NumbersVersion is the form of Numbers that this package writes and reads.
const NumbersVersion = 1

// Numbers is how far a channel has counted: what another server needs to go on
// with it. It is made to be kept as JSON, about every second and after every
// Begin; what is younger than 5 s is good enough (HV2).
type Numbers struct {
	// Version is NumbersVersion.
	Version int `json:"v"`
	// MSN is the number that the next segment will have.
	MSN uint64 `json:"msn"`
	// Discontinuity is the number of the newest discontinuity domain.
	Discontinuity uint64 `json:"discontinuity"`
	// Date is where the newest whole segment ends, on R; 0 before there is one.
	Date clock.Instant `json:"date"`
	// Ended says that the event is over: what comes next is another one.
	Ended bool `json:"ended,omitempty"`
}

// How many segments a channel may have begun since its Numbers were kept (HV2).
const (
	unkeptSegments = 64
	// Up to where numbers are believed: far beyond any wall clock.
	mostMSN           = 1 << 52
	mostDate          = 1 << 53
	mostDiscontinuity = 1 << 24
)

// Numbers returns how far the channel has counted. Any goroutine may call it.
func (c *Channel) Numbers() Numbers {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := Numbers{Version: NumbersVersion, MSN: c.msn, Discontinuity: c.domain, Date: c.since, Ended: c.ended}
	for _, r := range c.renditions() {
		if _, end := r.end(); len(r.segments) > 0 {
			n.Date = max(n.Date, end)
		}
	}
	return n
}

// Validate reports numbers that no channel can have counted.
func (n Numbers) Validate() error {
	switch {
	case n.Version != NumbersVersion:
		return fmt.Errorf("numbers: kept in form %d, this server reads form %d: run servers of neighbouring releases only", n.Version, NumbersVersion)
	case n.MSN == 0 || n.MSN > mostMSN:
		return fmt.Errorf("numbers: media sequence number %d is out of range", n.MSN)
	case n.Date < 0 || n.Date > mostDate:
		return fmt.Errorf("numbers: date %d is out of range", n.Date)
	case n.Discontinuity > mostDiscontinuity:
		return fmt.Errorf("numbers: discontinuity number %d is out of range", n.Discontinuity)
	}
	return nil
}

// Resume returns where this server begins to count when it goes on with a
// channel that another one had: behind everything that it may have used, with a
// discontinuity that players are told of, and with gaps since then. Otherwise is where the server
// would begin by the clock; its sequence number counts if it is later.
//
// Errors: what Validate finds.
func (n Numbers) Resume(otherwise Start) (Start, error) {
	if err := n.Validate(); err != nil {
		return otherwise, err
	}
	start := Start{
		MSN:           max(otherwise.MSN, n.MSN+unkeptSegments),
		Discontinuity: n.Discontinuity,
		Resumed:       true,
	}
	if !n.Ended {
		start.Since = n.Date
	}
	return start, nil
}

// bridge puts gaps between what another server showed and the first media here,
// which begin at the given time. Without them players have nothing that lies
// where theirs ends: hls.js 1.7.4 looks for it for ever. They are of the domain
// before, since it waits for the first picture of every domain (HV5).
func (c *Channel) bridge(at clock.Ticks) {
	if !c.resumed || c.cut || c.since == 0 {
		return
	}
	to := c.date(at)
	const millisecond = 1000
	from := max(c.since, to.Add(-min(c.cfg.Window, maxWindow))) / millisecond * millisecond
	if to.Sub(from) < leastGap {
		return
	}
	k := cut{domain: c.domain}
	for from < to {
		length := min(c.cfg.SegmentTarget, to.Sub(from))
		if to.Sub(from)-length < leastGap {
			length = to.Sub(from)
		}
		k.msn, k.pdt, k.at = c.msn, from, at-clock.TicksOf(to.Sub(from))
		c.span(k, length)
		c.msn++
		from = from.Add(length)
	}
	c.bridged = true
}

// span adds a segment that is a gap to every rendition that can have one. Nobody
// is shown it before there are media.
func (c *Channel) span(k cut, length time.Duration) {
	for _, r := range c.renditions() {
		if r.init == nil {
			continue
		}
		s := r.segment(k, k.at, false)
		r.missing(s, length)
		s.whole, s.gap = true, true
		r.segments = append(r.segments, s)
		r.slide()
	}
}

// hasMedia reports whether anything is in the rendition but gaps.
func (r *rendition) hasMedia() bool {
	if r.open != nil && len(r.open.Parts) > 0 {
		return true
	}
	for _, s := range r.segments {
		if !s.gap {
			return true
		}
	}
	return false
}
