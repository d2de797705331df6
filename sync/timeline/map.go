package timeline

import (
	"math/bits"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// State says how far a map can be trusted.
type State uint8

// The states of a timeline.
const (
	// Acquiring: the encoder's clock is not known well yet.
	Acquiring State = iota
	// Locked: P is within a few milliseconds of the truth.
	Locked
	// Holdover: no media for 3 s; P runs on at the nominal rate.
	Holdover
	// Lost: no media for 30 s.
	Lost
)

// String returns the name used on the wire.
func (s State) String() string {
	switch s {
	case Acquiring:
		return "acquiring"
	case Locked:
		return "locked"
	case Holdover:
		return "holdover"
	default:
		return "lost"
	}
}

// Point is one breakpoint of P.
type Point struct {
	Media clock.Ticks
	P     clock.Instant
}

// Map is what a channel says about P at one moment. It is immutable: nobody
// changes Points, so it may be shared.
type Map struct {
	// Epoch counts publisher sessions from 1; 0 before the first.
	Epoch int
	// Rev grows with every change of the fields up to Points and of NeedsEpoch.
	Rev   int
	State State
	// From is the media time at which the epoch begins.
	From clock.Ticks
	// Points ascend strictly in both fields. Between two of them P is a
	// straight line; outside it runs at the nominal rate. len is 1 to MaxPoints.
	Points []Point
	// PPM is how much faster than R the encoder's clock runs.
	PPM float64
	// Residual is the p95 distance of the cleanest arrivals from the estimate.
	Residual time.Duration
	// Jitter is the p95 of how much later than the earliest possible moment
	// media arrived, over about the last 10 s.
	Jitter time.Duration
	// Error is what is left to correct: positive if P is too early. Slewed away.
	Error time.Duration
	// NeedsEpoch means that media has fallen behind P for good, further than a
	// slew can mend in useful time: begin a new epoch at the next key frame.
	NeedsEpoch bool
}

// At returns P of a media time. It costs O(log len(Points)).
func (m Map) At(media clock.Ticks) clock.Instant {
	i, exact := slices.BinarySearchFunc(m.Points, media, func(p Point, t clock.Ticks) int { return compare(p.Media, t) })
	switch {
	case exact:
		return m.Points[i].P
	case len(m.Points) == 0:
		return nominal(media)
	case i == 0:
		first := m.Points[0]
		return first.P + nominal(media-first.Media)
	case i == len(m.Points):
		last := m.Points[i-1]
		return last.P + nominal(media-last.Media)
	default:
		a, b := m.Points[i-1], m.Points[i]
		return a.P + clock.Instant(scale(uint64(media-a.Media), uint64(b.P-a.P), uint64(b.Media-a.Media)))
	}
}

// MediaAt is the inverse of At: the last media time whose P is not after i.
func (m Map) MediaAt(i clock.Instant) clock.Ticks {
	guess := m.guess(i)
	for m.At(guess) > i {
		guess--
	}
	for m.At(guess+1) <= i {
		guess++
	}
	return guess
}

// guess is within a few ticks of MediaAt; what is missing is rounding.
func (m Map) guess(i clock.Instant) clock.Ticks {
	n, _ := slices.BinarySearchFunc(m.Points, i, func(p Point, i clock.Instant) int { return compare(p.P, i) })
	switch {
	case len(m.Points) == 0:
		return ticks(i)
	case n == 0:
		return m.Points[0].Media + ticks(i-m.Points[0].P)
	case n == len(m.Points):
		return m.Points[n-1].Media + ticks(i-m.Points[n-1].P)
	default:
		a, b := m.Points[n-1], m.Points[n]
		return a.Media + clock.Ticks(scale(uint64(i-a.P), uint64(b.Media-a.Media), uint64(b.P-a.P)))
	}
}

func compare[T ~int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// scale returns x·num/den, rounded down, without overflow on the way. It needs
// x ≤ den.
func scale(x, num, den uint64) uint64 {
	hi, lo := bits.Mul64(x, num)
	q, _ := bits.Div64(hi, lo, den)
	return q
}

// nominal returns how long t lasts at the nominal rate, rounded down.
func nominal(t clock.Ticks) clock.Instant {
	whole, rest := t/clock.TicksPerSecond, t%clock.TicksPerSecond
	if rest < 0 {
		whole, rest = whole-1, rest+clock.TicksPerSecond
	}
	return clock.Instant(whole)*1_000_000 + clock.Instant(rest)*1_000_000/clock.TicksPerSecond
}

// ticks is the inverse of nominal, to within a tick.
func ticks(i clock.Instant) clock.Ticks {
	return clock.Ticks(i/1_000_000)*clock.TicksPerSecond + clock.Ticks(i%1_000_000)*clock.TicksPerSecond/1_000_000
}
