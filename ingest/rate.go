package ingest

import "time"

// rateWindow is how long a session may spend above its ceiling in a burst.
const rateWindow = 4 * time.Second

// rate is a token bucket of bytes. It belongs to one goroutine.
type rate struct {
	perSecond float64
	left      float64
	at        time.Time
}

func newRate(bits int, now time.Time) rate {
	perSecond := float64(bits) / 8
	return rate{perSecond: perSecond, left: perSecond * rateWindow.Seconds(), at: now}
}

// take reports whether n more bytes are allowed at now.
func (r *rate) take(n int, now time.Time) bool {
	r.left = min(r.left+r.perSecond*now.Sub(r.at).Seconds(), r.perSecond*rateWindow.Seconds())
	r.at = now
	r.left -= float64(n)
	return r.left >= 0
}
