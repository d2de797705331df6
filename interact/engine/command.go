package engine

import (
	"context"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
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
	job    job         // instead of all above
	own    bool        // the room gave it to itself
	by     string      // who gave it
	reply  chan edited // holds one
}

type edited struct {
	cue wire.Cue
	err error
}

// job is a command that is not about one cue. Its methods run on the room's
// goroutine.
type job interface {
	// begin returns what has to be durable; no records if nothing has to.
	begin(r *Room, now clock.Instant) (write, error)
	// end lets it take effect once that is durable; err says that it is not.
	end(r *Room, err error)
}

// do runs e through the room and waits until it is durable and broadcast. If
// ctx ends first the command may still take effect; its key tells.
func (r *Room) do(ctx context.Context, e *edit) (wire.Cue, error) {
	if len(e.key) > maxKey {
		return wire.Cue{}, interact.Errorf(interact.CodeInvalid, "The idempotency key is longer than %d bytes.", maxKey)
	}
	e.reply, e.by = make(chan edited, 1), interact.ActorOf(ctx)
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

func errNotSaved() error {
	return interact.Errorf(interact.CodeUnavailable, "The change could not be saved, so nothing has changed. Please try again.")
}

// notSaved is what a producer is told of a write that failed.
func notSaved(err error) error {
	switch {
	case err == nil:
		return nil
	case uncertain(err):
		return errStopped() // its key tells whether it was
	}
	return errNotSaved()
}

func errNoCue() error {
	return interact.Errorf(interact.CodeUnknownCue, "There is no such cue on this channel.")
}

// begin decides on e and gives its revision to the disk.
func (r *Room) begin(e *edit) {
	if e.own {
		r.choresFrom = r.now().Add(choreRetry) // unless it goes well
	}
	r.recall()
	if e.job != nil {
		r.beginJob(e)
		return
	}
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
	if old != nil && r.awaits(old, r.now()) {
		r.put(e)
		return
	}
	next, err := e.change(it, r.now())
	if err != nil {
		e.reply <- edited{err: producerError(err)}
		return
	}
	rec, err := r.record(next, e.action, e.key, e.by)
	if err != nil {
		e.reply <- edited{err: err}
		return
	}
	if old != nil {
		old.held = true
	}
	r.launch(&flight{edit: e, next: next, write: write{records: []interact.Record{rec}}})
}

func (r *Room) beginJob(e *edit) {
	w, err := e.job.begin(r, r.now())
	if err != nil || len(w.records) == 0 {
		e.reply <- edited{err: producerError(err)}
		return
	}
	r.launch(&flight{edit: e, write: w})
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
	if err != nil {
		r.counts.CommitErrors++
	} else if e.own {
		r.choresFrom = 0
	}
	if e.job != nil {
		e.job.end(r, err)
		e.reply <- edited{err: notSaved(err)}
		return
	}
	if it := r.items[e.id]; it != nil {
		it.held = false
	}
	if err != nil {
		e.reply <- edited{err: notSaved(err)}
		return
	}
	r.install(f.next, e.action, e.key)
	it := r.items[e.id]
	if e.action == actionRemove {
		r.out.Broadcast(r.channel.Name, wire.Producers, &wire.Removed{Cue: e.id})
		e.reply <- edited{}
		return
	}
	if it.cue.Taken && !it.shown.Over() && !slices.Contains(r.live, it) {
		r.live = append(r.live, it)
	}
	r.show(it, it.state(r.now()))
	for len(r.items) > MaxCues {
		id := r.dropOldest()
		if id == "" {
			break
		}
		r.publish()
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
		r.last = nil
		r.order = slices.DeleteFunc(r.order, func(id string) bool { return id == next.id })
	case it == nil:
		r.items[next.id] = newItem(next)
		r.order = append(r.order, next.id)
	default:
		if it.seal != next.seal {
			r.keyboard.remove(it.seal)
		}
		it.question, it.cue, it.note, it.seal, it.spread = next.question, next.cue, next.note, next.seal, next.spread
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
	r.last = nil
	r.keyboard.remove(oldest.seal)
	r.recount(oldest)
	r.ledgerMu.Lock()
	r.ledger.Drop(id)
	r.ledgerMu.Unlock()
	r.order = slices.DeleteFunc(r.order, func(o string) bool { return o == id })
	r.recent = slices.DeleteFunc(r.recent, func(it *item) bool { return it == oldest })
	return id
}
