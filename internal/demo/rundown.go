package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// Producer is what a rundown needs of a channel. Its errors carry the codes of
// package interact.
type Producer interface {
	// Prepare adds a question as a draft.
	Prepare(ctx context.Context, q interact.Question) (wire.Cue, error)
	// Take schedules a draft for now. The same idempotency key does it once.
	Take(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Reveal makes the result of a closed cue public.
	Reveal(ctx context.Context, id, idempotency string) (wire.Cue, error)
}

// The rhythm of a rundown.
const (
	// DefaultEvery is the time from one take to the next.
	DefaultEvery = 30 * time.Second
	// DefaultWindow is how long a question is open.
	DefaultWindow = 15 * time.Second

	suspense       = 3 * time.Second // from close to reveal: 0.5 s of grace, 2.5 s to wonder
	commandTimeout = 5 * time.Second
	liveCheck      = 500 * time.Millisecond
	revealTries    = 6 // a visitor may have extended the window
	revealAgain    = 2 * time.Second

	// Rounds in which nothing could be taken: after probeAfter a second draft
	// shows whether the first was taken by a visitor, after forgetAfter both were.
	probeAfter  = 3
	forgetAfter = 10
)

// Rundown is the demo's producer: it takes one question after another while
// the channel is live, and gives way to a visitor who produces, too.
type Rundown struct {
	Producer Producer
	// Room is the clock that cues are on.
	Room *clock.Room
	// Live says whether the channel has media. It is asked about twice a second.
	Live func() bool
	// Every is the time from one take to the next. Default DefaultEvery.
	Every time.Duration
	// Window is how long a question is open. Default DefaultWindow.
	Window time.Duration
	// Log receives what could not be done. Nil discards.
	Log *slog.Logger

	drafts  []string // prepared and not taken: one, or two to find out about the first
	refused int      // rounds in which none could be taken
	next    int      // question
	count   int      // commands, for idempotency keys
}

// Run takes questions until ctx ends and then returns nil. It does not pile up
// drafts: it has two at most, and gives them up only if neither could be taken
// in ten rounds.
//
// Errors: a field that has no default is not set.
func (r *Rundown) Run(ctx context.Context) error {
	if r.Producer == nil || r.Room == nil || r.Live == nil {
		return errors.New("rundown: set Producer, Room and Live")
	}
	log := cmp.Or(r.Log, slog.New(slog.DiscardHandler))
	every := cmp.Or(r.Every, DefaultEvery)
	for r.waitLive(ctx) {
		started := time.Now()
		err := r.round(ctx)
		if code := interact.CodeOf(err); ctx.Err() == nil && code != "" && code != interact.CodeConflict && code != interact.CodeUnknownCue {
			log.Warn("rundown skipped a question", "err", err)
		}
		if !wait(ctx, started.Add(every)) {
			return nil
		}
	}
	return nil
}

// round takes one question and sees it through to its reveal.
func (r *Rundown) round(ctx context.Context) error {
	cue, err := r.take(ctx)
	if err != nil {
		return err
	}
	if !wait(ctx, r.Room.TimeAt(cue.Close).Add(suspense)) {
		return nil
	}
	return r.reveal(ctx, cue.ID)
}

// take takes the first draft it can. When a visitor's cue is in the way the
// draft stays for the next round. A draft that is refused right before another
// one is taken was taken by a visitor itself.
func (r *Rundown) take(ctx context.Context) (wire.Cue, error) {
	if len(r.drafts) == 0 || len(r.drafts) == 1 && r.refused >= probeAfter {
		if err := r.prepare(ctx); err != nil {
			return wire.Cue{}, err
		}
	}
	var refusal error
	for i, id := range r.drafts {
		cue, err := r.takeOne(ctx, id)
		if err == nil {
			r.drafts, r.refused = r.drafts[i+1:], 0
			return cue, nil
		}
		refusal = err
		switch interact.CodeOf(err) {
		case interact.CodeUnknownCue: // a visitor deleted it
			r.drafts = slices.Delete(slices.Clone(r.drafts), i, i+1)
			return wire.Cue{}, err
		case interact.CodeConflict:
		default:
			return wire.Cue{}, err
		}
	}
	if r.refused++; r.refused == forgetAfter {
		r.drafts, r.refused = nil, 0
	}
	return wire.Cue{}, refusal
}

func (r *Rundown) takeOne(ctx context.Context, id string) (wire.Cue, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cue, err := r.Producer.Take(ctx, id, r.key())
	if err != nil {
		return wire.Cue{}, fmt.Errorf("take: %w", err)
	}
	return cue, nil
}

func (r *Rundown) prepare(ctx context.Context) error {
	questions := Questions()
	q := questions[r.next%len(questions)]
	q.Window = cmp.Or(r.Window, DefaultWindow)
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cue, err := r.Producer.Prepare(ctx, q.WithDefaults())
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	r.drafts = append(r.drafts, cue.ID)
	r.next++
	return nil
}

func (r *Rundown) reveal(ctx context.Context, id string) error {
	for try := 1; ; try++ {
		err := r.revealOnce(ctx, id)
		if interact.CodeOf(err) != interact.CodeConflict || try == revealTries {
			return err
		}
		if !wait(ctx, time.Now().Add(revealAgain)) {
			return nil
		}
	}
}

func (r *Rundown) revealOnce(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if _, err := r.Producer.Reveal(ctx, id, r.key()); err != nil {
		return fmt.Errorf("reveal: %w", err)
	}
	return nil
}

func (r *Rundown) key() string {
	r.count++
	return fmt.Sprintf("rundown-%d", r.count)
}

// waitLive returns false if ctx ended first.
func (r *Rundown) waitLive(ctx context.Context) bool {
	for !r.Live() {
		if !wait(ctx, time.Now().Add(liveCheck)) {
			return false
		}
	}
	return ctx.Err() == nil
}

// wait returns false if ctx ended before t.
func wait(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
