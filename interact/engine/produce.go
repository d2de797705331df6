package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// Prepare adds a draft.
//
// Errors, here and in the commands below: *interact.Error with CodeInvalid,
// CodeUnknownCue, CodeConflict, CodeTooLate or CodeUnavailable; ctx's. A
// command that was refused has changed nothing.
func (r *Room) Prepare(ctx context.Context, q interact.Question) (wire.Cue, error) {
	q, err := checked(q)
	if err != nil {
		return wire.Cue{}, err
	}
	e := &edit{id: "c" + strings.ToLower(rand.Text()[:10]), action: actionPrepare}
	e.change = func(_ item, _ clock.Instant) (item, error) {
		if len(r.items) >= MaxCues && !r.anyOver() {
			return item{}, interact.Errorf(interact.CodeConflict, "A channel keeps at most %d cues: delete drafts you no longer need.", MaxCues)
		}
		it := item{id: e.id, question: q, cue: cue.New(q.Window)}
		it.cue.Policy, it.cue.MaxLag = q.Policy, q.MaxLag
		return it, nil
	}
	return r.do(ctx, e)
}

func (r *Room) anyOver() bool {
	for _, it := range r.items {
		if it.shown.Over() {
			return true
		}
	}
	return false
}

func checked(q interact.Question) (interact.Question, error) {
	q = q.WithDefaults()
	if err := q.Validate(); err != nil {
		return q, &interact.Error{Code: interact.CodeInvalid, Message: err.Error()}
	}
	return q, nil
}

// Edit replaces the question: of a draft, or of a cue that was taken, as long
// as O can move. Kind, policy, slot and changes stay once it was taken.
func (r *Room) Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error) {
	q, err := checked(q)
	if err != nil {
		return wire.Cue{}, err
	}
	return r.do(ctx, &edit{id: id, action: actionEdit, change: func(it item, now clock.Instant) (item, error) {
		next, err := it.cue.Edit(now, q.Window)
		if err != nil {
			return it, err
		}
		if old := it.question; it.cue.Taken && (q.Kind != old.Kind || q.Policy != old.Policy.Or() || q.Slot != it.slot() || q.Changes != old.Changes) {
			return it, interact.Errorf(interact.CodeConflict, "This cue has been taken: its kind, policy and slot stay, and whether answers may be changed.")
		}
		next.Policy, next.MaxLag = q.Policy, q.MaxLag
		it.cue, it.question = next, q
		return r.sealed(it)
	}})
}

// sealed returns it with a seal of its text, if it is taken.
func (r *Room) sealed(it item) (_ item, err error) {
	if it.cue.Taken {
		it.seal, err = sealText(r.channel.Name, it.id, it.cue.Rev, it.text())
	}
	return it, err
}

// Remove deletes a draft.
func (r *Room) Remove(ctx context.Context, id string) error {
	_, err := r.do(ctx, &edit{id: id, action: actionRemove, change: func(it item, _ clock.Instant) (item, error) {
		if it.cue.Taken {
			return it, interact.Errorf(interact.CodeConflict, "This cue has been taken: it stays in the record of the show.")
		}
		it.cue.Rev++
		return it, nil
	}})
	return err
}

// Take is TakeAt at the newest picture.
func (r *Room) Take(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.TakeAt(ctx, id, interact.Spot{}, idempotency)
}

// TakeAt puts a draft on air. One cue at a time has each place on screen. A
// repeated command with the same idempotency key, here and below, changes
// nothing and returns the cue as it is.
func (r *Room) TakeAt(ctx context.Context, id string, at interact.Spot, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionTake, key: idempotency, change: func(it item, now clock.Instant) (item, error) {
		if err := r.room(&it); err != nil {
			return it, err
		}
		anchor := r.anchor(at)
		next, err := it.cue.Take(now, anchor)
		if err != nil {
			return it, err
		}
		again := it.cue.Taken
		it.cue, it.note, it.spread = next, "", r.spread()
		switch {
		case again:
			it.note = "the picture has stopped: opened by the clock alone"
			return it, nil
		case !anchor.Newest.Live:
			it.note = "no live picture: opened by the clock alone"
		}
		return r.sealed(it)
	}})
}

// room says why there is no place on screen for it.
func (r *Room) room(it *item) error {
	if len(r.live) >= maxLive && !it.cue.Taken {
		return interact.Errorf(interact.CodeConflict, "%d cues are on air: close or cancel one first.", maxLive)
	}
	if slices.ContainsFunc(r.live, func(o *item) bool { return o.id != it.id && o.slot() == it.slot() }) {
		return interact.Errorf(interact.CodeConflict, "Another cue is on air in the slot %s until its count is final: close or cancel that one first.", it.slot())
	}
	return nil
}

func (r *Room) anchor(at interact.Spot) cue.Anchor {
	a := cue.Anchor{Newest: r.edge(), At: at.At, Open: at.Open, Latency: r.Latency(), Anyway: at.Anyway}
	if r.channel.Stream == nil {
		return a
	}
	switch {
	case at.At != 0:
		a.Media = r.channel.Stream.MediaAt(at.At)
	case at.Open != 0:
		a.Media = r.channel.Stream.MediaAt(at.Open.Add(-a.Latency))
	}
	return a
}

func (r *Room) edge() cue.Edge {
	if r.channel.Stream == nil {
		return cue.Edge{}
	}
	media, at, live := r.channel.Stream.Edge()
	return cue.Edge{Media: media, At: at, Live: live}
}

// plain returns a command that changes nothing but the cue's place in time.
func plain(id string, act action, key string, change func(c cue.Cue, now clock.Instant) (cue.Cue, string, error)) *edit {
	return &edit{id: id, action: act, key: key, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, it.note, err = change(it.cue, now)
		return it, err
	}}
}

// Move shifts O by more or less time, until cue.PinLead before it.
func (r *Room) Move(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionMove, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.Move(now, by)
		return c, fmt.Sprintf("moved by %+g s", by.Seconds()), err
	}))
}

// Extend keeps a window open for longer, by.
func (r *Room) Extend(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionExtend, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.Extend(now, by)
		return c, fmt.Sprintf("extended by %g s", by.Seconds()), err
	}))
}

// Pause stops the counting of answers, cue.Notice from now.
func (r *Room) Pause(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionPause, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.Pause(now)
		return c, fmt.Sprintf("paused with %.1f s left", c.Remaining().Seconds()), err
	}))
}

// Resume lets a paused window go on, cue.Notice from now.
func (r *Room) Resume(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionResume, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.Resume(now)
		return c, "resumed", err
	}))
}

// CloseNow closes an open or paused window, cue.Notice from now.
func (r *Room) CloseNow(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionClose, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.CloseNow(now)
		return c, "closed early", err
	}))
}

// Reveal makes the result public, and the right answer if there is one.
func (r *Room) Reveal(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionReveal, key: idempotency, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, err = it.cue.Reveal(now)
		return it, err
	}})
}

// RevealWhenClear reveals as soon as the windows of all who are here are closed
// and the tally is final, a minute after C at the latest.
func (r *Room) RevealWhenClear(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionArmReveal, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.ArmReveal(now)
		return c, "revealed as soon as every window is closed", err
	}))
}

// Cancel withdraws a cue that was taken.
func (r *Room) Cancel(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, plain(id, actionCancel, idempotency, func(c cue.Cue, now clock.Instant) (cue.Cue, string, error) {
		c, err := c.Cancel(now)
		if c.Void {
			return c, "void: it may have been seen, no answers count", err
		}
		return c, "cancelled before anybody saw it", err
	}))
}
