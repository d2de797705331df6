package history

import (
	"context"
	"database/sql"
	"encoding/json"
)

// plan keeps the rundown as d changes it, and returns the show it belongs to.
func (t *tx) plan(ctx context.Context, c *channelRow, d *deed) (show sql.Null[int64], err error) {
	if d.cue == "" {
		return show, nil
	}
	cue := nameText(d.cue)
	if d.question != nil {
		if err := t.prepare(ctx, c, cue, d); err != nil {
			return show, err
		}
	}
	switch d.action {
	case "remove":
		_, err = t.exec(ctx, `UPDATE rundowns SET removed_us = $3 WHERE channel = $1 AND cue = $2 AND removed_us IS NULL`, c.name, cue, instant(d.at))
		return show, err
	case "take":
		show.V, err = t.showOf(ctx, c, cue, d.at, true)
		if err != nil {
			return show, err
		}
		show.Valid = true
		_, err = t.exec(ctx, `UPDATE rundowns SET show_id = $3, taken_us = coalesce(taken_us, $4) WHERE channel = $1 AND cue = $2`, c.name, cue, show.V, instant(d.at))
		if err != nil {
			return show, err
		}
		// What was done to it before belongs to the show from now on.
		_, err = t.exec(ctx, `UPDATE audit SET show_id = $3 WHERE channel = $1 AND cue = $2 AND show_id IS NULL`, c.name, cue, show.V)
		return show, err
	}
	show.V, show.Valid, err = t.knownShow(ctx, c, cue)
	return show, err
}

// prepare writes the question. Another text has a higher revision, and comes
// later in the log.
func (t *tx) prepare(ctx context.Context, c *channelRow, cue string, d *deed) error {
	options := make([]string, len(d.question.Options))
	for i, label := range d.question.Options {
		options[i] = prose(label)
	}
	packed, err := json.Marshal(options)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `
		INSERT INTO rundowns (channel, cue, position, kind, title, options, prepared_us) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (channel, cue) DO UPDATE SET kind = excluded.kind, title = excluded.title, options = excluded.options`,
		c.name, cue, int64(d.seq), prose(d.question.Kind), prose(d.question.Title), prose(string(packed)), instant(d.at))
	return err
}
