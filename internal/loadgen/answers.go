package loadgen

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// opening lets the messages about the opening pass before CPU is counted.
	opening = 100 * time.Millisecond
	// rest is how long after the last reply the server's work still counts as
	// the answers'.
	rest = 200 * time.Millisecond
)

// answers has polls answered and holds every receipt against the final tally.
func (r *rehearsal) answers(ctx context.Context) error {
	a := &AnswersReport{Timing: r.Timing.String(), Share: r.Share, Refused: make(map[string]int)}
	r.report.Answers = a
	if r.meter.admin != "" {
		a.Peak = &PeakReport{Shed: make(map[string]int)}
	}
	for i := range r.Cues {
		r.Progress(fmt.Sprintf("poll %d of %d", i+1, r.Cues))
		if err := r.poll(ctx, i, a); err != nil {
			return err
		}
	}
	a.finish()
	return nil
}

func (r *rehearsal) poll(ctx context.Context, i int, a *AnswersReport) error {
	cue, err := r.producer.take(ctx, fmt.Sprintf("Rehearsal %d: which way?", i+1), r.Window)
	if err != nil {
		return err
	}
	var before usage
	metered := make(chan error, 1)
	go func() {
		if !pause(ctx, r.until(int64(cue.Open))+opening) {
			metered <- context.Cause(ctx)
			return
		}
		var err error
		before, err = r.meter.read(ctx)
		metered <- err
	}()
	looks := func() ([]coping, error) { return nil, nil }
	if a.Peak != nil {
		looks = r.watch(ctx)
	}
	defer looks()
	found, err := r.fleet.each(ctx, func(int) order {
		return order{Do: doAnswer, Answer: &answering{Cue: cue, Timing: r.Timing, Share: r.Share}}
	})
	if bad := <-metered; err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("answer cue %s: %w", cue.ID, err)
	}
	if !pause(ctx, rest) {
		return context.Cause(ctx)
	}
	after, err := r.meter.read(ctx)
	if err != nil {
		return err
	}
	if a.Peak != nil && !pause(ctx, aftermath) {
		return context.Cause(ctx)
	}
	seen, err := looks() // before the closing is told to everybody, which takes as long as a burst
	if err != nil {
		return err
	}
	tally, err := r.producer.finish(ctx, cue.ID)
	if err != nil {
		return err
	}
	all := make([]*answered, len(found))
	for i, f := range found {
		all[i] = f.Answered
	}
	a.add(all, after.cpu-before.cpu)
	if a.Peak != nil {
		a.Peak.add(seen, time.Unix(0, lastSent(all)))
	}
	for _, d := range reconcile(cue, all, tally) {
		r.report.differ(d)
	}
	return nil
}

// watch looks at the server until the returned function is called, at most for
// as long as one poll can take, and that one returns what was seen.
func (r *rehearsal) watch(ctx context.Context) func() ([]coping, error) {
	ctx, stop := context.WithTimeout(ctx, r.Window+maxWatch)
	var looks []coping
	var err error
	over := make(chan struct{})
	go func() {
		defer close(over)
		looks, err = r.meter.watch(ctx)
	}()
	return func() ([]coping, error) {
		stop()
		<-over
		return looks, err
	}
}

// reconcile says in which way the final tally is not what the receipts promise.
func reconcile(cue wire.Cue, all []*answered, tally wire.Tally) (differences []string) {
	counts := make([]uint64, cue.Choices)
	var seqs []uint64
	receipts, lost, untold := 0, 0, 0
	for _, a := range all {
		receipts, lost, untold = receipts+a.Receipts, lost+a.Lost, untold+a.Untold
		seqs = append(seqs, a.Seqs...)
		for i, n := range a.Counts {
			counts[i] += n
		}
	}
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	slices.Sort(seqs)
	for i := 1; i < len(seqs); i++ {
		if seqs[i] == seqs[i-1] {
			differ("Two viewers have the receipt number %d for cue %s.", seqs[i], cue.ID)
			break
		}
	}
	if lost > 0 {
		differ("%d answers to cue %s have neither a receipt nor a refusal.", lost, cue.ID)
	}
	if untold > 0 {
		differ("%d viewers never heard of cue %s, which they were to answer.", untold, cue.ID)
	}
	if tally.Total != uint64(receipts) || !slices.Equal(tally.Counts, counts) {
		differ("The viewers have %d receipts for cue %s, by option %v; the final tally has counted %d, by option %v.",
			receipts, cue.ID, counts, tally.Total, tally.Counts)
	}
	return differences
}
