package engine

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// pollEvery is how often counts are read while they can change.
	pollEvery = 250 * time.Millisecond
	// pollFor is the longest that Ballots are waited for.
	pollFor = 2 * time.Second
	// maxPolls questions to Ballots are under way at a time.
	maxPolls = 16
	// settle is how long no count may have changed after C + GraceMax until the
	// counting is ended; transport is after how long it is ended in any case. What
	// a gateway took in by C + GraceMax has so long to get into Ballots, or to say
	// that it waits (holdFor).
	settle    = 250 * time.Millisecond
	transport = time.Second
	// maxDeferred commands wait until a count is final.
	maxDeferred = 64
)

// polled is what a room with Ballots knows of the counting of a cue.
type polled struct {
	tally  interact.Tally // as last read; the final one once it is logged
	final  interact.Tally // what Ballots have sealed, while the log does not say so
	asking bool
	asked  clock.Instant // when Ballots were last asked
	moved  clock.Instant // when counts were last seen to change
	away   bool          // they did not answer then
	back   clock.Instant // since when they have answered without a failure
	marked bool          // the log says that the counting is being ended
	sealed bool          // Ballots count no more
	logged bool          // and the log has their counts
}

// told is the tally as everybody may know it.
func (p *polled) told(cue string, options int) interact.Tally {
	t := interact.Tally{Cue: cue, Version: p.tally.Version, Total: p.tally.Total, Counts: make([]uint64, options), Final: p.logged}
	copy(t.Counts, p.tally.Counts)
	return t
}

// settled says that the counting of a cue that is over may be ended: there was
// time for what gateways had taken in, also after Ballots were away.
func (p *polled) settled(it *item, now clock.Instant) bool {
	if it.cue.State(now) != cue.Closed {
		return true // withdrawn: nothing counts
	}
	since := max(it.cue.Final(), p.back)
	return !p.away && (now >= since.Add(transport) || now >= max(p.moved, since).Add(settle))
}

// counted is what Ballots said.
type counted struct {
	id    string
	tally interact.Tally
	seal  bool
	err   error
}

// uncounted visits the cues whose final counts are not in the log.
func (r *Room) uncounted(visit func(it *item)) {
	for _, it := range r.live {
		visit(it)
	}
	for _, it := range r.unsealed {
		visit(it)
	}
}

// poll asks Ballots for the counts that are due, without waiting for them.
func (r *Room) poll(ctx context.Context, now clock.Instant) {
	if r.ballots == nil {
		return
	}
	r.uncounted(func(it *item) {
		if r.polls < maxPolls && now >= it.pollAt(now) {
			r.pollItem(ctx, it, now)
		}
	})
}

// pollAt is when Ballots have to be asked about it.
func (it *item) pollAt(now clock.Instant) clock.Instant {
	p, s := &it.polled, it.cue.State(now)
	switch {
	case p.asking || p.sealed || it.held || s.Over() && s != cue.Closed && !p.marked:
		return math.MaxInt64
	case s < cue.Open:
		return it.cue.Open
	case s == cue.Closed && !p.away:
		return min(max(it.cue.Final(), p.asked.Add(settle/2)), p.asked.Add(pollEvery))
	default:
		return p.asked.Add(pollEvery)
	}
}

func (r *Room) pollItem(ctx context.Context, it *item, now clock.Instant) {
	p := &it.polled
	p.asking, p.asked = true, now
	q := interact.Poll{Channel: r.channel.Name, Cue: it.id, Options: len(it.question.Options), Changes: it.question.Changes}
	seal := p.marked && p.settled(it, now) && !r.held(it, now)
	r.polls++
	r.asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, pollFor)
		defer cancel()
		c := counted{id: it.id, seal: seal}
		if seal {
			c.tally, c.err = r.ballots.Seal(ctx, q)
		} else {
			c.tally, c.err = r.ballots.Tally(ctx, q)
		}
		r.counted <- c // there is room for maxPolls
	})
}

// takeCount takes in what Ballots said.
func (r *Room) takeCount(c counted) {
	r.polls--
	now := r.now()
	if c.err != nil {
		r.counts.BallotErrors++
		r.unread.report(r.log, now, "counts cannot be read, they stay as they are", c.err)
	}
	it := r.items[c.id]
	if it == nil {
		return // let go meanwhile
	}
	p := &it.polled
	p.asking = false
	switch {
	case c.err != nil:
		p.away = true
	case p.away:
		p.away, p.back = false, now
	}
	switch {
	case c.err != nil:
	case c.seal:
		p.sealed, p.final = true, c.tally
	case c.tally.Version > p.tally.Version:
		p.tally, p.moved = c.tally, now
		it.toProducers.dirty = true
		it.toViewers.dirty = it.sight(it.shown).Tally
	}
}

// endCount returns the next step to final counts that the log has to know of: that
// Ballots are about to be sealed, or what they came to. Without the first, one
// that does not lead any more could end a window that was extended since.
func (r *Room) endCount(now clock.Instant) (e *edit) {
	if r.ballots == nil {
		return nil
	}
	r.uncounted(func(it *item) {
		p := &it.polled
		if e == nil && !it.held && it.cue.State(now).Over() && (p.sealed || !p.marked) {
			e = ownJob(&tallying{it: it, final: p.sealed})
		}
	})
	return e
}

// uncount keeps in mind that a cue that is off the air has no final counts yet.
func (r *Room) uncount(it *item) {
	if r.ballots != nil && it.cue.Taken && !it.polled.logged {
		r.unsealed = append(r.unsealed, it)
	}
}

// recount forgets that.
func (r *Room) recount(it *item) {
	r.unsealed = slices.DeleteFunc(r.unsealed, func(o *item) bool { return o == it })
}

// awaits says that a command for a cue has to wait until its count is final.
func (r *Room) awaits(it *item, now clock.Instant) bool {
	return r.ballots != nil && it.cue.State(now) == cue.Closed && !it.polled.logged
}

// put keeps a command back until the count of its cue is final.
func (r *Room) put(e *edit) {
	if len(r.deferred) >= maxDeferred {
		e.reply <- edited{err: refuse(interact.CodeBusy)}
		return
	}
	r.deferred = append(r.deferred, e)
}

// resumable returns a command that was kept back and need not wait any longer, nil if
// there is none.
func (r *Room) resumable() *edit {
	now := r.now()
	for i, e := range r.deferred {
		if it := r.items[e.id]; it == nil || !r.awaits(it, now) {
			r.deferred = slices.Delete(r.deferred, i, i+1)
			return e
		}
	}
	return nil
}

// nextPoll is when Ballots have to be asked next, wake if that is earlier.
func (r *Room) nextPoll(wake, now clock.Instant) clock.Instant {
	if r.ballots == nil {
		return wake
	}
	r.uncounted(func(it *item) { wake = min(wake, it.pollAt(now)) })
	return wake
}

// tallyOf is the tally as the room has it, from its own ledger or from Ballots.
func (r *Room) tallyOf(it *item) interact.Tally {
	if r.ballots != nil || it.polled.logged {
		return it.polled.told(it.id, len(it.question.Options))
	}
	return r.ledger.Tally(it.id, len(it.question.Options))
}

func (r *Room) tally(it *item) *wire.Tally {
	t := wireTally(r.tallyOf(it))
	return &t
}
