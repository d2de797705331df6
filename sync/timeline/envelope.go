package timeline

import (
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// The window over which the encoder's clock is estimated.
const (
	binCount = 120
	fine     = 1.0  // s of media in a bin that P follows: 2 min in all
	coarse   = 10.0 // s of media in a bin that tells the rate: 20 min
	// coneSlack is how far above the lowest line through the window, at the
	// steepest slope there is, a bin may lie. What is above was held up on the
	// way by more than jitter.
	coneSlack = 20_000.0 // µs
	maxSlope  = 500.0    // µs/s, that is ppm
)

// bin keeps the least delayed arrival of a second of media, or of ten.
type bin struct {
	number int
	span   float64 // s of media; 0: no bin
	x      float64 // s of media since the epoch's origin
	delay  float64 // µs, arrival minus media
	at     clock.Instant
}

// media is the media time of the arrival, since the epoch's origin.
func (b *bin) media() int64 { return int64(math.Round(b.x * clock.TicksPerSecond)) }

// envelope collects the delays of an epoch's arrivals. Delay only ever adds,
// so each bin keeps its minimum and the truth is the lower edge of all bins.
type envelope struct {
	width  float64
	ring   [binCount]bin
	newest int // highest bin seen
}

func newEnvelope(width float64) envelope { return envelope{width: width, newest: -1} }

// add takes one arrival into account and reports whether it opened a new bin
// beyond all others.
func (e *envelope) add(x, delay float64, at clock.Instant) bool {
	n := int(math.Floor(x / e.width))
	if n <= e.newest-binCount {
		return false
	}
	b := &e.ring[slot(n)]
	switch {
	case b.span == 0 || b.number != n:
		*b = bin{number: n, span: e.width, x: x, delay: delay, at: at}
	case delay < b.delay:
		b.x, b.delay, b.at = x, delay, at
	}
	if n <= e.newest {
		return false
	}
	e.newest = n
	return true
}

// forget drops the bins before x.
func (e *envelope) forget(x float64) {
	for i := range e.ring {
		if e.ring[i].x < x {
			e.ring[i].span = 0
		}
	}
}

// slot is where bin n is kept in a ring.
func slot(n int) int { return ((n % binCount) + binCount) % binCount }

// bins appends the bins of the window to out, oldest first.
func (e *envelope) bins(out []bin) []bin {
	for n := e.newest - binCount + 1; n <= e.newest; n++ {
		if b := &e.ring[slot(n)]; b.span > 0 && b.number == n {
			out = append(out, *b)
		}
	}
	return out
}

// unhindered drops, in place, the bins that lie above what any clock within
// maxSlope could have produced, given the others: stalls and their catch-up.
// Without it a stall early in an epoch would tilt the first line.
func (w *fitter) unhindered(bins []bin) []bin {
	floor := w.floor[:len(bins)]
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
	kept := bins[:0]
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
	last := e.finished(n)
	if len(last) < n {
		return false
	}
	for _, b := range last {
		if b.delay-l.at(b.x) <= limit {
			return false
		}
	}
	end, first := last[0], last[n-1]
	return end.at.Sub(first.at) >= time.Duration(n-1)*time.Second*9/10 && end.delay >= first.delay-limit/5
}

// finished returns the last bins before the newest, newest first: n, or fewer.
func (e *envelope) finished(n int) []bin {
	out := make([]bin, 0, behindBins)
	for i := e.newest - 1; i > e.newest-binCount && len(out) < n; i-- {
		if b := &e.ring[slot(i)]; b.span > 0 && b.number == i {
			out = append(out, *b)
		}
	}
	return out
}
