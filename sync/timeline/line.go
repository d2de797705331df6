package timeline

import (
	"math"
	"slices"
)

// The fit of the lower edge.
const (
	passes     = 4
	oneSided   = 500.0   // µs above the fit at which a bin is dropped
	lowOutlier = 5_000.0 // µs
	firstFit   = 8       // bins needed for a slope
	fullTrust  = 30      // bins at which the slope is believed entirely
)

// line is the estimated delay over an epoch's media time.
type line struct {
	x0, y0   float64 // s, µs
	slope    float64 // µs/s
	bins     int     // bins on the lower edge
	residual float64 // µs, p95 of their distance
}

func (l line) at(x float64) float64 { return l.y0 + l.slope*(x-l.x0) }

// fitter is the memory that fits work in, so that they need no other.
type fitter struct {
	all   [2 * binCount]bin
	kept  [2 * binCount]bin
	hull  [2 * binCount]bin
	floor [2 * binCount]float64
}

// fit lays a line along the lower edge of bins, of which there is one at
// least, and overwrites them. With few seconds the slope is prior, with more
// it is blended in (TL6).
func (w *fitter) fit(bins []bin, prior float64) line {
	edge := w.unhindered(bins)
	if len(edge) < firstFit {
		l := lowest(edge, prior)
		l.bins, l.residual = len(edge), w.residual(edge, l)
		return l
	}
	trend, kept := w.trend(edge)
	edge = aboveAll(edge, trend)
	slope := prior
	if len(edge) >= firstFit {
		trust := min(1, (seconds(edge)-firstFit+1)/(fullTrust-firstFit+1))
		slope += trust * (w.slope(edge) - prior)
	}
	l := lowest(edge, slope)
	l.bins, l.residual = len(kept), w.residual(kept, l)
	return l
}

// trend is where most of the lowest bins lie, and those bins: least squares in
// passes, each without the bins that lie above the one before.
func (w *fitter) trend(edge []bin) (line, []bin) {
	kept := append(w.kept[:0], edge...)
	l := leastSquares(kept)
	for range passes {
		if n := countBelow(kept, l); n < firstFit || n == len(kept) {
			break
		}
		kept = below(kept, l)
		l = leastSquares(kept)
	}
	return l, kept
}

// aboveAll drops, in place, the bins that lie far below l: no way is that much
// shorter for one second.
func aboveAll(bins []bin, l line) []bin {
	kept := bins[:0]
	for _, b := range bins {
		if b.delay >= l.at(b.x)-lowOutlier {
			kept = append(kept, b)
		}
	}
	return kept
}

// lowest is the line of the given slope that no bin lies below.
func lowest(bins []bin, slope float64) line {
	l := line{x0: bins[0].x, y0: bins[0].delay, slope: slope}
	for _, b := range bins[1:] {
		if b.delay < l.at(b.x) {
			l.x0, l.y0 = b.x, b.delay
		}
	}
	return l
}

func seconds(bins []bin) (sum float64) {
	for _, b := range bins {
		sum += b.span
	}
	return sum
}

func leastSquares(bins []bin) line {
	var l line
	n := float64(len(bins))
	for _, b := range bins {
		l.x0 += b.x / n
		l.y0 += b.delay / n
	}
	var xx, xy float64
	for _, b := range bins {
		xx += (b.x - l.x0) * (b.x - l.x0)
		xy += (b.x - l.x0) * (b.delay - l.y0)
	}
	if xx > 0 {
		l.slope = xy / xx
	}
	return l
}

func countBelow(bins []bin, l line) (n int) {
	for _, b := range bins {
		if b.delay <= l.at(b.x)+oneSided {
			n++
		}
	}
	return n
}

// below keeps the bins that are not above l, in place.
func below(bins []bin, l line) []bin {
	kept := bins[:0]
	for _, b := range bins {
		if b.delay <= l.at(b.x)+oneSided {
			kept = append(kept, b)
		}
	}
	return kept
}

// residual is the p95 of the bins' distances from l.
func (w *fitter) residual(bins []bin, l line) float64 {
	off := w.floor[:len(bins)]
	for i, b := range bins {
		off[i] = math.Abs(b.delay - l.at(b.x))
	}
	slices.Sort(off)
	return off[len(off)*95/100]
}
