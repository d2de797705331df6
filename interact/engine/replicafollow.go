package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// followRetry is how long after a bus that failed it is asked again, at least;
	// it doubles up to followRetryMost while it goes on failing.
	followRetry     = 100 * time.Millisecond
	followRetryMost = 3 * time.Second
	// followSound is how long a bus has to be followed to have recovered.
	followSound = 10 * time.Second
	// startWait is how long snapshot, log and posts may take to be read together.
	startWait = 30 * time.Second
	// readBack posts before the snapshot are given to the sockets' log.
	readBack = 2048
)

// follow knows the channel until ctx ends. Where the posts after a place are gone
// it takes a snapshot again (RE2).
func (r *Replica) follow(ctx context.Context) {
	wait := followRetry
	for ctx.Err() == nil {
		began := time.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return
		}
		r.synced.Store(false)
		r.counts.resyncs.Add(1)
		if wait = min(2*wait, followRetryMost); time.Since(began) > followSound {
			wait = followRetry
		}
		r.log.Warn("channel is not followed", "err", err, "dur", wait)
		if !sleep(ctx, wait/2+rand.N(wait)) {
			return
		}
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// session is one time from a snapshot until the place is lost.
func (r *Replica) session(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	r.synced.Store(true)
	for {
		err := r.cfg.Bus.Follow(ctx, r.cfg.Channel.Name, r.fold.place, (*listener)(r))
		if errors.Is(err, interact.ErrLost) || ctx.Err() != nil {
			return err
		}
		// Nothing is lost: it goes on where it was.
		r.log.Warn("channel is followed again", "err", err)
		if !sleep(ctx, followRetry+rand.N(followRetry)) {
			return ctx.Err()
		}
	}
}

// start learns what the channel is: from a snapshot, from the log, and for the
// sockets' log from the posts that are kept.
func (r *Replica) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	name := r.cfg.Channel.Name
	shot, err := r.cfg.Bus.Snapshot(ctx, name)
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	scene, err := decodeScene(shot.Data)
	if err != nil {
		return err
	}
	if len(shot.Data) == 0 { // what is posted says all there is
		shot.Place = interact.Place{Epoch: shot.Epoch}
	}
	next, err := r.replay(ctx)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	past, err := r.cfg.Bus.Recent(ctx, name, shot.N-min(shot.N, readBack))
	if err != nil {
		return fmt.Errorf("read posts: %w", err)
	}
	old := r.fold
	r.enact(shot.Place, scene, next)
	r.remind(shot.Place, past)
	r.retell(&old)
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
	return nil
}

// replay folds the log into a book. What is not in the log any more is not in
// the book either.
func (r *Replica) replay(ctx context.Context) (*book, error) {
	next := newBook()
	err := r.cfg.Store.Replay(ctx, r.cfg.Channel.Name, func(rec interact.Record) error {
		if err := r.take(next, rec); err != nil {
			r.unread(fmt.Errorf("record %d: %w", rec.Seq, err)) // a newer node's: the others are still good
		}
		return nil
	})
	next.prune(r.now())
	return next, err
}

// enact makes a snapshot what is known: those who come later are welcomed with
// it.
func (r *Replica) enact(at interact.Place, s Scene, next *book) {
	for _, t := range s.Producers.Tallies {
		next.tallies[t.Cue] = t
	}
	gone := r.book.Swap(next)
	for id, k := range gone.known {
		if _, still := next.known[id]; !still {
			k.booth.shut()
		}
	}
	relayed := r.fold.relayed
	r.fold = newFold()
	r.fold.place, r.fold.relayed = at, relayed
	for _, c := range s.Viewers.Cues {
		r.fold.cue(c)
	}
	for i := range s.Viewers.Tallies {
		r.fold.tell(&s.Viewers.Tallies[i])
	}
	if r.fold.timeline = s.Timeline; s.Timeline != nil {
		r.aim(s.Timeline)
	}
	r.lobby.Store(r.fold.lobby())
	for _, c := range s.Viewers.Cues {
		r.cfg.OnCue(c)
	}
	r.strays.look(r)
	r.stir()
}

// retell tells those who are here what they may have missed of the posts between
// two folds. It has no place in the log.
func (r *Replica) retell(old *fold) {
	select {
	case <-r.ready:
	default:
		return // nobody is here yet
	}
	name, to, epoch := r.cfg.Channel.Name, r.cfg.Sockets, r.fold.place.Epoch
	if t := r.fold.timeline; t != nil && (old.timeline == nil || t.Rev != old.timeline.Rev || t.Epoch != old.timeline.Epoch) {
		to.Relay(name, epoch, 0, t)
		to.Broadcast(name, wire.Producers, t)
	}
	for _, c := range r.lobby.Load().cues {
		if was, ok := old.cues[c.ID]; !ok || was.Rev != c.Rev || was.State != c.State {
			to.Relay(name, epoch, 0, &wire.CueChanged{Cue: c})
		}
	}
	for _, t := range r.lobby.Load().tallies {
		if old.tallies[t.Cue].Version != t.Version {
			to.Relay(name, epoch, 0, &t)
		}
	}
	cues, tallies := r.book.Load().rundown(r.now())
	for i := range cues {
		to.Broadcast(name, wire.Producers, &wire.CueChanged{Cue: cues[i]})
	}
	for i := range tallies {
		to.Broadcast(name, wire.Producers, &tallies[i])
	}
}

// remind gives the sockets' log the messages that a snapshot stands for.
func (r *Replica) remind(at interact.Place, past []interact.Post) {
	for _, p := range past {
		if p.N > at.N || p.Reach != interact.ReachViewers {
			continue
		}
		if m, err := wire.DecodeServer(p.Data); err == nil {
			r.relay(at.Epoch, p.Offset, m)
		}
	}
	r.relay(at.Epoch, at.Offset, nil)
}

// relay gives the sockets a message of the channel's log, unless they have it.
func (r *Replica) relay(epoch string, offset uint64, m wire.Message) {
	if done := r.fold.relayed; done.Epoch == epoch && offset <= done.Offset {
		return
	}
	r.fold.relayed = interact.Place{Epoch: epoch, Offset: offset}
	r.cfg.Sockets.Relay(r.cfg.Channel.Name, epoch, offset, m)
}

// listener is the replica as the bus calls it.
type listener Replica

// Posted takes over a post.
func (l *listener) Posted(p interact.Post) {
	r := (*Replica)(l)
	if p.N <= r.fold.place.N {
		return
	}
	r.counts.posts.Add(1)
	r.fold.place.N = p.N
	var err error
	switch p.Reach {
	case interact.ReachNodes:
		err = r.postedRecord(p)
	case interact.ReachViewers:
		r.fold.place.Offset = p.Offset
		err = r.postedViewers(p)
	case interact.ReachProducers:
		err = r.postedProducers(p)
	}
	if err != nil {
		r.unread(err)
	}
}

// unread notes what this program does not understand.
func (r *Replica) unread(err error) {
	if n := r.counts.unread.Add(1); n&(n-1) == 0 { // ever more seldom
		r.log.Warn("post or record not understood", "err", err, "times", n)
	}
}

// Whispered passes a whisper on.
func (l *listener) Whispered(w interact.Whisper) { l.cfg.Whispered(w) }

func (r *Replica) postedRecord(p interact.Post) error {
	rec, ok, err := decodeRecord(r.cfg.Channel.Name, p.Data)
	if err != nil || !ok {
		return err
	}
	next := r.book.Load().clone()
	if err := r.take(next, rec); err != nil {
		return err
	}
	next.prune(r.now())
	r.book.Store(next)
	r.strays.look(r)
	r.stir()
	return nil
}

// postedViewers puts up what newcomers are told before the sockets get the
// message: who is seated behind it finds it in Welcome (RE3).
func (r *Replica) postedViewers(p interact.Post) error {
	m, err := wire.DecodeServer(p.Data)
	if err != nil {
		r.relay(r.fold.place.Epoch, p.Offset, nil)
		return fmt.Errorf("read post for viewers: %w", err)
	}
	r.fold.tell(m)
	r.lobby.Store(r.fold.lobby())
	r.relay(r.fold.place.Epoch, p.Offset, m)
	switch m := m.(type) {
	case *wire.CueChanged:
		r.cfg.OnCue(m.Cue)
	case *wire.Key:
		r.lag(m.Cue, wire.StateKeyed)
	case *wire.Timeline:
		r.aim(m)
	}
	r.stir()
	return nil
}

func (r *Replica) postedProducers(p interact.Post) error {
	m, err := wire.DecodeServer(p.Data)
	if err != nil {
		return fmt.Errorf("read post for producers: %w", err)
	}
	switch m := m.(type) {
	case *wire.Tally:
		next := r.book.Load().clone()
		if old := next.tallies[m.Cue]; next.known[m.Cue].item != nil && old.Version <= m.Version {
			next.tallies[m.Cue] = *m
			r.book.Store(next)
		}
	case *wire.CueChanged:
		r.lag(m.Cue.ID, m.Cue.State)
		if r.fold.open(m.Cue) {
			r.lobby.Store(r.fold.lobby())
		}
	case *wire.Openings:
		r.lights.note(m)
	}
	r.cfg.Sockets.Broadcast(r.cfg.Channel.Name, wire.Producers, m)
	return nil
}

// lag measures how late it is heard that a cue is in a state that it came to by
// the clock alone.
func (r *Replica) lag(id string, s wire.State) {
	k, ok := r.book.Load().known[id]
	if !ok {
		return
	}
	var at clock.Instant
	switch state, _ := stateOf(s); {
	case s == wire.StateKeyed:
		at = k.keyAt()
	case s == wire.StateOpen && len(k.cue.Pauses) == 0:
		at = k.cue.Open
	case s == wire.StateClosing && !state.Over():
		at = k.cue.Close
	default:
		return
	}
	if late := r.now().Sub(at); late < time.Minute {
		r.counts.lag.Store(int64(max(late, 0)))
	}
}
