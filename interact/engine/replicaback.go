package engine

import (
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// recastEvery is how long after a call without a reply the same votes are cast
// again.
const recastEvery = 100 * time.Millisecond

// patienceLocked is how long a call that begins now may go without a reply.
func (b *booth) patienceLocked(now time.Time) time.Duration {
	if b.silent.IsZero() {
		return castWait
	}
	return max(castWait-now.Sub(b.silent), deafWait)
}

// deafLocked says that Ballots have left calls without a reply for castWait.
func (b *booth) deafLocked(now time.Time) bool {
	return !b.silent.IsZero() && now.Sub(b.silent) >= castWait
}

// landLocked takes in what became of c, which was given to Ballots when it began.
// Of the votes that were left without a reply nobody knows whether they count: they
// are cast again, which changes nothing of those that do, until castWait is over.
// It says whether some are, and returns the casts that are given up.
func (b *booth) landLocked(poll interact.Poll, c *cast, began, now time.Time) (again bool, lost []*cast) {
	b.flights = slices.DeleteFunc(b.flights, func(o *cast) bool { return o == c })
	b.rememberLocked(poll, c)
	b.rereadLocked(c)
	unknown := c.unknown()
	if unknown == 0 {
		if !b.recasts {
			b.silent = time.Time{}
		}
		return false, nil
	}
	unanswered := now.Sub(began) >= replyWait
	if unanswered && b.silent.IsZero() {
		b.silent = began
	}
	switch deaf := b.deafLocked(now); {
	case deaf && unanswered && unknown == len(c.votes):
		lost = append(b.back, b.queue...) // what came while this one waited for nothing
		b.back, b.queue = nil, nil
		return false, lost
	case deaf || b.closed || b.silent.IsZero(): // in the last case they said that they cannot
		return false, nil
	}
	b.putBackLocked(c)
	return true, nil
}

// rereadLocked gives those of whom nobody knows the receipt that they were given
// meanwhile, for the same answer in another cast (IN3).
func (b *booth) rereadLocked(c *cast) {
	for i := range c.outcomes {
		if c.outcomes[i].Code != interact.CodeUnavailable {
			continue
		}
		p := &c.waiting[i]
		if m, known := b.memory.find(p.hash, p.answer.Participant); known {
			c.outcomes[i] = interact.Outcome{Mark: m}
		}
	}
}

// putBackLocked moves the votes of c that are not known to count to those that
// are cast again.
func (b *booth) putBackLocked(c *cast) {
	for i := range c.outcomes {
		if c.outcomes[i].Code != interact.CodeUnavailable {
			continue
		}
		n := len(b.back)
		if n == 0 || len(b.back[n-1].votes) == interact.MaxCast {
			b.back = append(b.back, b.r.casts.Get().(*cast))
			n++
		}
		b.back[n-1].add(&c.waiting[i], &c.votes[i], c.first)
		c.waiting[i].to = nil
	}
	c.twins = slices.DeleteFunc(c.twins, func(t twin) bool {
		if c.waiting[t.of].to != nil {
			return false
		}
		for _, o := range b.back {
			if i := o.find(&t.pending, c.votes[t.of].Attempt); i >= 0 {
				o.twins = append(o.twins, twin{t.pending, i, t.refused})
				return true
			}
		}
		return false
	})
	if !b.recasts {
		b.recasts = true
		b.r.flights.Add(1)
		go b.recast()
	}
}

// recast casts again what was put back, one cast at a time, until there is no more.
func (b *booth) recast() {
	r := b.r
	defer r.flights.Done()
	for sound := false; ; {
		if !sound {
			r.pause(recastEvery)
		}
		poll, c, patience := b.takeBack(sound)
		if c == nil {
			return
		}
		began := time.Now()
		if patience > 0 {
			r.cast(poll, c, patience)
		} else {
			c.doubt()
		}
		b.mu.Lock()
		again, lost := b.landLocked(poll, c, began, time.Now())
		sound = !again
		b.mu.Unlock()
		r.settle(c)
		r.giveUp(lost)
	}
}

// takeBack returns the next cast to be cast again, and for how long to wait for the
// reply: zero if it is given up. Nil ends it; sound says that the last one, if any,
// was replied to.
func (b *booth) takeBack(sound bool) (interact.Poll, *cast, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if len(b.back) == 0 {
		b.back, b.recasts = nil, false
		if sound && !b.deafLocked(now) {
			b.silent = time.Time{}
		}
		b.launchLocked(now) // where answers may be changed, the next ones have waited
		return b.poll, nil, 0
	}
	c := b.back[0]
	b.back[0] = nil
	b.back = b.back[1:]
	b.flights = append(b.flights, c)
	if b.deafLocked(now) {
		return b.poll, c, 0
	}
	return b.poll, c, b.patienceLocked(now)
}

// giveUp tells everybody in casts that nobody knows whether they count.
func (r *Replica) giveUp(casts []*cast) {
	for _, c := range casts {
		c.doubt()
		r.settle(c)
	}
}

// pause waits, but for a replica that stops.
func (r *Replica) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stopped:
	}
}
