package gateway

import "time"

// bucket is a token bucket, full at first. It belongs to one goroutine.
type bucket struct {
	left float64
	last time.Time
}

// take says whether one more is allowed at now, and counts it if so.
func (b *bucket) take(now time.Time, rate, burst int) bool {
	if b.last.IsZero() {
		b.left = float64(burst)
	} else if gap := now.Sub(b.last).Seconds(); gap > 0 {
		b.left = min(float64(burst), b.left+gap*float64(rate))
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
