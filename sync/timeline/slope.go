package timeline

import (
	"math"
	"slices"
)

// slope is the mean of the slopes of all lines that no bin lies below, each as
// likely as the bins' distances from it make it where delay only ever adds:
// no estimate of a jump's edge errs less. The likeliest line's slope errs by a
// fifth more, least squares by much more.
func (w *fitter) slope(bins []bin) float64 {
	hull := w.lowerHull(bins)
	all, middle := seconds(bins), 0.0
	for _, b := range bins {
		middle += b.x * b.span / all
	}
	i := 1
	for i < len(hull)-1 && hull[i].x < middle {
		i++
	}
	best := over(hull[i-1], hull[i])
	weight := all / w.excess(bins, best)
	// Between the slopes of two edges of the hull the line turns about the
	// corner between them.
	var mass, sum float64
	from := -maxSlope
	for i, corner := range hull {
		to := maxSlope
		if i < len(hull)-1 {
			to = between(from, over(corner, hull[i+1]).slope, maxSlope)
		}
		likely := func(slope float64) float64 {
			return weight * (corner.delay + slope*(middle-corner.x) - best.at(middle))
		}
		if to > from {
			m, mean := exponential(from, to, likely(from), likely(to))
			mass, sum = mass+m, sum+m*mean
		}
		from = to
	}
	if mass == 0 { // far from any clock there is
		return between(-maxSlope, best.slope, maxSlope)
	}
	return sum / mass
}

// exponential returns the integral and the mean of e to a power that goes
// straight from low at from to high at to.
func exponential(from, to, low, high float64) (mass, mean float64) {
	if math.Abs(high-low) < 1e-3 {
		return (to - from) * math.Exp(low), (from + to) / 2
	}
	a, b, scale := math.Exp(low), math.Exp(high), (to-from)/(high-low)
	if a == b {
		return 0, 0
	}
	return scale * (b - a), from + (to-from)*b/(b-a) - scale
}

// excess is the mean distance from l that the bins would have if each were a
// second long, but at least 1 µs. Half of them may be held up.
func (w *fitter) excess(bins []bin, l line) float64 {
	off := w.floor[:len(bins)]
	for i, b := range bins {
		off[i] = (b.delay - l.at(b.x)) * b.span
	}
	slices.Sort(off)
	return max(1, off[len(off)/2]/math.Ln2)
}

func over(a, b bin) line {
	return line{x0: a.x, y0: a.delay, slope: (b.delay - a.delay) / (b.x - a.x)}
}

func (w *fitter) lowerHull(bins []bin) []bin {
	hull := w.hull[:0]
	for _, b := range bins {
		for n := len(hull); n > 1 && turns(hull[n-2], hull[n-1], b) <= 0; n = len(hull) {
			hull = hull[:n-1]
		}
		hull = append(hull, b)
	}
	return hull
}

// turns is positive if the way from a over b to c turns up.
func turns(a, b, c bin) float64 {
	return (b.x-a.x)*(c.delay-a.delay) - (b.delay-a.delay)*(c.x-a.x)
}
