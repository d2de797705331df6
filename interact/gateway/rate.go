package gateway

import "time"

// rateWindow is how many seconds a rate is the mean of.
const rateWindow = 10

// rate counts events of the last seconds. Its zero value has seen none; its
// owner locks.
type rate struct {
	seconds [rateWindow]uint32
	last    int64 // Unix second of the newest count
}

func (r *rate) add(now time.Time) {
	r.turn(now.Unix())
	r.seconds[r.last%rateWindow]++
}

// perSecond returns the mean of the last ten seconds, the running one included.
func (r *rate) perSecond(now time.Time) float64 {
	r.turn(now.Unix())
	sum := uint32(0)
	for _, n := range r.seconds {
		sum += n
	}
	return float64(sum) / rateWindow
}

// turn forgets what is too old at the second now. A clock that steps back
// counts as standing still.
func (r *rate) turn(now int64) {
	if now-r.last >= rateWindow {
		r.seconds, r.last = [rateWindow]uint32{}, now
	}
	for r.last < now {
		r.last++
		r.seconds[r.last%rateWindow] = 0
	}
}
