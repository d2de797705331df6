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

// maxKey is the longest idempotency key, in bytes.
const maxKey = 128

// edit is a producer's command on its way through the room.
type edit struct {
	id     string
	action action
	key    string
	// change returns what the cue becomes. It runs on the room's goroutine.
	change func(it item, now clock.Instant) (item, error)
	reply  chan edited // holds one
}

type edited struct {
	cue wire.Cue
	err error
}

// do runs e through the room and waits until it is durable and broadcast. If
// ctx ends first the command may still take effect; its key tells.
func (r *Room) do(ctx context.Context, e *edit) (wire.Cue, error) {
	if len(e.key) > maxKey {
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "The idempotency key is longer than %d bytes.", maxKey)
	}
	e.reply = make(chan edited, 1)
	select {
	case r.edits <- e:
	case <-r.stopped:
		return wire.Cue{}, errStopped()
	case <-ctx.Done():
		return wire.Cue{}, context.Cause(ctx)
	}
	select {
	case out := <-e.reply:
		return out.cue, out.err
	case <-ctx.Done():
		return wire.Cue{}, context.Cause(ctx)
	}
}

func errStopped() error {
	return interact.Errorf(interact.CodeUnavailable, "The server is restarting. Please try again in a moment.")
}

func errNoCue() error {
	return interact.Errorf(interact.CodeUnknownCue, "There is no such cue on this channel.")
}

// begin decides on e and gives its revision to the disk.
func (r *Room) begin(e *edit) {
	old := r.items[e.id]
	var it item
	if old != nil {
		it = *old
	} else if e.action != actionPrepare {
		e.reply <- edited{err: errNoCue()}
		return
	}
	if done, err := r.repeated(e); done || err != nil {
		e.reply <- edited{it.view(it.shown), err}
		return
	}
	next, err := e.change(it, r.now())
	if err != nil {
		e.reply <- edited{err: producerError(err)}
		return
	}
	rec, err := r.record(next, e.action, e.key)
	if err != nil {
		e.reply <- edited{err: err}
		return
	}
	if old != nil {
		old.held = true
	}
	r.flight = &flight{edit: e, next: next}
	r.commits <- []interact.Record{rec}
}

// repeated reports whether e was carried out before, by its key.
func (r *Room) repeated(e *edit) (bool, error) {
	was, ok := r.keys.used[e.key]
	switch {
	case e.key == "" || !ok:
		return false, nil
	case was != use{e.id, e.action}:
		return false, interact.Errorf(interact.CodeConflict, "This idempotency key was used for another command.")
	}
	return true, nil
}

// finishEdit makes a durable revision the current one and tells everybody.
func (r *Room) finishEdit(f *flight, err error) {
	e := f.edit
	if it := r.items[e.id]; it != nil {
		it.held = false
	}
	if err != nil {
		r.counts.CommitErrors++
		e.reply <- edited{err: interact.Errorf(interact.CodeUnavailable, "The change could not be saved, so nothing has changed. Please try again.")}
		return
	}
	r.install(f.next, e.action, e.key)
	it := r.items[e.id]
	if e.action == actionRemove {
		r.out.Broadcast(r.channel.Name, wire.Producers, &wire.Removed{Cue: e.id})
		e.reply <- edited{}
		return
	}
	if e.action == actionTake {
		r.active = it
	}
	r.show(it, it.state(r.now()))
	for len(r.items) > MaxCues {
		id := r.dropOldest()
		if id == "" {
			break
		}
		r.out.Broadcast(r.channel.Name, wire.Producers, &wire.Removed{Cue: id})
	}
	r.log.Info("cue changed", "cue", e.id, "rev", it.cue.Rev, "action", string(e.action), "state", it.shown.String())
	e.reply <- edited{cue: it.view(it.shown)}
}

// install makes next the current revision of its cue: from a command, or from
// the log.
func (r *Room) install(next item, act action, key string) {
	r.keys.add(key, use{next.id, act})
	it := r.items[next.id]
	switch {
	case act == actionRemove:
		delete(r.items, next.id)
		r.order = slices.DeleteFunc(r.order, func(id string) bool { return id == next.id })
	case it == nil:
		next.shown = cue.Draft
		r.items[next.id] = &next
		r.order = append(r.order, next.id)
	default:
		it.question, it.cue, it.note = next.question, next.cue, next.note
	}
}

// dropOldest lets go of the cue that finished longest ago and returns its id,
// "" if none has finished.
func (r *Room) dropOldest() string {
	var oldest *item
	for _, it := range r.items {
		if it.shown.Over() && (oldest == nil || it.cue.Open < oldest.cue.Open) {
			oldest = it
		}
	}
	if oldest == nil {
		return ""
	}
	id := oldest.id
	delete(r.items, id)
	r.ledger.Drop(id)
	r.order = slices.DeleteFunc(r.order, func(o string) bool { return o == id })
	r.recent = slices.DeleteFunc(r.recent, func(it *item) bool { return it == oldest })
	return id
}

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
		return item{id: e.id, question: q, cue: cue.New(q.Window)}, nil
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

// Edit replaces the question of a draft.
func (r *Room) Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error) {
	q, err := checked(q)
	if err != nil {
		return wire.Cue{}, err
	}
	return r.do(ctx, &edit{id: id, action: actionEdit, change: func(it item, _ clock.Instant) (item, error) {
		it.cue, err = it.cue.Edit(q.Window)
		it.question = q
		return it, err
	}})
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

// Take puts a draft on air, anchored at the newest picture. One cue at a time
// has the screen. A repeated command with the same idempotency key, here and
// below, changes nothing and returns the cue as it is.
func (r *Room) Take(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionTake, key: idempotency, change: func(it item, now clock.Instant) (item, error) {
		if r.active != nil && r.active.id != id {
			return it, interact.Errorf(interact.CodeConflict, "Another cue is on air until its count is final: close or cancel that one first.")
		}
		edge := r.edge()
		next, err := it.cue.Take(now, edge, r.channel.Latency)
		it.cue, it.note = next, ""
		if !edge.Live {
			it.note = "no live picture: opened by the clock alone"
		}
		return it, err
	}})
}

func (r *Room) edge() cue.Edge {
	if r.channel.Stream == nil {
		return cue.Edge{}
	}
	media, at, live := r.channel.Stream.Edge()
	return cue.Edge{Media: media, At: at, Live: live}
}

// Extend keeps a window open for longer, by.
func (r *Room) Extend(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionExtend, key: idempotency, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, err = it.cue.Extend(now, by)
		it.note = fmt.Sprintf("extended by %g s", by.Seconds())
		return it, err
	}})
}

// CloseNow closes an open window, cue.Notice from now.
func (r *Room) CloseNow(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionClose, key: idempotency, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, err = it.cue.CloseNow(now)
		it.note = "closed early"
		return it, err
	}})
}

// Reveal makes the result public, and the right answer if there is one.
func (r *Room) Reveal(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionReveal, key: idempotency, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, err = it.cue.Reveal(now)
		return it, err
	}})
}

// Cancel withdraws a cue that was taken.
func (r *Room) Cancel(ctx context.Context, id, idempotency string) (wire.Cue, error) {
	return r.do(ctx, &edit{id: id, action: actionCancel, key: idempotency, change: func(it item, now clock.Instant) (_ item, err error) {
		it.cue, err = it.cue.Cancel(now)
		it.note = "cancelled before anybody saw it"
		if it.cue.Void {
			it.note = "void: it may have been seen, no answers count"
		}
		return it, err
	}})
}
