package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/cue"
)

// revisionVersion is the layout of a revision in the log. A reader refuses a
// higher one.
const revisionVersion = 1

// revision is one revision of a cue, as the log keeps it.
type revision struct {
	Version  int       `json:"v"`
	ID       string    `json:"id"`
	Action   action    `json:"action"`
	Key      string    `json:"key,omitempty"` // the caller's idempotency key
	Question *question `json:"question,omitempty"`
	Cue      cue.Cue   `json:"cue"`
	Note     string    `json:"note,omitempty"`
}

// question is an interact.Question in the log.
type question struct {
	Kind     interact.Kind    `json:"kind"`
	Title    string           `json:"title"`
	Options  []string         `json:"options"`
	Correct  int              `json:"correct"`
	Results  interact.Results `json:"results"`
	WindowMS int64            `json:"window_ms"`
}

// action is the command that made a revision.
type action string

const (
	actionPrepare action = "prepare"
	actionEdit    action = "edit"
	actionRemove  action = "remove"
	actionTake    action = "take"
	actionExtend  action = "extend"
	actionClose   action = "close"
	actionReveal  action = "reveal"
	actionCancel  action = "cancel"
)

// record packs what it becomes through act. Only a prepared or edited cue
// carries its question: it cannot change later.
func (r *Room) record(it item, act action, key string) (interact.Record, error) {
	rev := revision{Version: revisionVersion, ID: it.id, Action: act, Key: key, Cue: it.cue, Note: it.note}
	if act == actionPrepare || act == actionEdit {
		q := it.question
		rev.Question = &question{
			Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct,
			Results: q.Results, WindowMS: q.Window.Milliseconds(),
		}
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
	r.resume()
	return nil
}

func (r *Room) replayRevision(data []byte) error {
	var rev revision
	if err := json.Unmarshal(data, &rev); err != nil {
		return fmt.Errorf("read revision of a cue: %w", err)
	}
	if rev.Version > revisionVersion {
		return fmt.Errorf("revision of layout %d, this program knows %d: run the newer version", rev.Version, revisionVersion)
	}
	next := item{id: rev.ID, cue: rev.Cue, note: rev.Note}
	if old := r.items[rev.ID]; old != nil {
		next.question = old.question
	}
	if q := rev.Question; q != nil {
		next.question = interact.Question{
			Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct,
			Results: q.Results, Window: time.Duration(q.WindowMS) * time.Millisecond,
		}
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
	}
	r.boundReceipts(rec.Cue)
	return nil
}

// resume puts every cue into the state that the clock says.
func (r *Room) resume() {
	now := r.now()
	for _, id := range r.order {
		it := r.items[id]
		it.shown = it.cue.State(now)
		switch {
		case it.shown.Over():
			r.ledger.Seal(id)
			r.recent = append(r.recent, it)
		case it.shown.Live():
			r.active = it
			if it.shown >= cue.Open {
				r.openings = newOpenings(it, 0)
			}
		}
	}
	slices.SortStableFunc(r.recent, func(a, b *item) int { return cmp.Compare(a.cue.Open, b.cue.Open) })
	r.recent = r.recent[max(0, len(r.recent)-recentCues):]
	for len(r.items) > MaxCues && r.dropOldest() != "" {
	}
}
