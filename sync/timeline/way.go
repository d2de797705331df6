package timeline

import "slices"

// When the way to the server is another one (TL14).
const (
	longerBins  = 12      // bins in a row: no queue that drains lasts so long
	shorterBins = 5       // nothing but a shorter way makes media earlier
	wayStep     = 5_000.0 // µs
	wayScatter  = 3       // times the scatter of the bins
	rateKnown   = 100.0   // µs/s, how well the rate is known after fullTrust
	wayStart    = 60      // s of media in which a change belongs to the start
)

// changed reports whether the last bins came by a longer or a shorter way than
// all before them, and from which media time on, if the encoder's rate is
// within tolerance of slope.
func (w *fitter) changed(e *envelope, slope, tolerance float64) (from float64, ok bool) {
	bins := e.bins(w.all[:0])
	bins = bins[:max(0, len(bins)-1)] // the newest is not finished
	if n := len(bins) - longerBins; n > 0 {
		off := w.distances(bins[n:], bins[:n], slope+tolerance)
		if off[0] > max(wayStep, wayScatter*(off[len(off)/2]-off[0])) {
			return bins[n].x, true
		}
	}
	if n := len(bins) - shorterBins; n > 0 {
		off := w.distances(bins[n:], bins[:n], slope-tolerance)
		if off[len(off)-1] < -wayStep {
			return bins[n].x, true
		}
	}
	return 0, false
}

// distances are those of the bins after from the line of a slope that none of
// the bins before lies below, ascending.
func (w *fitter) distances(after, before []bin, slope float64) []float64 {
	l := lowest(before, slope)
	off := w.floor[:0]
	for _, b := range after {
		off = append(off, b.delay-l.at(b.x))
	}
	slices.Sort(off)
	return off
}

// turn forgets what came by another way. The rate stays known. What the first
// seconds showed was no way at all: P may hurry once more as it does before it
// is relied on.
func (s *session) turn(w *fitter) {
	slope, tolerance := 0.0, maxSlope
	if x, _ := s.coordinates(s.edge, 0); x-s.since >= fullTrust {
		slope, tolerance = s.prior, rateKnown
	}
	from, ok := w.changed(&s.arrivals, slope, tolerance)
	if !ok {
		return
	}
	s.arrivals.forget(from)
	s.history.forget(from)
	s.long.bins, s.since = 0, from
	s.locked = s.locked && from > wayStart
}
