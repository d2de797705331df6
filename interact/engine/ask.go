package engine

import (
	"context"
	"maps"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// ask runs f on the room's goroutine and waits for it.
func (r *Room) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case r.asks <- func() { defer close(done); f() }:
		<-done // the room never keeps it waiting
		return nil
	case <-r.stopped:
		return errStopped()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rundown is the producer's view of everything, as prepared.
func (r *Room) rundown() ([]wire.Cue, []wire.Tally) {
	now := r.now()
	cues, tallies := make([]wire.Cue, 0, len(r.order)), make([]wire.Tally, 0, len(r.order))
	for _, id := range r.order {
		it := r.items[id]
		cues = append(cues, it.view(it.state(now)))
		if it.cue.Taken {
			tallies = append(tallies, *r.tally(it))
		}
	}
	return cues, tallies
}

// Cues returns the producer's view of every cue, as prepared, and the tallies
// of those that were taken.
//
// Errors: as Join.
func (r *Room) Cues(ctx context.Context) (cues []wire.Cue, tallies []wire.Tally, err error) {
	err = r.ask(ctx, func() { cues, tallies = r.rundown() })
	return cues, tallies, err
}

// Tally returns the producer's count of a cue.
//
// Errors: *interact.Error with CodeUnknownCue; as Join.
func (r *Room) Tally(ctx context.Context, id string) (wire.Tally, error) {
	var t *wire.Tally
	err := r.ask(ctx, func() {
		if it := r.items[id]; it != nil {
			t = r.tally(it)
		}
	})
	switch {
	case err != nil:
		return wire.Tally{}, err
	case t == nil:
		return wire.Tally{}, errNoCue()
	}
	return *t, nil
}

// Counts is what a room has done since it started, for metrics.
type Counts struct {
	Counted uint64 // answers receipted for the first time
	Retried uint64 // answers that had a receipt, or got one with their first
	Refused map[interact.Code]uint64
	// Busy answers were refused because the room was behind.
	Busy uint64
	// Changed answers, of those counted, took another's place.
	Changed uint64
	// Compactions are snapshots that took the place of a log.
	Compactions uint64
	// Sealed cues were counted to their end by Ballots, BallotErrors are questions
	// to them without an answer.
	Sealed, BallotErrors uint64
	// Commits and CommitErrors are writes of answers, and writes of any kind
	// that did not take place.
	Commits, CommitErrors uint64
	// OpeningsIgnored were repeated, implausible or too many.
	OpeningsIgnored uint64
	// ClosingsIgnored were of another cue, or came before C.
	ClosingsIgnored uint64
	// LatencyRaised counts how often L was raised by itself.
	LatencyRaised uint64
	// KeysServed, KeysEarly and KeysUnknown are fetches of keys: of one that was
	// out, of one that was not yet, and of none there is.
	KeysServed, KeysEarly, KeysUnknown uint64
	// Receipts are held in memory now.
	Receipts int
}

// Counts returns the room's counters. The caller owns the map.
//
// Errors: as Join.
func (r *Room) Counts(ctx context.Context) (c Counts, err error) {
	err = r.ask(ctx, func() {
		c = r.counts
		c.Refused = maps.Clone(r.counts.Refused)
		c.Receipts = r.ledger.Receipts()
	})
	_, c.Busy = r.answers.counts()
	_, dropped := r.opened.counts()
	c.OpeningsIgnored += dropped
	k := &r.keyboard
	c.KeysServed, c.KeysEarly, c.KeysUnknown = k.served.Load(), k.early.Load(), k.unknown.Load()
	return c, err
}
