package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// recording is a cue on its way into the database.
type recording struct {
	channel, tenant string
	quiet           time.Duration
	cue             *Cue
	source          Source
	points          func(*Cue, interact.Mark) (int64, bool)
	now             time.Time
	progress        func(answers int64) // rows written, not yet committed
}

// held is what the database has of a cue.
type held struct {
	rev      int64
	version  uint64
	complete bool
	// forgotten says that it was deleted, for good.
	forgotten bool
}

// covers says whether nothing of c is to be written.
func (h held) covers(c *Cue) bool {
	return h.forgotten || h.rev > int64(c.Rev) || h.rev == int64(c.Rev) && !h.lacks(c)
}

// lacks says whether answers of c are to be written.
func (h held) lacks(c *Cue) bool {
	return h.version < c.Tally.Version || h.version == c.Tally.Version && !h.complete && !c.CountsOnly
}

// record writes a cue in one transaction. Written already, it is not written
// again; a lower revision changes nothing.
func (d *DB) record(ctx context.Context, r *recording) error {
	return d.write(ctx, "record cue "+r.cue.ID, func(ctx context.Context, t *tx) error {
		channel, err := t.hold(ctx, r.channel, r.tenant, r.quiet)
		if err != nil {
			return err
		}
		has, err := t.heldOf(ctx, channel.name, []string{r.cue.ID})
		if err != nil {
			return err
		}
		h, there := has[r.cue.ID]
		if there && h.covers(r.cue) {
			return nil
		}
		id, err := t.writeCue(ctx, channel, r)
		if err != nil {
			return err
		}
		if there && !h.lacks(r.cue) {
			return nil
		}
		return t.writeResults(ctx, id, r)
	})
}

// heldOf returns what the database has of cues.
func (t *tx) heldOf(ctx context.Context, channel string, cues []string) (map[string]held, error) {
	texts := make([]string, len(cues))
	for i, id := range cues {
		texts[i] = nameText(id)
	}
	out := make(map[string]held, len(cues))
	list := t.d.means.list(texts)
	err := t.each(ctx, `
		SELECT c.cue, c.rev, r.version, r.complete, false FROM cues c JOIN results r ON r.cue_id = c.id
		WHERE c.channel = $1 AND `+t.d.means.among("c.cue", 2)+`
		UNION ALL SELECT cue, 0, 0, true, true FROM forgotten WHERE channel = $1 AND `+t.d.means.among("cue", 2),
		[]any{channel, list}, func(scan func(...any) error) error {
			var cue string
			var h held
			err := scan(&cue, &h.rev, &h.version, &h.complete, &h.forgotten)
			out[nameOf(cue)] = h
			return err
		})
	return out, err
}

// writeCue writes what the cue is, and returns its number here.
func (t *tx) writeCue(ctx context.Context, channel *channelRow, r *recording) (id int64, err error) {
	c, q := r.cue, r.cue.Question
	show, err := t.showOf(ctx, channel, nameText(c.ID), c.began(), false)
	if err != nil {
		return 0, err
	}
	correct := sql.Null[int64]{V: int64(q.Correct), Valid: q.Kind == interact.KindTrivia}
	_, err = t.get(ctx, `
		INSERT INTO cues (channel, cue, show_id, rev, state, kind, title, correct, results, policy, slot, changes,
			window_ms, note, taken_us, open_us, close_us)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (channel, cue) DO UPDATE SET rev = excluded.rev, state = excluded.state, kind = excluded.kind,
			title = excluded.title, correct = excluded.correct, results = excluded.results, policy = excluded.policy,
			slot = excluded.slot, changes = excluded.changes, window_ms = excluded.window_ms, note = excluded.note,
			taken_us = coalesce(excluded.taken_us, cues.taken_us), open_us = excluded.open_us, close_us = excluded.close_us
		RETURNING id`,
		[]any{channel.name, nameText(c.ID), show, c.Rev, prose(c.State), prose(string(q.Kind)), prose(q.Title), correct,
			prose(string(q.Results)), prose(string(q.Policy)), prose(q.Slot), q.Changes, q.Window.Milliseconds(), prose(c.Note),
			instant(c.Taken), instant(c.Open), instant(c.Close)}, &id)
	if err != nil {
		return 0, err
	}
	return id, t.lasted(ctx, show, max(c.Close, c.Taken))
}

// writeResults writes counts and answers, in the place of those of an older tally.
func (t *tx) writeResults(ctx context.Context, id int64, r *recording) error {
	if err := t.writeCounts(ctx, id, r.cue); err != nil {
		return err
	}
	if !r.cue.CountsOnly {
		if err := t.writeAnswers(ctx, id, r); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `
		INSERT INTO results (cue_id, version, total, complete, recorded_us) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (cue_id) DO UPDATE SET version = excluded.version, total = excluded.total,
			complete = excluded.complete, recorded_us = excluded.recorded_us`,
		id, int64(r.cue.Tally.Version), int64(r.cue.Tally.Total), !r.cue.CountsOnly, r.now.UnixMicro())
	return err
}

func (t *tx) writeCounts(ctx context.Context, id int64, c *Cue) error {
	if _, err := t.exec(ctx, `DELETE FROM counts WHERE cue_id = $1`, id); err != nil {
		return err
	}
	for i, label := range c.Question.Options {
		var n uint64
		if i < len(c.Tally.Counts) {
			n = c.Tally.Counts[i]
		}
		if _, err := t.exec(ctx, `INSERT INTO counts (cue_id, option, label, count) VALUES ($1, $2, $3, $4)`, id, i, prose(label), int64(n)); err != nil {
			return err
		}
	}
	return nil
}

// fault is an error of the source.
func fault(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errSource, fmt.Errorf(format, args...))
}
