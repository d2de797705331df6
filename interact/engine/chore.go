package engine

import (
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// choreEvery is how often the room looks whether it has something to do by
	// itself; after a failure it waits for choreRetry.
	choreEvery = 250 * time.Millisecond
	choreRetry = time.Second
	// choreAfter batches of answers in a row go before it.
	choreAfter = 16
	// pictureGone is how long a picture has to be away until a cue that is
	// anchored in it is held.
	pictureGone = 3 * time.Second
)

// chore returns the next command that the room gives itself, nil if there is
// none.
func (r *Room) chore(now clock.Instant) *edit {
	if now < r.choresFrom {
		return nil
	}
	if r.doubtful {
		return ownJob(leading{})
	}
	if e := r.endCount(now); e != nil {
		return e
	}
	for _, it := range r.live {
		if e := r.orphan(it, now); e != nil {
			return e
		}
		if e := r.respread(it, now); e != nil {
			return e
		}
	}
	for _, o := range r.watched {
		if it := r.items[o.cue]; it != nil && r.revealDue(it, o, now) {
			return internal(it.id, actionReveal, func(it item, now clock.Instant) (_ item, err error) {
				it.cue, err = it.cue.Reveal(now)
				it.note = o.revealNote(now)
				return it, err
			})
		}
	}
	return r.raise(now)
}

// ownJob is a job that the room gives itself.
func ownJob(j job) *edit {
	return &edit{job: j, own: true, by: interact.ActorClock, reply: make(chan edited, 1)}
}

func internal(id string, act action, change func(item, clock.Instant) (item, error)) *edit {
	return &edit{id: id, action: act, change: change, own: true, by: interact.ActorClock, reply: make(chan edited, 1)}
}

// chores says whether the clock alone may give the room something to do.
func (r *Room) chores(now clock.Instant) bool {
	if r.channel.AutoLatency > 0 || r.compact.due() || r.doubtful || r.endCount(now) != nil {
		return true
	}
	for _, it := range r.live {
		if it.cue.Anchored && now < it.cue.Open || r.spreads(it, now) {
			return true
		}
	}
	for _, o := range r.watched {
		if !o.finished() {
			return true
		}
	}
	return false
}

// orphan returns the command that holds a cue whose picture has stopped, or
// lets one go whose picture is back.
func (r *Room) orphan(it *item, now clock.Instant) *edit {
	if it.held || r.channel.Stream == nil || !it.cue.Anchored || now >= it.cue.Open {
		return nil
	}
	edge := r.edge()
	stopped := !edge.Live && now.Sub(edge.At) > pictureGone
	if it.cue.Orphaned && !edge.Live {
		stopped = true
	}
	if _, changes := it.cue.Orphan(now, stopped); !changes {
		return nil
	}
	act, note := actionOrphan, "the picture has stopped: take it again to open by the clock, or cancel it"
	if !stopped {
		act, note = actionAdopt, "the picture is back"
	}
	return internal(it.id, act, func(it item, now clock.Instant) (item, error) {
		next, ok := it.cue.Orphan(now, stopped)
		if !ok {
			return it, errTooLate()
		}
		it.cue, it.note = next, note
		return it, nil
	})
}

// errTooLate is for a command of the room that its cue has outrun.
func errTooLate() error { return interact.Errorf(interact.CodeTooLate, "The cue has moved on.") }

// revealDue says whether a result that waits for the light may come.
func (r *Room) revealDue(it *item, o *openings, now clock.Instant) bool {
	return it.cue.RevealArmed && it.shown == cue.Closed && !it.held && (o.clear(now) || now >= o.until())
}
