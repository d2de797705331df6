package gateway

// bucket is a token bucket, full at first. Its owner locks, or is one goroutine.
type bucket struct {
	last moment // zero: not used yet
	left float32
}

// take says whether one more is allowed at now, and counts it if so.
func (b *bucket) take(now moment, rate, burst int) bool {
	if b.last == 0 {
		b.left = float32(burst)
	} else if gap := now.sub(b.last).Seconds(); gap > 0 {
		b.left = float32(min(float64(burst), float64(b.left)+gap*float64(rate)))
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
