package engine

import (
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// pace spaces out the telling of something that keeps changing. The first
// change is told at once, the last one always.
type pace struct {
	every time.Duration
	last  clock.Instant
	dirty bool
}

// due returns when the change has to be told, false if there is none.
func (p *pace) due() (clock.Instant, bool) { return p.last.Add(p.every), p.dirty }

// ready reports whether to tell the change now.
func (p *pace) ready(now clock.Instant) bool {
	at, dirty := p.due()
	if !dirty || now < at {
		return false
	}
	p.last, p.dirty = now, false
	return true
}

// tell sends the counts that have changed and are due.
func (r *Room) tell(now clock.Instant) {
	name := r.channel.Name
	for _, it := range r.live {
		if it.toProducers.ready(now) {
			r.out.Broadcast(name, wire.Producers, r.tally(it))
		}
		if it.toViewers.ready(now) {
			r.publish()
			r.out.Broadcast(name, wire.Viewers, r.tally(it))
		}
	}
	for _, o := range r.watched {
		if o.pace.ready(now) {
			r.out.Broadcast(name, wire.Producers, o.summary(now))
		}
	}
}

// tellFinal sends the final count to all who may see it.
func (r *Room) tellFinal(it *item) {
	to := wire.Producers
	if it.sight(it.shown).Tally {
		to |= wire.Viewers
	}
	r.out.Broadcast(r.channel.Name, to, r.tally(it))
}
