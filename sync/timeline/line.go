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
	all   [binCount]bin
	kept  [binCount]bin
	floor [binCount]float64
}

// fit lays a line along the lower edge of an envelope, which has one bin at
// least. With few seconds the slope is prior, with more it is blended in (TL6).
func (w *fitter) fit(e *envelope, prior float64) line {
	edge := w.unhindered(e.bins(w.all[:0]))
	if len(edge) < firstFit {
		return w.lowest(edge, prior)
	}
	seconds := float64(len(edge)) * e.width
	trust := min(1, (seconds-firstFit+1)/(fullTrust-firstFit+1))
	trend, kept := w.trend(edge)
	l := under(aboveAll(edge, trend))
	l.slope = prior + trust*(between(-maxSlope, l.slope, maxSlope)-prior)
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

// under is the line that no bin lies below and that has the least sum of
// distances to them: the edge of their lower hull over the middle. Of delays
// that only ever add it is the likeliest. On a way with 30 ms of jitter that
// keeps the order it is wrong by 0.1 to 0.5 ms (p95), least squares by 1.2 ms.
func under(bins []bin) line {
	var room [binCount]bin
	hull, middle := room[:0], 0.0
	for _, b := range bins {
		middle += b.x / float64(len(bins))
		for n := len(hull); n > 1 && turns(hull[n-2], hull[n-1], b) <= 0; n = len(hull) {
			hull = hull[:n-1]
		}
		hull = append(hull, b)
	}
	i := 1
	for i < len(hull)-1 && hull[i].x < middle {
		i++
	}
	a, b := hull[i-1], hull[i]
	slope := (b.delay - a.delay) / (b.x - a.x)
	return line{x0: middle, y0: a.delay + slope*(middle-a.x), slope: slope}
}

// turns is positive if the way from a over b to c turns up.
func turns(a, b, c bin) float64 {
	return (b.x-a.x)*(c.delay-a.delay) - (b.delay-a.delay)*(c.x-a.x)
}

// lowest is the line of the given slope that no bin lies below.
func (w *fitter) lowest(bins []bin, slope float64) line {
	l := line{x0: bins[0].x, y0: bins[0].delay, slope: slope}
	for _, b := range bins[1:] {
		if b.delay < l.at(b.x) {
			l.x0, l.y0 = b.x, b.delay
		}
	}
	l.bins, l.residual = len(bins), w.residual(bins, l)
	return l
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
