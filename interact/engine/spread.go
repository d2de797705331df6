package engine

import (
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// What a question does to an audience that sees it at once.
const (
	peakShare  = 0.85                   // of the viewers answer
	peakWidth  = 200 * time.Millisecond // within
	spreadStep = 10 * time.Millisecond
	// spreadLead is how long before viewers hear of a cue its spread is looked at
	// again.
	spreadLead = 2 * time.Second
)

// spreadOf is over how long an audience has to spread its answers so that
// capacity a second is enough.
func spreadOf(viewers, capacity int) time.Duration {
	over := time.Duration(peakShare*float64(viewers)/float64(capacity)*float64(time.Second)) - peakWidth
	if over <= 0 {
		return 0
	}
	return min((over + spreadStep - 1).Truncate(spreadStep), interact.MaxSpread)
}

func (r *Room) spread() time.Duration {
	return spreadOf(r.audience(r.channel.Name), r.capacity)
}

// spreads says whether viewers are about to hear of a cue whose spread was
// chosen long before.
func (r *Room) spreads(it *item, now clock.Instant) bool {
	return it.cue.State(now) == cue.Scheduled && !it.cue.Orphaned && now >= it.cue.Arm.Add(-spreadLead)
}

// respread returns the command that gives such a cue the spread for those who
// are here now.
func (r *Room) respread(it *item, now clock.Instant) *edit {
	if it.held || !r.spreads(it, now) || r.spread() == it.spread {
		return nil
	}
	return internal(it.id, actionSpread, func(it item, now clock.Instant) (item, error) {
		if !r.spreads(&it, now) {
			return it, errTooLate()
		}
		it.cue.Rev++
		it.spread = r.spread()
		return it, nil
	})
}
