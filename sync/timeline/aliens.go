package timeline

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// When timestamps are not believed, and when they are after all.
const (
	alienJump = 10 * time.Second
	agreement = 3                      // of a kind are no accident
	gibberish = 200 * time.Millisecond // of nothing that fits
	patience  = time.Second            // with arrivals that are too early
)

// aliens watches timestamps that fit neither their neighbours nor R: one by
// itself is an encoder's slip, several in a row are another timeline (TL7).
type aliens struct {
	n     int // in a row
	agree int // of them with the one before, in a row
	dts   clock.Ticks
	at    clock.Instant
	since clock.Instant
}

// add takes a timestamp into account and reports whether a new epoch is due.
// n is 0 afterwards if it is no alien.
func (a *aliens) add(dts clock.Ticks, at clock.Instant, fits bool) bool {
	if fits {
		a.n = 0
		return false
	}
	if a.n == 0 {
		a.since = at
	}
	if a.n > 0 && ((dts-a.dts).Duration()-at.Sub(a.at)).Abs() <= time.Second {
		a.agree++
	} else {
		a.agree = 1
	}
	a.n, a.dts, a.at = a.n+1, dts, at
	return a.agree >= agreement || a.n >= agreement && at.Sub(a.since) >= gibberish
}
