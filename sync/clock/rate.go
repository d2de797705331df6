package clock

import (
	"math/bits"
	"time"
)

// Rate is by how much a clock runs faster than another.
//
// Units: parts per billion.
type Rate int64

// Bounds of how R runs against the machine's clock (CL9).
const (
	// PPM is one part per million.
	PPM Rate = 1000
	// MaxSlew is how much faster or slower R ever runs.
	MaxSlew = 500 * PPM
	// MaxSteady is how much of that may be for good. The rest is for
	// corrections.
	MaxSteady = 250 * PPM
)

const (
	billion = 1_000_000_000
	day     = 24 * time.Hour
)

// PPM returns r in parts per million.
func (r Rate) PPM() float64 { return float64(r) / float64(PPM) }

// over is what a clock that is r fast gains in d.
func (r Rate) over(d time.Duration) time.Duration {
	return time.Duration(mulDiv(int64(d), int64(r), billion))
}

// Takes is how long a clock that is r fast needs to gain d, both taken without
// their sign. It is 0 for a rate of 0.
func (r Rate) Takes(d time.Duration) time.Duration {
	if r == 0 {
		return 0
	}
	return time.Duration(float64(d.Abs()) / float64(r.abs()) * billion)
}

// RateOf is the rate of a clock that gains the given time in d. It is 0 when d
// is not positive.
func RateOf(gained, d time.Duration) Rate {
	if d <= 0 {
		return 0
	}
	return Rate(float64(gained) / float64(d) * billion)
}

// plan returns the rate on top of steady that moves a clock by the given time,
// in over if MaxSlew allows, and how long that takes.
func plan(by time.Duration, steady Rate, over time.Duration) (extra Rate, lasts time.Duration) {
	extra = MaxSlew - steady
	if by < 0 {
		extra = -MaxSlew - steady
	}
	over = min(over, day)
	if gentle := RateOf(by, over); over > 0 && gentle.abs() < extra.abs() {
		extra = gentle
	}
	if extra == 0 { // less than can be told: a nanosecond in a second
		extra = 1
		if by < 0 {
			extra = -1
		}
	}
	return extra, time.Duration(mulDiv(int64(by), billion, int64(extra)))
}

func (r Rate) abs() Rate { return max(r, -r) }

// leg is a clock that runs evenly from one moment on.
type leg struct {
	from  time.Time // carries a monotonic reading
	reads int64     // at from; units: ns
	rate  Rate      // over the monotonic clock's
}

func (l leg) at(t time.Time) int64 {
	d := t.Sub(l.from)
	return l.reads + int64(d) + int64(l.rate.over(d))
}

// when is the earliest time at which l reads nanos or more.
func (l leg) when(nanos int64) time.Time {
	ahead := nanos - l.reads
	t := l.from.Add(time.Duration(ahead - mulDiv(ahead, int64(l.rate), billion+int64(l.rate))))
	for l.at(t) < nanos {
		t = t.Add(1)
	}
	for before := t.Add(-1); l.at(before) >= nanos; before = t.Add(-1) {
		t = before
	}
	return t
}

// mulDiv returns a·b/c, towards zero, through 128 bits. The quotient must fit.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	quotient, _ := bits.Div64(hi, lo, magnitude(c))
	if (a < 0) != (b < 0) != (c < 0) {
		return -int64(quotient)
	}
	return int64(quotient)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// instantOfNanos cuts ns since the Unix epoch to an Instant.
func instantOfNanos(nanos int64) Instant {
	i := nanos / 1000
	if nanos%1000 < 0 {
		i--
	}
	return Instant(i)
}
