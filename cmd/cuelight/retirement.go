package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// retirement lets answers go that nobody needs where they were counted.
type retirement struct {
	*ledger
	ballots  interact.Ballots
	log      *slog.Logger
	recorded chan string              // cues that are in the history
	waits    bool                     // for those
	retired  map[string]time.Duration // after how long they were let go
}

// note says that a cue is in the history. It does not block: what is not noted
// is kept.
func (r *retirement) note(id string) {
	select {
	case r.recorded <- id:
	default:
	}
}

func (r *retirement) run(ctx context.Context) error {
	look := time.NewTicker(retireEvery)
	defer look.Stop()
	in := make(map[string]bool)
	for {
		select {
		case <-ctx.Done():
			return nil
		case id := <-r.recorded:
			in[id] = true
		case <-look.C:
			r.look(ctx, in)
		}
	}
}

// look lets go of the cues that are over, and recorded if there is a history.
func (r *retirement) look(ctx context.Context, recorded map[string]bool) {
	ctx, cancel := context.WithTimeout(ctx, retireWait)
	defer cancel()
	all, err := r.Finished(ctx)
	if err != nil {
		return // it is handing over
	}
	for _, q := range all {
		after := r.after(q.State)
		if r.retired[q.ID] == after || r.waits && !recorded[q.ID] {
			continue
		}
		if err := r.ballots.Expire(ctx, poll(r.channel, q.Question, q.ID), after); err != nil {
			r.log.Warn("answers of a cue that is over are kept", "channel", r.channel, "cue", q.ID, "err", err)
			return
		}
		r.retired[q.ID] = after
	}
}

// after is how long the answers of a cue in a state are kept: of one that may still
// be revealed as long as without a history.
func (r *retirement) after(state string) time.Duration {
	if r.waits && state != string(wire.StateClosed) {
		return retireAfter
	}
	return unrecordedFor
}
