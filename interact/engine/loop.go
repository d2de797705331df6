package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// run owns the room until ctx ends.
func (r *Room) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var disk sync.WaitGroup
	writing, release := r.writing(ctx)
	defer release()
	disk.Go(func() { r.commit(writing) })
	disk.Go(func() { r.shortenLog(writing) })
	r.retell()
	r.serve(ctx)
	cancel()
	r.drain()
	close(r.commits)
	close(r.compact.begun)
	disk.Wait()
	r.asking.Wait()
}

// drainFor is how long a write may go on after a room with Ballots was told to
// end: another node waits to lead.
const drainFor = time.Second

// writing is the context of writes. A commit is not cut off, for nobody could
// tell whether it took place; with other nodes, the one that leads next finds out.
func (r *Room) writing(ctx context.Context) (context.Context, func()) {
	uncut, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if r.ballots == nil {
		return uncut, cancel
	}
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(drainFor)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-uncut.Done():
		}
	})
	return uncut, func() { stop(); cancel() }
}

// uncertain says that nobody can tell whether a write took place.
func uncertain(err error) bool {
	code := interact.CodeOf(err)
	return code != interact.CodeUnavailable && code != interact.CodeInvalid
}

// write is what the disk does in one step.
type write struct {
	records []interact.Record
	upTo    uint64 // of a snapshot: the records take the place of those up to this one
}

// commit waits for the disk, one write at a time, so that run does not have to.
func (r *Room) commit(ctx context.Context) {
	for w := range r.commits {
		r.committed <- r.store.Append(ctx, w.records)
	}
}

// launch gives the disk its next write.
func (r *Room) launch(f *flight) {
	r.flight = f
	r.commits <- f.write
}

func (r *Room) serve(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	stepped := r.clock.Stepped()
	for ctx.Err() == nil && r.fatal == nil {
		r.reuse()
		r.advance(r.now()) // first, so that no command slips in before the last answers
		r.next()
		now := r.now()
		r.advance(now)
		r.poll(ctx, now)
		r.tell(now)
		timer.Reset(r.rest(now))

		r.wait(ctx, timer.C, &stepped)
	}
}

// wait sleeps until there is something to do, and does it unless next will.
func (r *Room) wait(ctx context.Context, tick <-chan time.Time, stepped *<-chan struct{}) {
	answers, claims, edits := r.answers.wake, r.claims.wake, r.edits
	var crowd chan struct{}
	switch {
	case r.flight != nil:
		answers, claims, edits = nil, nil, nil // they gather until the disk is back
		if r.gathering().looked < interact.MaxBatch {
			crowd = r.answers.crowd
		}
	case r.sealing():
		claims, edits = nil, nil
	}
	select {
	case err := <-r.committed: // first, for receipts and the next batch wait for it
		r.land(err)
		return
	default:
	}
	select {
	case <-ctx.Done():
	case ask := <-r.asks:
		ask()
	case e := <-edits:
		r.begin(e)
	case <-answers:
	case <-claims:
	case <-crowd:
		r.fill()
	case <-r.opened.wake:
		r.takeReports(reportsAtOnce)
	case <-r.moved.wake:
		r.takeMoves(reportsAtOnce)
	case err := <-r.committed:
		r.land(err)
	case err := <-r.compact.landed:
		r.shortened(err)
	case c := <-r.counted:
		r.takeCount(c)
	case <-*stepped: // the timer was set by another clock
		*stepped = r.clock.Stepped()
	case <-tick:
		r.takeReports(reportsAtOnce)
		r.takeMoves(reportsAtOnce)
	}
}

// next gives the disk its next write, if it is idle. A command goes before
// answers, because a burst of answers has always more; but never two in a row.
// What the room gives itself to do comes after answers, unless they have gone
// first for long.
func (r *Room) next() {
	if r.flight != nil {
		return
	}
	free := !r.sealing() && (!r.edited || r.ballots != nil) // nobody else needs the disk there
	r.edited = false
	if free {
		r.command(r.unkept >= choreAfter)
	}
	if r.flight == nil {
		r.dispatch()
		r.unkept++
	}
	if r.flight == nil && free {
		r.unkept = 0
		r.keep()
	}
}

// command begins the next command, of a producer or by a viewer's link; one of
// the room itself, too, if own is set.
func (r *Room) command(own bool) {
	if e := r.resumable(); e != nil {
		r.begin(e)
		return
	}
	select {
	case e := <-r.edits:
		r.begin(e)
	default:
	}
	if r.flight == nil && r.claims.waiting() {
		r.begin(r.claiming())
	}
	if r.flight == nil && own {
		r.unkept = 0
		r.keep()
	}
}

// keep begins what the room gives itself to do, if there is anything.
func (r *Room) keep() {
	select {
	case <-r.stopped:
		return
	default:
	}
	now := r.now()
	if e := r.chore(now); e != nil {
		r.begin(e)
	} else {
		r.shorten(now)
	}
}

// land takes in what the disk has done. Receipts go out while it works on the
// next write.
func (r *Room) land(err error) {
	f := r.flight
	r.flight = nil
	if err != nil {
		r.failures.report(r.log, r.now(), "log cannot be written, answers are not counted", err)
		r.doubtful = r.ballots != nil
		r.doubt(err)
	} else {
		r.doubtful = false
		r.compact.wrote(f.write)
		r.tellNodes(f.write.records)
	}
	if f.edit != nil {
		r.edited = true
		r.finishEdit(f, err)
		return
	}
	r.count(f.batch, err)
	r.next()
	r.reply(f.batch, err)
	r.release(f.batch)
	r.reuse()
}

// doubt ends a room with other nodes that may not write any more, or cannot tell
// what is in the log: whoever leads next reads it.
func (r *Room) doubt(err error) {
	if r.ballots != nil && r.fatal == nil && (errors.Is(err, interact.ErrFenced) || uncertain(err)) {
		r.fatal = fmt.Errorf("channel %s: write to the log: %w", r.channel.Name, err)
	}
}

// drain deals with everything that was taken in.
func (r *Room) drain() {
	close(r.stopped)
	r.answers.close()
	r.opened.close()
	r.moved.close()
	r.claims.close()
	r.turnAway()
	for _, e := range r.deferred {
		e.reply <- edited{err: errStopped()}
	}
	for {
		if r.flight == nil {
			r.dispatch()
		}
		if r.flight != nil {
			r.land(<-r.committed)
		} else if !r.behind() {
			return
		}
	}
}

// sealing says that a window has passed and its last answers are being counted.
func (r *Room) sealing() bool {
	return r.ballots == nil && slices.ContainsFunc(r.live, func(it *item) bool { return it.sealing })
}

// behind says that there are answers to judge at once.
func (r *Room) behind() bool { return len(r.again) > 0 || r.head < len(r.backlog) }

// rest returns how long nothing needs to be done by the clock alone.
func (r *Room) rest(now clock.Instant) time.Duration {
	if r.flight == nil && (r.behind() || !r.sealing() && r.claims.waiting()) || r.reportAt < len(r.reports) || r.moveAt < len(r.moves) {
		return 0
	}
	wake := now.Add(time.Hour)
	if r.chores(now) {
		wake = max(now, r.choresFrom).Add(choreEvery)
	}
	if r.target.next != 0 { // only this goroutine changes it
		wake = min(wake, r.target.at)
	}
	for _, it := range r.live {
		if it.cue.State(now) == cue.Scheduled && now < it.cue.Arm.Add(-spreadLead) {
			wake = min(wake, it.cue.Arm.Add(-spreadLead))
		}
		if at, ok := it.cue.Next(now); ok && !it.held && !it.sealing {
			wake = min(wake, at)
		}
		wake = it.due(wake)
	}
	for _, o := range r.watched {
		if at, ok := o.pace.due(); ok {
			wake = min(wake, at)
		}
	}
	wake = r.nextPoll(wake, now)
	return max(0, time.Until(r.clock.TimeAt(wake)))
}
