package timeline

import (
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// The window over which the encoder's clock is estimated.
const (
	binCount = 120 // one second of media each
	// coneSlack is how far above the lowest line through the window, at the
	// steepest slope there is, a bin may lie. What is above was held up on the
	// way by more than jitter.
	coneSlack = 20_000.0 // µs
	maxSlope  = 500.0    // µs/s, that is ppm
)

// bin keeps the least delayed arrival of one second of media.
type bin struct {
	second int
	x      float64 // s of media since the epoch's origin
	delay  float64 // µs, arrival minus media
	at     clock.Instant
	used   bool
}

// envelope collects the delays of an epoch's arrivals. Delay only ever adds,
// so each bin keeps its minimum and the truth is the lower edge of all bins.
type envelope struct {
	ring   [binCount]bin
	newest int // highest second seen
}

// add takes one arrival into account and reports whether it opened a new bin
// beyond all others.
func (e *envelope) add(x, delay float64, at clock.Instant) bool {
	second := int(math.Floor(x))
	if second <= e.newest-binCount {
		return false
	}
	b := &e.ring[((second%binCount)+binCount)%binCount]
	switch {
	case !b.used || b.second != second:
		*b = bin{second: second, x: x, delay: delay, at: at, used: true}
	case delay < b.delay:
		b.x, b.delay, b.at = x, delay, at
	}
	if second <= e.newest {
		return false
	}
	e.newest = second
	return true
}

// bins returns the bins of the window, oldest first.
func (e *envelope) bins() []bin {
	out := make([]bin, 0, binCount)
	for s := e.newest - binCount + 1; s <= e.newest; s++ {
		b := e.ring[((s%binCount)+binCount)%binCount]
		if b.used && b.second == s {
			out = append(out, b)
		}
	}
	return out
}

// unhindered drops the bins that lie above what any clock within maxSlope
// could have produced, given the others: stalls and their catch-up. Without it
// a stall early in an epoch would tilt the first line.
func unhindered(bins []bin) []bin {
	floor := make([]float64, len(bins))
	low := math.Inf(1)
	for i, b := range bins {
		if i > 0 {
			low += maxSlope * (b.x - bins[i-1].x)
		}
		low = min(low, b.delay)
		floor[i] = low
	}
	low = math.Inf(1)
	for i, b := range slices.Backward(bins) {
		if i < len(bins)-1 {
			low += maxSlope * (bins[i+1].x - b.x)
		}
		low = min(low, b.delay)
		floor[i] = min(floor[i], low)
	}
	kept := make([]bin, 0, len(bins))
	for i, b := range bins {
		if b.delay <= floor[i]+coneSlack {
			kept = append(kept, b)
		}
	}
	return kept
}

// fallenBehind reports whether media has been later than the line by more than
// limit for the last n finished bins, without catching up. The bins of a burst
// after a stall do not count: they arrive together.
func (e *envelope) fallenBehind(l line, n int, limit float64) bool {
	bins := e.bins()
	if len(bins) < n+1 {
		return false
	}
	last := bins[len(bins)-1-n : len(bins)-1]
	for _, b := range last {
		if b.delay-l.at(b.x) <= limit {
			return false
		}
	}
	first, end := last[0], last[n-1]
	return end.at.Sub(first.at) >= time.Duration(n-1)*time.Second*9/10 && end.delay >= first.delay-limit/5
}
