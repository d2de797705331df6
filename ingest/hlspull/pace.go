package hlspull

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// maxSteer bounds how far the pace is off real time: what two good clocks
	// may differ by, several times over.
	maxSteer = 500e-6
	// lowsKept are how many pieces the cushion is judged by.
	lowsKept = 16
)

// pacer says when frames are due. Media come in bursts, a whole segment or part
// at once, and are handed on at the pace at which they play: as late as lets
// each piece arrive before it is due. The cushion that is left when a piece
// arrives tells how the source's clock runs against ours; it is held by bending
// the pace. A piece that comes too late moves everything after it.
//
// It belongs to one goroutine.
type pacer struct {
	base time.Time // when at is due
	at   clock.Ticks
	lows []time.Duration // cushions, newest last
	last time.Time       // of the last steering
}

// due is when a frame is to be handed on.
func (p *pacer) due(dts clock.Ticks) time.Time { return p.base.Add((dts - p.at).Duration()) }

// begin makes the first frame due: at once if so much media lies ahead that
// pieces of the given length will come in time, else a little later.
func (p *pacer) begin(first clock.Ticks, ahead, length time.Duration, now time.Time) {
	p.at, p.last = first, now
	p.base = now.Add(max(0, cushion(length)+length-ahead))
}

// cushion is how long before it is due a piece should come.
func cushion(length time.Duration) time.Duration { return length / 2 }

// arrived says when a piece had been fetched whose first frame is the given one.
func (p *pacer) arrived(first clock.Ticks, length time.Duration, now time.Time) {
	left := p.due(first).Sub(now)
	if left < 0 {
		p.base, p.lows = p.base.Add(-left), p.lows[:0]
		return
	}
	if p.lows = append(p.lows, left); len(p.lows) < lowsKept {
		p.last = now
		return
	}
	p.lows = p.lows[len(p.lows)-lowsKept:]
	p.steer(cushion(length), now)
}

// steer moves the pace a little towards the wanted cushion.
func (p *pacer) steer(want time.Duration, now time.Time) {
	low := p.lows[0]
	for _, l := range p.lows {
		low = min(low, l)
	}
	limit := time.Duration(maxSteer * float64(now.Sub(p.last)))
	step := min(max((want-low)/lowsKept, -limit), limit)
	p.base, p.last = p.base.Add(step), now
	for i := range p.lows {
		p.lows[i] += step
	}
}
