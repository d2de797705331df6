package clock

import (
	"slices"
	"sync/atomic"
	"time"
)

// Room is the room clock R: a wall-clock reading taken once, continued by the
// machine's monotonic clock and corrected by slewing. Steps of the operating
// system's wall clock do not reach it (CL1).
//
// Within an epoch R never jumps and never stands: it runs within MaxSlew of the
// machine's clock (CL9). It is safe for concurrent use.
type Room struct {
	course atomic.Pointer[course]
}

// NewRoom starts a room clock that reads base at start. The start must carry a
// monotonic reading (it comes from time.Now). The epoch names this clock: a
// client that sees another epoch drops every sample it has (CL2).
func NewRoom(start time.Time, base Instant, epoch uint32) *Room {
	r := new(Room)
	r.course.Store(newCourse(start, base, epoch))
	return r
}

// At returns the instant on R at which the process read t from time.Now.
func (r *Room) At(t time.Time) Instant { return r.course.Load().at(t) }

// TimeAt is the inverse of At: the earliest time.Now reading at which R shows
// i, as R is to run now. Use it to set timers: time.Until(r.TimeAt(i)). A timer
// that is set beyond the next correction may fire early or late by MaxSlew of
// its length; one that is set beyond a step is wrong (see Stepped).
func (r *Room) TimeAt(i Instant) time.Time { return r.course.Load().when(i) }

// Epoch names this clock. It changes only when R could not be continued.
func (r *Room) Epoch() uint32 { return r.course.Load().epoch }

// Read is At and Epoch of the same moment: no step comes between them.
func (r *Room) Read(t time.Time) (Instant, uint32) {
	c := r.course.Load()
	return c.at(t), c.epoch
}

// Steer corrects R from now on: it runs steady faster than the machine's clock,
// and besides is moved by the given time, which takes over or as much longer as
// MaxSlew demands (CL9). It replaces what is left of the correction before.
//
// The steady rate is cut to ±MaxSteady, by to ±24 h, over to 24 h.
func (r *Room) Steer(now time.Time, by time.Duration, steady Rate, over time.Duration) {
	for {
		old := r.course.Load()
		if r.course.CompareAndSwap(old, old.steer(now, by, steady, over)) {
			return
		}
	}
}

// Step begins a new epoch in which R reads to at now, at the machine's own rate.
// It is for a clock that cannot be continued: every client measures anew (CL2).
func (r *Room) Step(now time.Time, to Instant, epoch uint32) {
	old := r.course.Swap(newCourse(now, to, epoch))
	close(old.stepped)
}

// Stepped returns a channel that is closed when R begins its next epoch. Whoever
// set a timer by TimeAt sets it anew. Hold the channel until it is closed and
// fetch the next one before looking at R: a step in between is not missed then.
func (r *Room) Stepped() <-chan struct{} { return r.course.Load().stepped }

// Slew says how R runs at now: how much faster than the machine's clock, and
// what is left of the correction on its way.
func (r *Room) Slew(now time.Time) (rate Rate, left time.Duration) {
	return r.course.Load().slew(now)
}

// NextEpoch names the clock after the one named last. It differs from last even
// where the wall clock now went back.
func NextEpoch(last uint32, now time.Time) uint32 {
	return max(last+1, uint32(now.Unix()))
}

// history is how many past legs are kept, for readings of the clock that were
// taken before the latest corrections.
const history = 16

// course is how R runs in one epoch. It is immutable.
type course struct {
	epoch   uint32
	legs    []leg // in order; at least one, the last without end
	stepped chan struct{}
}

func newCourse(start time.Time, base Instant, epoch uint32) *course {
	return &course{
		epoch:   epoch,
		legs:    []leg{{from: start, reads: int64(base) * 1000}},
		stepped: make(chan struct{}),
	}
}

func (c *course) at(t time.Time) Instant { return instantOfNanos(c.leg(t).at(t)) }

// leg is the one that t falls into. Before the first one, R ran like in it.
func (c *course) leg(t time.Time) leg {
	n := len(c.legs) - 1
	for n > 0 && c.legs[n].from.After(t) {
		n--
	}
	return c.legs[n]
}

func (c *course) when(i Instant) time.Time {
	nanos := int64(i) * 1000
	n := len(c.legs) - 1
	for n > 0 && c.legs[n].reads >= nanos {
		n--
	}
	t := c.legs[n].when(nanos)
	if n+1 < len(c.legs) && t.After(c.legs[n+1].from) {
		return c.legs[n+1].from
	}
	return t
}

func (c *course) steer(now time.Time, by time.Duration, steady Rate, over time.Duration) *course {
	last := c.leg(now)
	past := slices.Clone(c.legs)
	for len(past) > 0 && !past[len(past)-1].from.Before(now) {
		past = past[:len(past)-1]
	}
	past = past[max(0, len(past)-history):]
	steady = max(-MaxSteady, min(MaxSteady, steady))
	next := leg{from: now, reads: last.at(now), rate: steady}
	if by == 0 {
		return &course{epoch: c.epoch, legs: append(past, next), stepped: c.stepped}
	}
	extra, lasts := plan(max(-day, min(day, by)), steady, over)
	next.rate += extra
	end := now.Add(lasts)
	rest := leg{from: end, reads: next.at(end), rate: steady}
	return &course{epoch: c.epoch, legs: append(past, next, rest), stepped: c.stepped}
}

func (c *course) slew(now time.Time) (Rate, time.Duration) {
	current, last := c.leg(now), c.legs[len(c.legs)-1]
	if !last.from.After(now) {
		return current.rate, 0
	}
	return current.rate, (current.rate - last.rate).over(last.from.Sub(now))
}
