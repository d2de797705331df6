package timeline

import "math"

// How the encoder's own clock is judged.
const (
	captureSlack = 50_000.0 // µs that two of its readings may differ by
	captureWait  = 1.0      // s of media for which readings that differ must agree
	captureAge   = 30.0     // s of media after the last reading until it is silent
	slopeKnown   = 20.0     // µs/s, standard error at which its slope is believed
	takeover     = 500_000  // µs from P up to which a clock can be followed
	outlier      = 3.0      // times the mean distance from the fit
	finest       = 2_000.0  // µs that are no outlier
)

// reading is the mean of one second's readings of the encoder's clock.
type reading struct {
	second    int
	x, offset float64 // s of media since the epoch's origin; µs, capture minus media
	n         int
}

// captures follows the encoder's own clock over media time. What does not fit
// the readings before is left out; if it goes on, the clock was set, and what
// was known of it is forgotten (TL21).
type captures struct {
	ring      [binCount]reading
	newest    int
	n         int // readings since the clock was set
	x, offset float64

	strays         int // that agree, in a row
	strayFrom      float64
	strayX, strayY float64
}

func (k *captures) add(x, offset float64) {
	switch {
	case k.n == 0 || agrees(x-k.x, offset-k.offset):
		k.believe(x, offset)
	case k.strays > 0 && agrees(x-k.strayX, offset-k.strayY):
		k.strays++
		k.strayX, k.strayY = x, offset
		if k.strays >= agreement && math.Abs(x-k.strayFrom) >= captureWait {
			*k = captures{newest: -1}
			k.believe(x, offset)
		}
	default:
		k.strays, k.strayFrom, k.strayX, k.strayY = 1, x, x, offset
	}
}

func agrees(dx, dy float64) bool { return math.Abs(dy) <= captureSlack+maxSlope*math.Abs(dx) }

func (k *captures) believe(x, offset float64) {
	k.strays, k.x, k.offset = 0, x, offset
	k.n++
	second := int(math.Floor(x))
	if second <= k.newest-binCount {
		return
	}
	r := &k.ring[slot(second)]
	if r.n == 0 || r.second != second {
		*r = reading{second: second}
	}
	r.n++
	r.x += (x - r.x) / float64(r.n)
	r.offset += (offset - r.offset) / float64(r.n)
	k.newest = max(k.newest, second)
}

// readings are those of the window as bins of the fit, oldest first.
func (k *captures) readings(out []bin) []bin {
	for s := k.newest - binCount + 1; s <= k.newest; s++ {
		if r := &k.ring[slot(s)]; r.n > 0 && r.second == s {
			out = append(out, bin{number: s, span: fine, x: r.x, delay: r.offset})
		}
	}
	return out
}

// fit lays a line through the readings; there is at least one. Its slope is
// prior until it is known; known says whether it is.
func (k *captures) fit(work *fitter, prior float64) (l line, known bool) {
	kept := k.readings(work.all[:0])
	l = leastSquares(kept)
	for range passes {
		limit := max(finest, outlier*meanDistance(kept, l))
		next := within(kept, l, limit)
		if len(next) == len(kept) || len(next) < firstFit {
			break
		}
		kept, l = next, leastSquares(next)
	}
	known = len(kept) >= firstFit && math.Abs(l.slope) <= maxSlope && slopeError(kept, l) < slopeKnown
	if !known {
		l.slope = prior
	}
	l.bins, l.residual = len(kept), work.residual(kept, l)
	return l, known
}

func within(bins []bin, l line, limit float64) []bin {
	kept := bins[:0]
	for _, b := range bins {
		if math.Abs(b.delay-l.at(b.x)) <= limit {
			kept = append(kept, b)
		}
	}
	return kept
}

func meanDistance(bins []bin, l line) float64 {
	var sum float64
	for _, b := range bins {
		sum += math.Abs(b.delay - l.at(b.x))
	}
	return sum / float64(len(bins))
}

// slopeError is the standard error of a fit's slope, in µs/s.
func slopeError(bins []bin, l line) float64 {
	var xx, rr float64
	for _, b := range bins {
		xx += (b.x - l.x0) * (b.x - l.x0)
		rr += math.Pow(b.delay-l.at(b.x), 2)
	}
	if len(bins) < 3 || xx == 0 {
		return math.Inf(1)
	}
	return math.Sqrt(rr / float64(len(bins)-2) / xx)
}
