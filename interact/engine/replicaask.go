package engine

import (
	"context"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// Cues returns the producer's view of every cue, as prepared, and the tallies
// of those that were taken, as producers were told of them.
//
// Errors: *interact.Error with CodeUnavailable while starting.
func (r *Replica) Cues(context.Context) ([]wire.Cue, []wire.Tally, error) {
	select {
	case <-r.ready:
	default:
		return nil, nil, errStarting()
	}
	cues, tallies := r.book.Load().rundown(r.now())
	return cues, tallies, nil
}

// Tally returns the count of a cue: the final one, or what Ballots have now.
//
// Errors: *interact.Error with CodeUnknownCue, CodeUnavailable; ctx's.
func (r *Replica) Tally(ctx context.Context, id string) (wire.Tally, error) {
	b := r.book.Load()
	k, ok := b.known[id]
	if !ok {
		return wire.Tally{}, errNoCue()
	}
	told := b.tally(k.item)
	if told.Final || !k.answerable(r.now()) {
		return told, nil
	}
	t, err := r.cfg.Ballots.Tally(ctx, k.poll(r.cfg.Channel.Name))
	if err != nil {
		return wire.Tally{}, err
	}
	return wireTally(t), nil
}

// Bans returns the bans in force, the newest first. The caller owns the slice.
//
// Errors: none; it is there for stores that have to be asked.
func (r *Replica) Bans(context.Context) ([]interact.Ban, error) {
	return r.book.Load().barred(r.now()), nil
}
