package clock

import (
	"slices"
	"time"
)

// Bounds of how a follower learns how fast its leader's clock runs (CL18).
const (
	driftWindow = 8 * time.Second
	// driftWindows are looked back over.
	driftWindows = 8
	// driftNoise is the worst that a rate may be known: two exchanges that
	// differ more in their delay tell too little.
	driftNoise = 20 * PPM
)

// drift learns how much faster than this machine's clock the leader's runs, from
// the least delayed exchange of each window. Its zero value is ready.
type drift struct {
	until Local      // end of the window, 0 if none is open
	best  Estimate   // of the window
	past  []Estimate // the best of the windows before, oldest first
}

// add takes an exchange on the machine's own clock and returns the rate, at the
// end of a window only, if it is known then.
func (d *drift) add(e Estimate) (Rate, bool) {
	if d.until == 0 {
		d.until, d.best = e.Taken+driftWindow, e
	}
	if e.RTT <= d.best.RTT {
		d.best = e
	}
	if e.Taken < d.until {
		return 0, false
	}
	d.until = 0
	if len(d.past) == driftWindows {
		d.past = slices.Delete(d.past, 0, 1)
	}
	d.past = append(d.past, d.best)
	first := d.past[0]
	apart := d.best.Taken - first.Taken
	if RateOf((d.best.RTT-first.RTT).Abs()/2, apart) > driftNoise {
		return 0, false
	}
	return RateOf(d.best.Zero.Sub(first.Zero), apart), apart >= driftWindow
}
