package cue

import (
	"math"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// The lengths that every cue keeps.
const (
	// KeyLead is κ: how long before O the text goes out.
	KeyLead = 400 * time.Millisecond
	// Notice is how far ahead of its effect a producer's change has to be. It is
	// longer than KeyLead, so that a cue cancelled in time is never shown.
	Notice = 500 * time.Millisecond
	// GraceMax is the longest an answer may be under way after C: the tally is
	// final at C + GraceMax.
	GraceMax = 500 * time.Millisecond
	// MinLead is the shortest time between taking a cue and O: what clients need
	// to hear of it and prepare the overlay.
	MinLead = 1500 * time.Millisecond
	// PinLead is how long before O it stops moving.
	PinLead = 2 * time.Second
	// ArmLead is how long before O viewers hear of a cue.
	ArmLead = 10 * time.Second
	// MinReaction is the quickest a person can read and tap.
	MinReaction = 120 * time.Millisecond
	// MaxWindow is the longest window, extensions included.
	MaxWindow = 10 * time.Minute
)

// Cue is one revision of a cue's place in time. It is a value: commands return
// the next revision and leave the receiver as it was.
type Cue struct {
	// Rev counts revisions, from 1.
	Rev int `json:"rev"`
	// Window is the planned length, extensions included.
	Window time.Duration `json:"window_ns"`

	Policy Policy `json:"policy,omitempty"`
	// MaxLag is how long after O a playhead cue may open. Zero for other policies.
	MaxLag time.Duration `json:"max_lag_ns,omitempty"`

	Taken bool `json:"taken,omitempty"`
	// Anchored says that Media is T, the channel media time the cue was taken
	// at. Without a live picture a cue hangs on the room clock alone.
	Anchored bool        `json:"anchored,omitempty"`
	Media    clock.Ticks `json:"media,omitempty"`
	// Arm is when viewers hear of it; [Open, Close) is [O, C). Zero while a draft.
	Arm   clock.Instant `json:"arm_us,omitempty"`
	Open  clock.Instant `json:"o_us,omitempty"`
	Close clock.Instant `json:"c_us,omitempty"`
	// Latency is the L that O was computed with.
	Latency time.Duration `json:"latency_ns,omitempty"`
	// Pauses are those of the window, in their order. Close counts the time of
	// those that are over. Nobody changes the array.
	Pauses []Pause `json:"pauses,omitempty"`

	// Orphaned says that the picture stopped, at Held, before O was fixed.
	Orphaned bool          `json:"orphaned,omitempty"`
	Held     clock.Instant `json:"held_us,omitempty"`
	// RevealArmed says that the result is to come as soon as all windows are
	// closed.
	RevealArmed bool `json:"reveal_armed,omitempty"`

	ClosedEarly bool `json:"closed_early,omitempty"`
	Cancelled   bool `json:"cancelled,omitempty"`
	Void        bool `json:"void,omitempty"`
	Revealed    bool `json:"revealed,omitempty"`
}

// New returns the first revision of a draft that will stay open for window.
func New(window time.Duration) Cue { return Cue{Rev: 1, Window: window} }

// Final is when the tally is final: C + GraceMax, and no known instant while
// the window is paused.
func (c Cue) Final() clock.Instant {
	if c.halted() {
		return math.MaxInt64
	}
	return c.Close.Add(GraceMax)
}

// closing is C as far as it is known.
func (c Cue) closing() clock.Instant {
	if c.halted() {
		return math.MaxInt64
	}
	return c.Close
}

// State returns the cue's state at now. It needs no memory: any process that
// holds the same revision and R comes to the same state (CU1).
func (c Cue) State(now clock.Instant) State {
	switch {
	case !c.Taken:
		return Draft
	case c.Void:
		return Void
	case c.Cancelled:
		return Cancelled
	case c.Revealed:
		return Revealed
	case c.Orphaned:
		return c.orphaned(now)
	case now < c.Arm:
		return Scheduled
	case now < c.keyed():
		return Armed
	case now < c.Open:
		return Keyed
	case c.paused(now):
		return Paused
	case now < c.closing():
		return Open
	case now < c.Final():
		return Closing
	default:
		return Closed
	}
}

// orphaned is the state of a cue whose picture has stopped: it stays where it
// was then, until it could no longer be armed in time (CU13).
func (c Cue) orphaned(now clock.Instant) State {
	switch {
	case now >= c.abandoned():
		return Cancelled
	case c.Held < c.Arm:
		return Scheduled
	default:
		return Armed
	}
}

// abandoned is when a cue that is still held is given up.
func (c Cue) abandoned() clock.Instant { return c.Open.Add(-MinLead) }

// Next returns the first instant after now at which the state changes by
// itself, and false if it never does.
func (c Cue) Next(now clock.Instant) (clock.Instant, bool) {
	if !c.State(now).Live() {
		return 0, false
	}
	if c.Orphaned {
		return c.abandoned(), true
	}
	next := clock.Instant(math.MaxInt64)
	for _, at := range [...]clock.Instant{c.Arm, c.keyed(), c.Open, c.closing(), c.Final()} {
		if now < at {
			next = min(next, at)
		}
	}
	for _, p := range c.Pauses {
		for _, at := range [...]clock.Instant{p.At, p.end()} {
			if now < at {
				next = min(next, at)
			}
		}
	}
	return next, next != math.MaxInt64
}

// keyed is when the text goes out. A cue that is taken later than that does
// not exist: MinLead is longer than KeyLead.
func (c Cue) keyed() clock.Instant { return c.Open.Add(-KeyLead) }
