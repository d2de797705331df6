package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// The roles of whoever did something.
const (
	RoleProducer = "producer"
	RoleRoom     = "room" // by itself
)

// deed is a record of the log as the audit has it.
type deed struct {
	seq    uint64
	at     clock.Instant
	actor  string
	role   string
	action string
	cue    string
	rev    int
	key    string
	// subject is the participant it is about.
	subject string
	detail  string
	// question is new with it.
	question *plan
}

// plan is a prepared question.
type plan struct {
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	Options []string `json:"options"`
}

// revision is what the log has of a cue's revision, as far as the audit needs it.
type revision struct {
	ID       string        `json:"id"`
	Action   string        `json:"action"`
	By       string        `json:"by"`
	Key      string        `json:"key"`
	Question *plan         `json:"question"`
	Cue      cue.Cue       `json:"cue"`
	Note     string        `json:"note"`
	At       clock.Instant `json:"at_us"`
}

// own are the actions that the room does by itself.
var own = []string{"retarget", "orphan", "adopt", "mend", "spread"}

// deedOf reads what a record says that somebody did. False: nobody did anything,
// as with answers, or with what a compaction has written again. A record that
// cannot be read is in the audit, too.
func deedOf(rec interact.Record) (deed, bool) {
	d := deed{seq: rec.Seq, cue: rec.Cue, role: RoleProducer}
	var err error
	done := true
	switch rec.Kind {
	case interact.RecordCue:
		err = d.ofRevision(rec.Data)
	case interact.RecordLatency:
		done, err = d.ofLatency(rec.Data)
	case interact.RecordBan:
		err = d.ofBan(rec.Data)
	default:
		return d, false
	}
	if err != nil {
		d.action, d.detail, done = "unreadable", fmt.Sprintf("kind %d: %.200s", rec.Kind, err), true
	}
	if d.actor == interact.ActorClock {
		d.role = RoleRoom
	}
	return d, done
}

func (d *deed) ofRevision(data []byte) error {
	var rev revision
	if err := json.Unmarshal(data, &rev); err != nil {
		return err
	}
	d.at, d.actor, d.action, d.rev, d.key, d.detail = rev.At, rev.By, rev.Action, rev.Cue.Rev, rev.Key, rev.Note
	d.question = rev.Question
	if d.at == 0 { // of the first layout
		d.at = rev.Cue.Open
	}
	if slices.Contains(own, rev.Action) {
		d.role, d.actor = RoleRoom, interact.ActorClock
	}
	return nil
}

// ofLatency reads a change of L, whose instant is when it takes effect. One without
// is no change, but what L was when the log was compacted.
func (d *deed) ofLatency(data []byte) (done bool, err error) {
	var set struct {
		By      string        `json:"by"`
		At      clock.Instant `json:"at_us"`
		Latency int64         `json:"latency_ms"`
	}
	err = json.Unmarshal(data, &set)
	d.action, d.actor, d.at, d.detail = "latency", set.By, set.At, fmt.Sprintf("%d ms", set.Latency)
	return set.At != 0, err
}

func (d *deed) ofBan(data []byte) error {
	var ban struct {
		By          string        `json:"by"`
		Participant string        `json:"participant"`
		At          clock.Instant `json:"at_us"`
		Until       clock.Instant `json:"until_us"`
		Reason      string        `json:"reason"`
		Lifted      bool          `json:"lifted"`
	}
	err := json.Unmarshal(data, &ban)
	d.action, d.actor, d.at, d.subject, d.detail = "ban", ban.By, ban.At, ban.Participant, ban.Reason
	if ban.Lifted {
		d.action = "unban"
	}
	return err
}

// ledgerPage is how many records are written in one transaction.
const ledgerPage = 500

// audit writes deeds, and that all of the channel's log up to upTo is written.
// Written already, they are not written again.
func (d *DB) audit(ctx context.Context, c channelName, deeds []deed, upTo uint64) error {
	return d.write(ctx, "record commands", func(ctx context.Context, t *tx) error {
		channel, err := t.hold(ctx, c.name, c.tenant, c.quiet)
		if err != nil {
			return err
		}
		for i := range deeds {
			if err := t.writeDeed(ctx, channel, &deeds[i]); err != nil {
				return err
			}
		}
		_, err = t.exec(ctx, `UPDATE channels SET audited = $2 WHERE channel = $1 AND audited < $2`, channel.name, int64(upTo))
		return err
	})
}

// writeDeed adds a row, unless it is there. What it says of rundown and show is
// true again every time.
func (t *tx) writeDeed(ctx context.Context, c *channelRow, d *deed) error {
	gone, err := t.isForgotten(ctx, c, d.cue)
	if err != nil || gone {
		return err
	}
	show, err := t.plan(ctx, c, d)
	if err != nil {
		return err
	}
	subject, err := t.notErased(ctx, d.subject)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `
		INSERT INTO audit (channel, log, seq, at_us, actor, role, action, cue, rev, key, subject, detail, show_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
		c.name, c.log, int64(d.seq), instant(d.at), prose(d.actor), d.role, prose(d.action), nameText(d.cue), d.rev,
		nameText(d.key), subject, prose(d.detail), show)
	return err
}

func (t *tx) isForgotten(ctx context.Context, c *channelRow, cue string) (bool, error) {
	if cue == "" {
		return false, nil
	}
	var one int
	return t.get(ctx, `SELECT 1 FROM forgotten WHERE channel = $1 AND cue = $2`, []any{c.name, nameText(cue)}, &one)
}

// notErased is the participant's name as the database has it, empty if it was
// erased.
func (t *tx) notErased(ctx context.Context, participant string) (string, error) {
	if participant == "" {
		return "", nil
	}
	var one int
	name := nameText(participant)
	gone, err := t.get(ctx, `SELECT 1 FROM erased WHERE digest = $1`, []any{digest(name)}, &one)
	if gone {
		name = ""
	}
	return name, err
}
