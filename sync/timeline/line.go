package timeline

import (
	"math"
	"slices"
)

// The fit of the lower edge.
const (
	passes    = 4
	oneSided  = 500.0 // µs above the fit at which a bin is dropped
	firstFit  = 8     // bins needed for a slope
	fullTrust = 30    // bins at which the slope is believed entirely
)

// line is the estimated delay over an epoch's media time.
type line struct {
	x0, y0   float64 // s, µs
	slope    float64 // µs/s
	bins     int     // bins on the lower edge
	residual float64 // µs, p95 of their distance
}

func (l line) at(x float64) float64 { return l.y0 + l.slope*(x-l.x0) }

// fit lays a line along the lower edge of the bins. It needs at least one.
// With few bins the slope is prior, with more it is blended in (TL6).
func fit(bins []bin, prior float64) line {
	edge := unhindered(bins)
	if len(edge) < firstFit {
		return lowest(edge, prior)
	}
	trust := min(1, float64(len(edge)-firstFit+1)/(fullTrust-firstFit+1))
	l := leastSquares(edge)
	for range passes {
		kept := below(edge, l)
		if len(kept) < firstFit {
			break
		}
		edge, l = kept, leastSquares(kept)
	}
	l.slope = prior + trust*(max(-maxSlope, min(maxSlope, l.slope))-prior)
	l.bins, l.residual = len(edge), residual(edge, l)
	return l
}

// lowest is the line of the given slope that no bin lies below.
func lowest(bins []bin, slope float64) line {
	l := line{x0: bins[0].x, y0: bins[0].delay, slope: slope}
	for _, b := range bins[1:] {
		if b.delay < l.at(b.x) {
			l.x0, l.y0 = b.x, b.delay
		}
	}
	l.bins, l.residual = len(bins), residual(bins, l)
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

func below(bins []bin, l line) []bin {
	kept := make([]bin, 0, len(bins))
	for _, b := range bins {
		if b.delay <= l.at(b.x)+oneSided {
			kept = append(kept, b)
		}
	}
	return kept
}

func residual(bins []bin, l line) float64 {
	off := make([]float64, len(bins))
	for i, b := range bins {
		off[i] = math.Abs(b.delay - l.at(b.x))
	}
	slices.Sort(off)
	return off[len(off)*95/100]
}
