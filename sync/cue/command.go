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

// Edit gives a cue another question, and window, as long as O can move (CU12).
//
// Errors: *Refused: TooLate from PinLead before O on, Conflict once it is open.
func (c Cue) Edit(now clock.Instant, window time.Duration) (Cue, error) {
	if c.Taken {
		if err := c.movable(now); err != nil {
			return c, err
		}
		c.Close = c.Open.Add(window)
	}
	c.Rev++
	c.Window = window
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
	case !c.halted() && now > c.Close.Add(-Notice):
		return c, tooLate("the window closes in less than %s: ask again as a new cue", seconds(Notice))
	case c.Close.Add(by).Sub(c.Open)-c.pausedFor() > MaxWindow:
		return c, conflict("a window is at most %s long, extensions included", seconds(MaxWindow))
	}
	c.Rev++
	c.Close = c.Close.Add(by)
	c.Window = c.Close.Sub(c.Open) - c.pausedFor()
	return c, nil
}

// CloseNow brings C forward to Notice from now, if it is not nearer already. A
// paused window ends without being opened again.
//
// Errors: *Refused with Conflict unless the window is open or paused.
func (c Cue) CloseNow(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case s.Live() && s < Open:
		return c, conflict("the window is not open yet: cancel the cue instead")
	case s != Open && s != Paused:
		return c, conflict("only an open window can be closed; this cue is %s", s)
	}
	c.Rev++
	soon := now.Add(Notice)
	if c.halted() {
		c = c.resumed(now)
		last, _ := c.LastPause()
		c.Close, c.ClosedEarly = last.Resume, true
	} else if soon < c.Close {
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
	c.Orphaned, c.RevealArmed = false, false
	if now <= c.Open.Add(-Notice) {
		c.Cancelled = true
	} else {
		c.Void = true
	}
	return c, nil
}

// ArmReveal lets the result come as soon as every window is closed.
//
// Errors: *Refused with Conflict before the window opens, and once it is
// revealed or withdrawn.
func (c Cue) ArmReveal(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case s < Open:
		return c, conflict("the window is not open yet: there is nothing to reveal")
	case s > Closed:
		return c, conflict("this cue is %s already", s)
	case c.RevealArmed:
		return c, conflict("the result is waiting for the windows to close already")
	}
	c.Rev++
	c.RevealArmed = true
	return c, nil
}

// Reveal makes result and right answer public once the tally is final.
//
// Errors: *Refused with Conflict, saying when it will be possible if it will.
func (c Cue) Reveal(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case s == Draft:
		return c, conflict("this cue has not been taken: there is nothing to reveal")
	case c.halted() && s.Live():
		return c, conflict("this cue is paused: close it first")
	case s.Live():
		return c, conflict("answers still count: reveal it in %s", seconds(c.Final().Sub(now)))
	case s != Closed:
		return c, conflict("this cue is %s already", s)
	}
	c.Rev++
	c.Revealed, c.RevealArmed = true, false
	return c, nil
}

// seconds prints d for a person: "1.5 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// millis prints d for a person: "340 ms", and seconds from ten of them on.
func millis(d time.Duration) string {
	if d >= 10*time.Second {
		return seconds(d)
	}
	return fmt.Sprintf("%d ms", (d + time.Millisecond - 1).Milliseconds())
}
