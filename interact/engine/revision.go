package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// revisionVersion is the layout of a revision in the log. A reader refuses a
// higher one. Layout 1 knew neither seals nor pauses, layout 2 neither spreads
// nor changes; what they say is still true.
const revisionVersion = 3

// revision is one revision of a cue, as the log keeps it.
type revision struct {
	Version  int       `json:"v"`
	ID       string    `json:"id"`
	Action   action    `json:"action"`
	By       string    `json:"by,omitempty"`  // who gave the command, as far as it is known
	Key      string    `json:"key,omitempty"` // the caller's idempotency key
	Question *question `json:"question,omitempty"`
	Cue      cue.Cue   `json:"cue"`
	// Seal is new with this revision; without one the last one holds.
	Seal *seal  `json:"seal,omitempty"`
	Note string `json:"note,omitempty"`
	// SpreadMS is over how long viewers spread their answers.
	SpreadMS int64 `json:"spread_ms,omitempty"`
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
	Changes  bool             `json:"changes,omitempty"`
}

func logged(q interact.Question) *question {
	return &question{
		Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct, Results: q.Results,
		WindowMS: q.Window.Milliseconds(), Policy: q.Policy, Slot: q.Slot, MaxLagMS: q.MaxLag.Milliseconds(),
		Changes: q.Changes,
	}
}

func (q *question) read() interact.Question {
	return interact.Question{
		Kind: q.Kind, Title: q.Title, Options: q.Options, Correct: q.Correct, Results: q.Results,
		Window: time.Duration(q.WindowMS) * time.Millisecond, Policy: q.Policy, Slot: q.Slot,
		MaxLag: time.Duration(q.MaxLagMS) * time.Millisecond, Changes: q.Changes,
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
	actionSpread   action = "spread"   // another audience
)

// record packs what it becomes through act. Question and seal are packed where
// they are new.
func (r *Room) record(it item, act action, key, by string) (interact.Record, error) {
	rev := revisionOf(it, act)
	rev.Key, rev.By, rev.At, rev.Epoch = key, by, r.now(), r.clock.Epoch()
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

func revisionOf(it item, act action) revision {
	return revision{
		Version: revisionVersion, ID: it.id, Action: act, Cue: it.cue, Note: it.note, SpreadMS: it.spread.Milliseconds(),
	}
}

// readRevision reads what a log holds.
func readRevision(data []byte) (rev revision, err error) {
	if err := json.Unmarshal(data, &rev); err != nil {
		return rev, fmt.Errorf("read revision of a cue: %w", err)
	}
	return rev, rev.validate()
}

func (rev *revision) validate() error {
	switch {
	case rev.Version > revisionVersion:
		return fmt.Errorf("revision of layout %d, this program knows %d: run the newer version", rev.Version, revisionVersion)
	case rev.Seal != nil:
		return rev.Seal.validate()
	}
	return nil
}

// apply returns what a cue becomes by rev; old is nil if it is new.
func (rev *revision) apply(old *item) item {
	next := item{id: rev.ID, cue: rev.Cue, note: rev.Note, seal: rev.Seal, spread: time.Duration(rev.SpreadMS) * time.Millisecond}
	if old != nil {
		next.question = old.question
		if next.seal == nil {
			next.seal = old.seal
		}
	}
	if rev.Question != nil {
		next.question = rev.Question.read()
	}
	return next
}
