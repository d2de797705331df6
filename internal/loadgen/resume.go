package loadgen

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/interact/wire"
)

// meanwhile is how many messages everybody misses while it is away.
const meanwhile = 5

// resume cuts all connections at once, has things happen meanwhile, and holds
// what everybody heard against it.
func (r *rehearsal) resume(ctx context.Context) error {
	cue, err := r.onStage(ctx, "Rehearsal: back again")
	if err != nil {
		return err
	}
	r.Progress("cutting all connections")
	type shown struct {
		cue wire.Cue
		err error
	}
	said := make(chan shown, 1)
	go func() {
		last, err := r.talk(ctx, cue)
		said <- shown{last, err}
	}()
	found, err := r.fleet.each(ctx, func(int) order { return order{Do: doCut} })
	last := <-said
	if err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	if last.err != nil {
		return last.err
	}
	r.report.Resume = resumeReport(found)
	// The last word comes when everybody is back: who has it has read so far.
	if cue, err = r.producer.act(ctx, cue.ID, "extend", extension{extendBy}); err != nil {
		return err
	}
	if _, err := r.reached(ctx, cue); err != nil {
		return err
	}
	audits, err := r.fleet.each(ctx, func(int) order { return order{Do: doAudit} })
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, f := range audits {
		r.report.Resume.Skipped += f.Skipped
	}
	if n := r.report.Resume.Lost; n > 0 {
		r.report.differ(fmt.Sprintf("%d viewers did not come back.", n))
	}
	return r.offStage(ctx, cue)
}

// talk changes the cue while nobody hears.
func (r *rehearsal) talk(ctx context.Context, cue wire.Cue) (wire.Cue, error) {
	for range meanwhile {
		if !pause(ctx, opening) {
			return cue, context.Cause(ctx)
		}
		next, err := r.producer.act(ctx, cue.ID, "extend", extension{extendBy})
		if err != nil {
			return cue, err
		}
		cue = next
	}
	return cue, nil
}
