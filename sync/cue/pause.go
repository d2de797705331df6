package cue

import (
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// MaxPauses is how often one window can be paused.
const MaxPauses = 32

// Pause is a time inside the window in which no answer counts: [At, Resume).
type Pause struct {
	At clock.Instant `json:"p_us"`
	// Resume is zero until the producer has resumed.
	Resume clock.Instant `json:"q_us,omitempty"`
}

// end is when answers count again, never as far as is known if nobody resumed.
func (p Pause) end() clock.Instant {
	if p.Resume == 0 {
		return math.MaxInt64
	}
	return p.Resume
}

// LastPause returns the last pause and whether there was one.
func (c Cue) LastPause() (Pause, bool) {
	if len(c.Pauses) == 0 {
		return Pause{}, false
	}
	return c.Pauses[len(c.Pauses)-1], true
}

// Remaining is the window that is left when the last pause begins, or zero
// without one.
func (c Cue) Remaining() time.Duration {
	last, ok := c.LastPause()
	switch {
	case !ok:
		return 0
	case last.Resume == 0:
		return max(0, c.Close.Sub(last.At))
	default:
		return max(0, c.Close.Sub(last.Resume))
	}
}

// halted says that the window is paused, or will be, and has no end until it
// is resumed.
func (c Cue) halted() bool {
	last, ok := c.LastPause()
	return ok && last.Resume == 0
}

// paused says whether at lies in a pause.
func (c Cue) paused(at clock.Instant) bool {
	return slices.ContainsFunc(c.Pauses, func(p Pause) bool { return at >= p.At && at < p.end() })
}

// pausedFor is how long finished pauses have made the window.
func (c Cue) pausedFor() (sum time.Duration) {
	for _, p := range c.Pauses {
		if p.Resume != 0 {
			sum += p.Resume.Sub(p.At)
		}
	}
	return sum
}

// Pause stops the counting of answers from Notice on; what is left of the
// window then is kept (CU11).
//
// Errors: *Refused with Conflict unless the window is open and not to be
// paused already; with TooLate if it closes within Notice.
func (c Cue) Pause(now clock.Instant) (Cue, error) {
	switch s := c.State(now); {
	case c.halted():
		return c, conflict("this cue is paused already")
	case s.Live() && s < Open:
		return c, conflict("the window is not open yet: move or cancel the cue instead")
	case s != Open:
		return c, conflict("only an open window can be paused; this cue is %s", s)
	case len(c.Pauses) >= MaxPauses:
		return c, conflict("a window can be paused %d times", MaxPauses)
	}
	at := now.Add(Notice)
	if at >= c.Close {
		return c, tooLate("the window closes in less than %s, so there is nothing left to pause", seconds(Notice))
	}
	c.Rev++
	c.Pauses = append(slices.Clip(c.Pauses), Pause{At: at})
	return c, nil
}

// Resume lets answers count again from Notice on, for as long as remained.
//
// Errors: *Refused with Conflict unless the cue is paused.
func (c Cue) Resume(now clock.Instant) (Cue, error) {
	if s := c.State(now); !c.halted() || !s.Live() {
		return c, conflict("only a paused cue can be resumed; this one is %s", s)
	}
	remaining := c.Remaining()
	c = c.resumed(now)
	last, _ := c.LastPause()
	c.Close = last.Resume.Add(remaining)
	c.Rev++
	return c, nil
}

// resumed ends the last pause, Notice from now.
func (c Cue) resumed(now clock.Instant) Cue {
	c.Pauses = slices.Clone(c.Pauses)
	last := &c.Pauses[len(c.Pauses)-1]
	last.Resume = max(last.At, now.Add(Notice))
	return c
}
