package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// revisionVersion is the layout of a revision in the log. A reader refuses a
// higher one. Layout 1 knew neither seals nor pauses; what it says is still
// true.
const revisionVersion = 2

// revision is one revision of a cue, as the log keeps it.
type revision struct {
	Version  int       `json:"v"`
	ID       string    `json:"id"`
	Action   action    `json:"action"`
	Key      string    `json:"key,omitempty"` // the caller's idempotency key
	Question *question `json:"question,omitempty"`
	Cue      cue.Cue   `json:"cue"`
	// Seal is new with this revision; without one the last one holds.
	Seal *seal  `json:"seal,omitempty"`
	Note string `json:"note,omitempty"`
	// At is when it was made, by the room clock's epoch Epoch.
	At    clock.Instant `json:"at_us,omitempty"`
	Epoch uint32        `json:"epoch,omitempty"`
}

// question is an interact.Question in the log.
type question struct {
	Kind     interact.Kind    `json:"kind"`
	Title    string           `json:"title"`
	Options  []string         `json:"options"`
	Correct  int              `json:"correct"`
	Results  interact.Results `json:"results"`
	WindowMS int64            `json:"window_ms"`
	Policy   cue.Policy       `json:"policy,omitempty"`
	Slot     string           `json:"slot,omitempty"`
	MaxLagMS int64            `json:"max_lag_ms,omitempty"`
}

func logged(q interact.Question) *question {
	return &question{
		Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct, Results: q.Results,
		WindowMS: q.Window.Milliseconds(), Policy: q.Policy, Slot: q.Slot, MaxLagMS: q.MaxLag.Milliseconds(),
	}
}

func (q *question) read() interact.Question {
	return interact.Question{
		Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct, Results: q.Results,
		Window: time.Duration(q.WindowMS) * time.Millisecond, Policy: q.Policy, Slot: q.Slot,
		MaxLag: time.Duration(q.MaxLagMS) * time.Millisecond,
	}
}

// action is the command that made a revision.
type action string

const (
	actionPrepare   action = "prepare"
	actionEdit      action = "edit"
	actionRemove    action = "remove"
	actionTake      action = "take"
	actionMove      action = "move"
	actionExtend    action = "extend"
	actionPause     action = "pause"
	actionResume    action = "resume"
	actionClose     action = "close"
	actionReveal    action = "reveal"
	actionArmReveal action = "arm_reveal"
	actionCancel    action = "cancel"
	// What the room does by itself.
	actionRetarget action = "retarget" // another L
	actionOrphan   action = "orphan"   // the picture has stopped
	actionAdopt    action = "adopt"    // and is back
	actionMend     action = "mend"     // an outage
)

// record packs what it becomes through act. Question and seal are packed where
// they are new.
func (r *Room) record(it item, act action, key string) (interact.Record, error) {
	rev := revision{
		Version: revisionVersion, ID: it.id, Action: act, Key: key, Cue: it.cue, Note: it.note,
		At: r.now(), Epoch: r.clock.Epoch(),
	}
	if act == actionPrepare || act == actionEdit {
		rev.Question = logged(it.question)
	}
	if old := r.items[it.id]; old != nil && it.seal != old.seal {
		rev.Seal = it.seal
	}
	data, err := json.Marshal(rev)
	if err != nil {
		return interact.Record{}, fmt.Errorf("pack revision of cue %s: %w", it.id, err)
	}
	return interact.Record{Channel: r.channel.Name, Kind: interact.RecordCue, Cue: it.id, Data: data}, nil
}

// replay folds the channel's log. It runs before the room does.
func (r *Room) replay(ctx context.Context) error {
	err := r.store.Replay(ctx, r.channel.Name, func(rec interact.Record) error {
		var err error
		switch rec.Kind {
		case interact.RecordCue:
			err = r.replayRevision(rec.Data)
		case interact.RecordAnswers:
			err = r.replayAnswers(rec)
		case interact.RecordLatency:
			err = r.replayLatency(rec.Data)
		default:
			err = fmt.Errorf("kind %d is of a newer version", rec.Kind)
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", rec.Seq, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.mend(ctx); err != nil {
		return err
	}
	return r.resume()
}

func (r *Room) replayRevision(data []byte) error {
	var rev revision
	if err := json.Unmarshal(data, &rev); err != nil {
		return fmt.Errorf("read revision of a cue: %w", err)
	}
	if rev.Version > revisionVersion {
		return fmt.Errorf("revision of layout %d, this program knows %d: run the newer version", rev.Version, revisionVersion)
	}
	r.alive, r.epoch = max(r.alive, rev.At), rev.Epoch
	next := item{id: rev.ID, cue: rev.Cue, note: rev.Note, seal: rev.Seal}
	if old := r.items[rev.ID]; old != nil {
		next.question = old.question
		if next.seal == nil {
			next.seal = old.seal
		}
	}
	if rev.Seal != nil {
		if err := rev.Seal.validate(); err != nil {
			return err
		}
	}
	if rev.Question != nil {
		next.question = rev.Question.read()
	}
	r.install(next, rev.Action, rev.Key)
	return nil
}

func (r *Room) replayAnswers(rec interact.Record) error {
	entries, err := interact.ParseBatch(rec.Data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		r.ledger.Apply(rec.Cue, e)
		r.alive = max(r.alive, e.Received)
	}
	r.boundReceipts(rec.Cue)
	return nil
}

// mend gives windows back what an outage took that the room clock did not
// survive. It is durable before anybody hears of it.
func (r *Room) mend(ctx context.Context) error {
	if r.epoch == 0 || r.epoch == r.clock.Epoch() {
		return nil
	}
	now := r.now()
	for _, id := range r.order {
		it := r.items[id]
		next, ok := it.cue.Mend(r.alive, now)
		if !ok {
			continue
		}
		one := *it
		one.note = fmt.Sprintf("extended by %.1f s: the server was away", next.Close.Sub(it.cue.Close).Seconds())
		one.cue = next
		rec, err := r.record(one, actionMend, "")
		if err != nil {
			return err
		}
		if err := r.store.Append(ctx, []interact.Record{rec}); err != nil {
			return fmt.Errorf("extend cue %s by the outage: %w", id, err)
		}
		r.install(one, actionMend, "")
		r.log.Warn("window extended by an outage", "cue", id, "dur", now.Sub(r.alive))
	}
	return nil
}

// resume puts every cue into the state that the clock says.
func (r *Room) resume() error {
	now := r.now()
	for _, id := range r.order {
		it := r.items[id]
		it.shown = it.cue.State(now)
		if err := r.reseal(it); err != nil {
			return err
		}
		switch {
		case it.shown.Over():
			r.ledger.Seal(id)
			r.recent = append(r.recent, it)
		case it.shown.Live():
			r.relay(it)
			r.live = append(r.live, it)
			if it.shown >= cue.Keyed {
				r.watch(newOpenings(it, 0))
			}
		}
	}
	slices.SortStableFunc(r.recent, func(a, b *item) int { return cmp.Compare(a.cue.Open, b.cue.Open) })
	r.recent = r.recent[max(0, len(r.recent)-recentCues):]
	for len(r.items) > MaxCues && r.dropOldest() != "" {
	}
	return nil
}

// relay finds T of a cue on the timeline of this process.
func (r *Room) relay(it *item) {
	if it.cue.Anchored && r.channel.Stream != nil {
		it.cue.Media = max(0, r.channel.Stream.MediaAt(it.cue.Open.Add(-cmp.Or(it.cue.Latency, r.target.latency))))
	}
}

// reseal puts the key up, and seals the text of a cue from a log that had no
// seals.
func (r *Room) reseal(it *item) (err error) {
	if !it.cue.Taken {
		return nil
	}
	if it.seal == nil {
		it.seal, err = sealText(r.channel.Name, it.id, it.cue.Rev, it.text())
	}
	if err == nil {
		r.hang(it)
	}
	return err
}
