package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const (
	// A key that was not heard of this long after its instant is posted by every
	// node that misses it, at a moment by lot between the two.
	keyMissed     = 30 * time.Millisecond
	keyMissedMost = 80 * time.Millisecond
	// keyRetry is how long after a bus that failed it is tried again, and a half
	// to one and a half of that by lot.
	keyRetry = 150 * time.Millisecond
	// postWait is how long a post may take.
	postWait = time.Second
)

// keyAt is when the text of a cue goes out.
func (it *item) keyAt() clock.Instant { return it.cue.Open.Add(-cue.KeyLead) }

// Key returns the key of a seal by its name, once it is out: from κ before O
// on, while the cue is not withdrawn. It never blocks.
//
// Errors: *interact.Error with CodeNotYet or CodeUnknown.
func (r *Replica) Key(keyID string) (interact.Key, error) {
	now := r.now()
	it := r.book.Load().keys[keyID]
	switch {
	case it == nil || it.cue.State(now) != cue.Scheduled && !it.sight(it.cue.State(now)).Seal:
		r.counts.keysUnknown.Add(1)
		return interact.Key{}, interact.Errorf(interact.CodeUnknown, "There is no such key here.")
	case !it.sight(it.cue.State(now)).Text:
		r.counts.keysEarly.Add(1)
		return interact.Key{}, interact.Errorf(interact.CodeNotYet, "This key is not out yet. Ask again shortly.")
	}
	r.counts.keysServed.Add(1)
	return interact.Key{Key: it.seal.key(), Open: it.cue.Open}, nil
}

// duty is a key that viewers have to be told.
type duty struct {
	it *item
	at time.Time // when to see to it that they are
}

// keep sees to what has its time whoever leads: that keys are told (RE8), and
// that answers do not wait for their cue for ever.
func (r *Replica) keep(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	duties := make(map[string]duty)
	stepped := r.cfg.Clock.Stepped()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stepped:
			stepped = r.cfg.Clock.Stepped()
			clear(duties)
		case <-r.news:
		case <-r.strays.wake:
		case <-timer.C:
		}
		wake := r.unlock(ctx, duties)
		if at, ok := r.strays.expire(r, time.Now()); ok && at.Before(wake) {
			wake = at
		}
		if at := r.light(time.Now()); !at.IsZero() && at.Before(wake) {
			wake = at
		}
		timer.Reset(time.Until(wake))
	}
}

// unlock posts the keys that are missed and returns when to look again.
func (r *Replica) unlock(ctx context.Context, duties map[string]duty) time.Time {
	now := time.Now()
	b, l := r.book.Load(), r.lobby.Load()
	r.assign(b, l, duties, now)
	wake := now.Add(time.Hour)
	for id, d := range duties {
		if now.Before(d.at) {
			if d.at.Before(wake) {
				wake = d.at
			}
			continue
		}
		d.at = now.Add(keyRetry/2 + rand.N(keyRetry))
		if r.tellKey(ctx, d.it, l) {
			d.at = d.it.at(r, cue.MaxWindow) // it is posted: no other is needed
		}
		duties[id] = d
		if d.at.Before(wake) {
			wake = d.at
		}
	}
	return wake
}

// at is when R shows O and something.
func (it *item) at(r *Replica, later time.Duration) time.Time {
	return r.cfg.Clock.TimeAt(it.cue.Open.Add(later))
}

// assign notes which keys are still to be told, and draws lots for new ones.
func (r *Replica) assign(b *book, l *lobby, duties map[string]duty, now time.Time) {
	at := r.cfg.Clock.At(now)
	for id, d := range duties {
		if k, ok := b.known[id]; !ok || k.cue.Rev != d.it.cue.Rev || !k.owesKey(at) || l.keyed[id] >= k.cue.Rev {
			delete(duties, id)
		}
	}
	for id, k := range b.known {
		if _, there := duties[id]; !there && k.owesKey(at) && l.keyed[id] < k.cue.Rev {
			// A revision that is made later than that is told by the leader at once.
			lot := keyMissed + rand.N(keyMissedMost-keyMissed)
			duties[id] = duty{k.item, r.cfg.Clock.TimeAt(max(k.keyAt(), at).Add(lot))}
		}
	}
}

// owesKey says that viewers need its key now, or will.
func (it *item) owesKey(now clock.Instant) bool {
	if it.seal == nil || now >= it.cue.Close {
		return false
	}
	s := it.cue.State(now)
	return s.Live() && !it.cue.Orphaned
}

// tellKey posts the key of a cue: as a short message where viewers know the
// revision, as the whole cue where they do not. Of all nodes that do so the bus
// takes one (RE8). It reports whether there is a post now.
func (r *Replica) tellKey(ctx context.Context, it *item, l *lobby) bool {
	var m wire.Message = it.key()
	if !l.knows(it) {
		m = &wire.CueChanged{Cue: it.viewerView(max(cue.Keyed, it.cue.State(r.now())))}
	}
	data, err := wire.Encode(m)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, postWait)
		defer cancel()
		err = r.cfg.Bus.Post(ctx, r.cfg.Channel.Name, 0, []interact.Post{{Reach: interact.ReachViewers, Once: onceOf(it.id, it.cue.Rev), Data: data}}, nil)
	}
	if err != nil {
		r.log.Warn("key not posted", "cue", it.id, "err", err)
		return false
	}
	r.counts.keysPosted.Add(1)
	r.log.Info("key posted: the leader has not", "cue", it.id, "rev", it.cue.Rev)
	return true
}

// knows says whether viewers were told of the revision.
func (l *lobby) knows(it *item) bool {
	for i := range l.cues {
		if c := &l.cues[i]; c.ID == it.id {
			return c.Rev == it.cue.Rev && c.Seal != nil && c.Seal.KeyID == it.seal.keyID()
		}
	}
	return false
}
