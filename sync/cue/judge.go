package cue

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Bounds of what the accept rule believes.
const (
	graceMin  = 100 * time.Millisecond
	marginMin = 5 * time.Millisecond
	marginMax = 50 * time.Millisecond
	// wayMax is the longest one-way delay granted to an answer without a stamp.
	wayMax = 250 * time.Millisecond
)

// Attempt is what is known of when an answer was given.
type Attempt struct {
	// Stamp is when the viewer says it tapped, on R. Zero if it did not say.
	Stamp clock.Instant
	// Received is when the server read it, on R.
	Received clock.Instant
	// RTTMin and Jitter (p95) of its line, measured by the server. Zero if unknown.
	RTTMin, Jitter time.Duration
	// Dispersion bounds the error of the viewer's clock, by its own word.
	Dispersion time.Duration
	// Delay is how much later than its tap this viewer was asked to send, 0 to
	// LongestDelay: the same for everything it says of this cue.
	Delay time.Duration
}

// LongestDelay is the longest that a viewer is asked to hold an answer back.
const LongestDelay = 500 * time.Millisecond

func (a Attempt) delay() time.Duration { return min(max(a.Delay, 0), LongestDelay) }

// allowed is how long before its receipt an answer may have been given: the
// grace, and what the viewer was asked to wait.
func (a Attempt) allowed() time.Duration { return a.Grace() + a.delay() }

// Grace is G: how long this viewer's answer may have been under way, between
// 100 ms and GraceMax. Only the server's own measurements enlarge it.
func (a Attempt) Grace() time.Duration {
	rtt, jitter := min(max(a.RTTMin, 0), 2*GraceMax), min(max(a.Jitter, 0), GraceMax)
	return min(max(rtt/2+jitter+50*time.Millisecond, graceMin), GraceMax)
}

// Margin is ε: the error granted to this viewer's clock, 5 to 50 ms.
func (a Attempt) Margin() time.Duration { return min(max(a.Dispersion, marginMin), marginMax) }

// trusted says whether the stamp can be true: the clock is synced, and the
// answer was under way neither backwards nor longer than its line explains.
//
// Instants are compared, never subtracted: a stamp may be any 64-bit number.
func (a Attempt) trusted() bool {
	early, late := a.Received.Add(-a.allowed()-a.Margin()), a.Received.Add(a.Margin())
	return a.Stamp != 0 && a.Dispersion <= marginMax && early <= a.Stamp && a.Stamp <= late
}

// Verdict is what becomes of an answer.
type Verdict uint8

// The verdicts.
const (
	Accepted  Verdict = iota
	Early             // before the window opened
	TooFast           // quicker than a person can read
	Late              // after the window and its grace
	Finished          // the tally is final
	Withdrawn         // cancelled or void
	NotOnAir          // never taken: viewers do not know of it
	InPause           // while the window was paused
)

// Judge decides on an answer by R alone and returns the instant it is credited
// with, which lies in [O + MinReaction, C). The credited instant is zero unless
// the verdict is Accepted (CU6…CU10).
func (c Cue) Judge(a Attempt) (clock.Instant, Verdict) {
	switch {
	case !c.Taken:
		return 0, NotOnAir
	case c.Void, c.Cancelled:
		return 0, Withdrawn
	case c.Policy == Archive, c.Orphaned, c.Revealed, a.Received >= c.Final():
		return 0, Finished
	case a.Received < c.Open:
		return 0, Early
	case a.trusted():
		return c.judgeStamped(a)
	default:
		return c.judgeReceived(a)
	}
}

// judgeStamped credits the stamp, at most the grace and the viewer's own delay
// before receipt. What a liar can gain is those, less the time its answer really
// took; it cannot choose its delay.
func (c Cue) judgeStamped(a Attempt) (clock.Instant, Verdict) {
	credited := min(max(a.Stamp, a.Received.Add(-a.allowed())), a.Received)
	switch {
	case a.Stamp < c.Open.Add(-a.Margin()):
		return 0, Early
	case min(a.Stamp, credited) < c.Open.Add(MinReaction):
		return 0, TooFast
	}
	for _, p := range c.Pauses {
		switch {
		case a.Stamp < p.At.Add(a.Margin()) && a.Received <= p.At.Add(a.allowed()):
			return min(credited, p.At-1), Accepted
		case a.Received < p.end() || a.Stamp < p.Resume.Add(-a.Margin()) || p.Resume >= c.Close:
			return 0, InPause
		}
		credited = max(credited, p.Resume)
	}
	if a.Stamp >= c.Close.Add(a.Margin()) || a.Received > c.Close.Add(a.allowed()) {
		return 0, Late
	}
	return min(credited, c.Close-1), Accepted
}

// judgeReceived credits receipt less half the line's round trip, and less what
// the viewer was asked to wait, as far as that leads to no refusal. A stamp that
// cannot be true ends here too, not in a refusal: whoever wants to cheat could
// leave it out, while an honest answer sent again after a reconnect has an old
// stamp and is still in time.
func (c Cue) judgeReceived(a Attempt) (clock.Instant, Verdict) {
	credited := a.Received.Add(-min(max(a.RTTMin, 0)/2, wayMax))
	credited = max(credited.Add(-a.delay()), min(credited, c.soonest(credited)))
	switch {
	case credited < c.Open:
		return 0, Early
	case credited < c.Open.Add(MinReaction):
		return 0, TooFast
	case c.paused(credited):
		return 0, InPause
	case credited >= c.closing():
		return 0, Late
	}
	return credited, Accepted
}

// soonest is from when on an answer can have been given without a pause between
// then and at.
func (c Cue) soonest(at clock.Instant) clock.Instant {
	soonest := c.Open.Add(MinReaction)
	for _, p := range c.Pauses {
		if p.Resume != 0 && p.Resume <= at {
			soonest = max(soonest, p.Resume)
		}
	}
	return soonest
}
