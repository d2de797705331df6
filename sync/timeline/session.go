package timeline

import (
	"math"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// When an epoch's start burst has passed (TL2).
const (
	settleTime = 250 * time.Millisecond
	settleMost = 1500 * time.Millisecond
	settleFall = 25_000.0 // µs by which a start burst is told from jitter
)

// session is what is known of the publisher.
type session struct {
	began clock.Instant
	shift clock.Ticks // media time minus session timestamp
	after clock.Ticks // highest media time handed out before
	zero  Point       // x = 0 of the estimate, at the nominal anchor
	prior float64     // slope to start with, µs/s
	since float64     // x from which media came by the same way

	arrivals envelope
	history  envelope
	long     line // along history
	stale    bool // long, since history has another bin
	captures captures
	late     lateness
	edgeLine line    // the earliest that media can arrive
	line     line    // what P follows: that, or the encoder's clock
	follows  bool    // the encoder's clock
	held     bool    // P has the offset of the encoder's clock, followed now or before
	lead     float64 // µs by which edgeLine was above it
	slope    float64 // the best that is known of the media clock's, µs/s
	pushed   float64 // µs by which P began late, behind the epoch before

	low    float64 // least delay before the epoch is published
	lowAt  clock.Instant
	edge   clock.Ticks // highest media time observed
	dts    clock.Ticks
	last   clock.Instant // of the last arrival that was no alien
	ready  bool
	locked bool // once at least

	aliens     aliens
	earlySince clock.Instant // when arrivals too early began to come; 0 if none does
}

// coordinates returns media time in s and delay in µs from the epoch's zero.
func (s *session) coordinates(media clock.Ticks, at clock.Instant) (x, delay float64) {
	since := media - s.zero.Media
	return float64(since) / clock.TicksPerSecond, float64(at-s.zero.P) - float64(since)*1e6/clock.TicksPerSecond
}

// settled says whether the epoch can be published. A clock to be trusted that
// has shown itself once or twice is given the time to confirm it.
func (s *session) settled(now clock.Instant, trusting bool) bool {
	switch waited := now.Sub(s.began); {
	case waited >= settleMost:
		return true
	case trusting && s.captures.n > 0 && s.captures.n < agreement:
		return false
	default:
		return now.Sub(s.lowAt) >= settleTime
	}
}

// fits reports whether a timestamp fits its neighbour or R (TL7).
func (s *session) fits(dts clock.Ticks, x, delay float64) bool {
	const far = float64(alienJump / time.Microsecond)
	return (dts-s.dts).Duration().Abs() <= alienJump || math.Abs(s.off(x, delay)) <= far
}

// early reports whether an arrival is earlier than any honest sender's can be.
// It is believed after all when nothing else comes any more (TL7).
func (s *session) early(at clock.Instant, x, delay float64) bool {
	if !s.ready || s.off(x, delay) > -behindLimit {
		s.earlySince = 0
		return false
	}
	if s.earlySince == 0 {
		s.earlySince = at
	}
	return at.Sub(s.earlySince) <= patience
}

// off is by how much an arrival is later than estimated, in µs.
func (s *session) off(x, delay float64) float64 {
	if !s.ready {
		return delay
	}
	return delay - s.edgeLine.at(x)
}
