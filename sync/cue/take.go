package cue

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// MaxAhead is how far ahead a cue can be scheduled or moved.
const MaxAhead = 24 * time.Hour

// freshPicture is how old the newest picture of a moving one is at most. Where
// L is shorter than the lead, a cue is taken at a picture still to be made.
const freshPicture = 500 * time.Millisecond

// pictureAhead is how far beyond the newest picture the one may be that a
// producer was looking at: a preview may know of it a moment earlier.
const pictureAhead = time.Second

// Edge is the newest picture of a channel.
type Edge struct {
	// Media is its channel media time, At the same on R.
	Media clock.Ticks
	At    clock.Instant
	// Live says that there is a picture; without one the rest means nothing.
	Live bool
}

// Anchor says where a cue is taken.
type Anchor struct {
	// Newest is the newest picture: where the cue is taken unless At or Open is
	// given.
	Newest Edge
	// At is the instant P of the picture the producer was looking at, Open the O
	// that the producer wants. Zero: not given. Both are on R.
	At, Open clock.Instant
	// Media is T of At or Open, for a live picture.
	Media clock.Ticks
	// Latency is L.
	Latency time.Duration
	// Anyway opens a cue by the clock whose picture has stopped.
	Anyway bool
}

// Take anchors a draft. O = P + L, where P is the instant of the picture that
// a names, so the window opens when that picture is on every screen; or O is
// the one that a names. Without a live picture the cue hangs on R alone: O lies
// L ahead of now, and at least MinLead (CU2).
//
// A cue whose picture has stopped is taken again with a.Anyway (CU13).
//
// Errors: *Refused with Conflict unless c is a draft, or orphaned; with TooLate
// if O is less than MinLead ahead, or the picture is not made yet.
func (c Cue) Take(now clock.Instant, a Anchor) (Cue, error) {
	if c.Taken {
		return c.takeAnyway(now, a)
	}
	open, err := a.open(now)
	if err != nil {
		return c, err
	}
	c.Rev++
	c.Taken, c.Anchored, c.Latency = true, a.Newest.Live, a.Latency
	switch {
	case c.Anchored && a.At == 0 && a.Open == 0: // ahead of the picture only if L is shorter than the lead
		c.Media = a.Newest.Media + clock.TicksOf(open.Add(-a.Latency).Sub(a.Newest.At))
	case c.Anchored:
		c.Media = max(0, a.Media)
	}
	c.Open, c.Close = open, open.Add(c.Window)
	c.Arm = max(now, open.Add(-ArmLead))
	return c, nil
}

// open returns O, or why the cue cannot be taken there.
func (a Anchor) open(now clock.Instant) (clock.Instant, error) {
	switch {
	case a.At != 0 && a.Open != 0:
		return 0, conflict("take a cue at a picture or at an opening, not at both")
	case a.Open != 0:
		return a.scheduled(now)
	case a.At != 0:
		return a.atPicture(now)
	case !a.Newest.Live:
		return now.Add(max(a.Latency, MinLead)), nil
	}
	open := a.Newest.At.Add(a.Latency)
	if lead := open.Sub(now); lead < MinLead {
		if now.Sub(a.Newest.At) <= freshPicture {
			return now.Add(MinLead), nil
		}
		return 0, tooLate("the newest picture is %s old, which leaves %s to open every screen together; %s are needed: take it again once the picture moves",
			seconds(now.Sub(a.Newest.At)), seconds(max(0, lead)), seconds(MinLead))
	}
	return open, nil
}

func (a Anchor) scheduled(now clock.Instant) (clock.Instant, error) {
	if far := now.Add(MaxAhead); a.Open > far {
		return 0, conflict("a cue can open %s from now at the latest", seconds(MaxAhead))
	}
	if earliest := now.Add(MinLead); a.Open < earliest {
		return 0, tooLate("that opening is %s too early: every screen needs %s to open together",
			millis(earliest.Sub(a.Open)), seconds(MinLead))
	}
	return a.Open, nil
}

func (a Anchor) atPicture(now clock.Instant) (clock.Instant, error) {
	newest := now
	if a.Newest.Live {
		newest = a.Newest.At
	}
	if ahead := a.At.Sub(newest); a.At > newest.Add(pictureAhead) {
		return 0, tooLate("that picture is %s ahead of the newest one: take the cue when it has been made", millis(ahead))
	}
	open, earliest := a.At.Add(a.Latency), now.Add(MinLead)
	if open < earliest {
		return 0, tooLate("that picture is %s too old to open every screen together: take the cue at a newer one",
			millis(earliest.Sub(open)))
	}
	return open, nil
}

// takeAnyway lets a cue whose picture has stopped open by the clock alone.
func (c Cue) takeAnyway(now clock.Instant, a Anchor) (Cue, error) {
	switch {
	case !c.Orphaned || !c.State(now).Live():
		return c, conflict("this cue has been taken already")
	case !a.Anyway:
		return c, conflict("the picture of this cue has stopped: say that it is to open anyway, or cancel it")
	}
	c.Rev++
	c.Orphaned, c.Anchored, c.Media = false, false, 0
	return c, nil
}

// Move shifts O, and T and C with it, by more or less time (CU12).
//
// Errors: *Refused with TooLate from PinLead before O on, or if the new O is
// less than MinLead ahead; with Conflict unless the cue is still to open.
func (c Cue) Move(now clock.Instant, by time.Duration) (Cue, error) {
	if err := c.movable(now); err != nil {
		return c, err
	}
	if by == 0 || by.Abs() > MaxAhead {
		return c, conflict("move by more than nothing and at most %s", seconds(MaxAhead))
	}
	return c.shift(now, by)
}

func (c Cue) shift(now clock.Instant, by time.Duration) (Cue, error) {
	open := c.Open.Add(by)
	if earliest := now.Add(MinLead); open < earliest {
		return c, tooLate("it would open %s too early: every screen needs %s to open together",
			millis(earliest.Sub(open)), seconds(MinLead))
	}
	if open > now.Add(MaxAhead) {
		return c, conflict("a cue can open %s from now at the latest", seconds(MaxAhead))
	}
	armed := now >= c.Arm
	c.Rev++
	c.Open, c.Close = open, open.Add(c.Window)
	if c.Anchored {
		c.Media = max(0, c.Media+clock.TicksOf(by))
	}
	if !armed { // who has been told stays told
		c.Arm = max(now, open.Add(-ArmLead))
	}
	return c, nil
}

// movable says why O can no longer move, nil if it can.
func (c Cue) movable(now clock.Instant) error {
	switch s := c.State(now); {
	case s == Draft:
		return conflict("this cue has not been taken")
	case !s.Live():
		return conflict("this cue is %s already", s)
	case s >= Open:
		return conflict("this cue is open already")
	case now > c.Open.Add(-PinLead):
		return tooLate("O is fixed from %s before it: %s too late", seconds(PinLead), millis(now.Sub(c.Open.Add(-PinLead))))
	}
	return nil
}

// Retarget gives a cue that viewers have not heard of its O for another L: T
// stays, O = P(T) + L. ok is false if that changes nothing (CU12).
//
// Errors: *Refused with TooLate if O would be less than MinLead ahead.
func (c Cue) Retarget(now clock.Instant, latency time.Duration) (_ Cue, ok bool, err error) {
	if c.State(now) != Scheduled || !c.Anchored || c.Latency == latency {
		return c, false, nil
	}
	media := c.Media
	next, err := c.shift(now, latency-c.Latency)
	if err != nil {
		return c, false, err
	}
	next.Media, next.Latency = media, latency
	return next, true, nil
}

// Orphan notes that the picture has stopped, or moves again, while O can still
// move. ok is false if that changes nothing (CU13).
func (c Cue) Orphan(now clock.Instant, stopped bool) (_ Cue, ok bool) {
	s := c.State(now)
	if !c.Anchored || c.Orphaned == stopped || s != Scheduled && s != Armed {
		return c, false
	}
	if stopped && now >= c.Open.Add(-PinLead) {
		return c, false
	}
	c.Rev++
	c.Orphaned = stopped
	c.Held = 0
	if stopped {
		c.Held = now
	}
	return c, true
}
