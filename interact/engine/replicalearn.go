package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// learnAfter participants were asked for one by one, the receipts of a cue
	// that is final are learnt all together: a crowd that comes back asks for them
	// all.
	learnAfter = 32
	// learnWait is how long that may take, learnRetry how long after a failure it
	// is tried again at the soonest.
	learnWait  = 30 * time.Second
	learnRetry = 10 * time.Second
	// maxLessons cues wait to be learnt.
	maxLessons = 16
)

// errTooMany ends a lesson that does not fit into memory.
var errTooMany = errors.New("more receipts than may be held")

// missed notes that somebody's receipt had to be asked for, and sees to it that
// all are learnt if that goes on.
func (r *Replica) missed(b *book, k known, now clock.Instant) {
	t := b.tallies[k.id]
	if !t.Final || k.question.Changes || int64(t.Total)+r.held.Load() > int64(r.cfg.Receipts) || !k.booth.lacks() || b.busy(now) {
		return
	}
	select {
	case r.lessons <- k:
	default: // another time
	}
}

// busy says that a cue is on air: Ballots have better to do then.
func (b *book) busy(now clock.Instant) bool {
	for _, k := range b.known {
		if s := k.cue.State(now); s >= cue.Keyed && s.Live() {
			return true
		}
	}
	return false
}

// lacks counts a receipt that was missed, and says whether to learn all now.
func (b *booth) lacks() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.misses++; b.misses < learnAfter || b.memory.whole || time.Now().Before(b.learnFrom) {
		return false
	}
	b.learnFrom = time.Now().Add(learnWait + learnRetry) // one lesson at a time
	return true
}

// learn learns cues one after the other until ctx ends.
func (r *Replica) learn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case k := <-r.lessons:
			r.learnAll(ctx, k)
		}
	}
}

// learnAll makes what is remembered of a cue whole.
func (r *Replica) learnAll(ctx context.Context, k known) {
	ctx, cancel := context.WithTimeout(ctx, learnWait)
	defer cancel()
	var all memory
	most := int64(r.cfg.Receipts) - r.held.Load()
	err := r.cfg.Ballots.Entries(ctx, k.poll(r.cfg.Channel.Name), func(e interact.Entry, m interact.Mark) error {
		if int64(len(all.seqs)) >= most {
			return errTooMany
		}
		all.add(interact.HashOf(e.Participant), e.Participant, m)
		return nil
	})
	if total := r.book.Load().tallies[k.id].Total; err == nil && uint64(len(all.seqs)) != total {
		err = fmt.Errorf("%d of %d are there", len(all.seqs), total)
	}
	if err != nil {
		r.log.Warn("receipts not learnt", "cue", k.id, "err", err)
		return
	}
	all.whole = true
	k.booth.replace(all)
	r.counts.lessons.Add(1)
}

// replace remembers what all says instead of what was remembered.
func (b *booth) replace(all memory) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.held.Add(int64(len(all.seqs) - len(b.memory.seqs)))
	b.memory = all
}
