package loadgen

import (
	"context"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// extension is by how much a cue is made longer, so that a message about it
// goes to everybody.
type extension struct {
	By int64 `json:"by_ms"`
}

const (
	extendBy = 1000 // ms
	// onAir is how long the cue lasts whose changes are broadcast.
	onAir = 2 * time.Minute
)

// onStage takes a poll, waits until it is open, and everybody knows.
func (r *rehearsal) onStage(ctx context.Context, title string) (wire.Cue, error) {
	cue, err := r.producer.take(ctx, title, onAir)
	if err != nil {
		return cue, err
	}
	if _, err := r.reached(ctx, cue); err != nil {
		return cue, err
	}
	if !pause(ctx, r.until(int64(cue.Open))+10*opening) {
		return cue, context.Cause(ctx)
	}
	return cue, nil
}

// offStage withdraws the poll: nobody needs its result.
func (r *rehearsal) offStage(ctx context.Context, cue wire.Cue) error {
	_, err := r.producer.act(ctx, cue.ID, "cancel", nil)
	return err
}

// reached waits until everybody knows a revision and says when they heard.
func (r *rehearsal) reached(ctx context.Context, cue wire.Cue) ([]int64, error) {
	found, err := r.fleet.each(ctx, func(int) order {
		return order{Do: doArrivals, Arrivals: &arrivals{cue.ID, cue.Rev}}
	})
	if err != nil {
		return nil, fmt.Errorf("wait for revision %d of cue %s: %w", cue.Rev, cue.ID, err)
	}
	var times []int64
	for _, f := range found {
		times = append(times, f.Arrived...)
	}
	return times, nil
}

// broadcasts extends a cue and measures how long everybody takes to hear.
func (r *rehearsal) broadcasts(ctx context.Context) error {
	b := &BroadcastReport{Times: r.Cues}
	r.report.Broadcast = b
	cue, err := r.onStage(ctx, "Rehearsal: a message for everybody")
	if err != nil {
		return err
	}
	for i := range r.Cues {
		r.Progress(fmt.Sprintf("broadcast %d of %d", i+1, r.Cues))
		if !pause(ctx, 5*opening) {
			return context.Cause(ctx)
		}
		before, err := r.meter.read(ctx)
		if err != nil {
			return err
		}
		asked := time.Now()
		if cue, err = r.producer.act(ctx, cue.ID, "extend", extension{extendBy}); err != nil {
			return err
		}
		times, err := r.reached(ctx, cue)
		if err != nil {
			return err
		}
		if !pause(ctx, rest) {
			return context.Cause(ctx)
		}
		after, err := r.meter.read(ctx)
		if err != nil {
			return err
		}
		b.add(asked, times, after.cpu-before.cpu)
	}
	b.finish()
	return r.offStage(ctx, cue)
}
