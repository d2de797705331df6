package cue

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Reason tells a program why a command was refused.
type Reason uint8

// Why a command is refused.
const (
	TooLate  Reason = iota + 1 // it would have been right earlier
	Conflict                   // it does not fit the cue as it is
)

// Refused is the error of every command: why, in words for the producer.
type Refused struct {
	Reason  Reason
	Message string
}

// Error returns the message.
func (e *Refused) Error() string { return e.Message }

func tooLate(format string, args ...any) error {
	return &Refused{TooLate, fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &Refused{Conflict, fmt.Sprintf(format, args...)}
}

// Edge is the newest picture of a channel.
type Edge struct {
	// Media is its channel media time, At the same on R.
	Media clock.Ticks
	At    clock.Instant
	// Live says that there is a picture; without one the rest means nothing.
	Live bool
}

// Edit gives a draft another window.
//
// Errors: *Refused with Conflict once the cue is taken.
func (c Cue) Edit(window time.Duration) (Cue, error) {
	if c.Taken {
		return c, conflict("this cue has been taken: its question stays as viewers see it")
	}
	c.Rev++
	c.Window = window
	return c, nil
}

// Take anchors a draft at the newest picture, e: T is that picture and
// O = T + latency, so the window opens when the picture the host is at now is
// on every screen. Without a live picture O lies latency ahead of now, and at
// least MinLead (CU2).
//
// Errors: *Refused with Conflict unless c is a draft; with TooLate if O is less
// than MinLead ahead.
func (c Cue) Take(now clock.Instant, e Edge, latency time.Duration) (Cue, error) {
	if c.Taken {
		return c, conflict("this cue has been taken already")
	}
	open := now.Add(max(latency, MinLead))
	if e.Live {
		open = e.At.Add(latency)
	}
	if lead := open.Sub(now); lead < MinLead {
		return c, tooLate("the newest picture is %s old, which leaves %s to open every screen together; %s are needed: take it again once the picture moves",
			seconds(now.Sub(e.At)), seconds(max(0, lead)), seconds(MinLead))
	}
	c.Rev++
	c.Taken, c.Anchored = true, e.Live
	if e.Live {
		c.Media = e.Media
	}
	c.Open, c.Close = open, open.Add(c.Window)
	c.Arm = max(now, open.Add(-ArmLead))
	return c, nil
}

// Extend moves C by, up to Notice before it and to MaxWindow in all (CU3).
//
// Errors: *Refused.
func (c Cue) Extend(now clock.Instant, by time.Duration) (Cue, error) {
	s := c.State(now)
	switch {
	case !s.Live():
		return c, conflict("only a cue on air can be extended; this one is %s", s)
	case by <= 0 || by > MaxWindow:
		return c, conflict("extend by more than nothing and at most %s", seconds(MaxWindow))
	case now > c.Close.Add(-Notice):
		return c, tooLate("the window closes in less than %s: ask again as a new cue", seconds(Notice))
	case c.Close.Add(by).Sub(c.Open) > MaxWindow:
		return c, conflict("a window is at most %s long, extensions included", seconds(MaxWindow))
	}
	c.Rev++
	c.Close = c.Close.Add(by)
	c.Window = c.Close.Sub(c.Open)
	return c, nil
}

// CloseNow brings C forward to Notice from now, if it is not nearer already.
//
// Errors: *Refused with Conflict unless the window is open.
func (c Cue) CloseNow(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case s.Live() && s < Open:
		return c, conflict("the window is not open yet: cancel the cue instead")
	case s != Open:
		return c, conflict("only an open window can be closed; this cue is %s", s)
	}
	c.Rev++
	if soon := now.Add(Notice); soon < c.Close {
		c.Close, c.ClosedEarly = soon, true
	}
	return c, nil
}

// Cancel withdraws a cue. Up to Notice before O it is Cancelled and was never
// shown; later it is Void: it may have been seen, and no answer counts (CU4).
//
// Errors: *Refused with Conflict for a draft and for a cue that is revealed or
// withdrawn already.
func (c Cue) Cancel(now clock.Instant) (Cue, error) {
	switch s := c.State(now); s {
	case Draft:
		return c, conflict("this cue has not been taken: delete it instead")
	case Revealed, Cancelled, Void:
		return c, conflict("this cue is %s already", s)
	}
	c.Rev++
	if now <= c.Open.Add(-Notice) {
		c.Cancelled = true
	} else {
		c.Void = true
	}
	return c, nil
}

// Reveal makes result and right answer public once the tally is final.
//
// Errors: *Refused with Conflict, saying when it will be possible if it will.
func (c Cue) Reveal(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case s == Draft:
		return c, conflict("this cue has not been taken: there is nothing to reveal")
	case s.Live():
		return c, conflict("answers still count: reveal it in %s", seconds(c.Final().Sub(now)))
	case s != Closed:
		return c, conflict("this cue is %s already", s)
	}
	c.Rev++
	c.Revealed = true
	return c, nil
}

// seconds prints d for a person: "1.5 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
