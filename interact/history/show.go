package history

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// channelRow is the row that whoever writes about a channel holds.
type channelRow struct {
	name, tenant string
	quiet        time.Duration
	log          int64
	audited      uint64
	lastTake     clock.Instant
}

// hold locks the channel's row until the end of the transaction.
func (t *tx) hold(ctx context.Context, name, tenant string, quiet time.Duration) (*channelRow, error) {
	c := &channelRow{name: nameText(name), tenant: nameText(tenant), quiet: quiet}
	_, err := t.get(ctx, `
		INSERT INTO channels (channel, tenant) VALUES ($1, $2)
		ON CONFLICT (channel) DO UPDATE SET tenant = excluded.tenant
		RETURNING log, audited, last_take_us`, []any{c.name, c.tenant}, &c.log, &c.audited, &c.lastTake)
	return c, err
}

// span is a show as far as it matters for what belongs to it.
type span struct {
	id                    int64
	first, lastTake, last clock.Instant
	ended                 clock.Instant // by a producer, else zero
}

// showOf returns the show in which a cue was taken, a new one if it is the first.
// inOrder says that cues are given in the order in which they were taken.
func (t *tx) showOf(ctx context.Context, c *channelRow, cue string, taken clock.Instant, inOrder bool) (int64, error) {
	taken = clock.Instant(instant(taken).V)
	if id, found, err := t.knownShow(ctx, c, cue); err != nil || found {
		return id, err
	}
	// A clock that has been set back by hours would lead into a show of the past.
	anew := inOrder && taken < c.lastTake.Add(-c.quiet)
	var s span
	var found bool
	var err error
	if !anew {
		if s, found, err = t.runningShow(ctx, c, taken); err != nil {
			return 0, err
		}
	}
	if inOrder {
		c.lastTake = taken
		if _, err := t.exec(ctx, `UPDATE channels SET last_take_us = $2 WHERE channel = $1`, c.name, int64(taken)); err != nil {
			return 0, err
		}
	}
	if found {
		return s.id, t.widen(ctx, s, taken)
	}
	_, err = t.get(ctx, `
		INSERT INTO shows (channel, tenant, started_us, last_take_us, last_us) VALUES ($1, $2, $3, $3, $3) RETURNING id`,
		[]any{c.name, c.tenant, int64(taken)}, &s.id)
	return s.id, err
}

// knownShow is the show that the cue was found to belong to before.
func (t *tx) knownShow(ctx context.Context, c *channelRow, cue string) (id int64, found bool, err error) {
	found, err = t.get(ctx, `
		SELECT show_id FROM cues WHERE channel = $1 AND cue = $2
		UNION SELECT show_id FROM rundowns WHERE channel = $1 AND cue = $2 AND show_id IS NOT NULL
		LIMIT 1`, []any{c.name, cue}, &id)
	return id, found, err
}

// runningShow returns the newest show that was running when a cue was taken.
func (t *tx) runningShow(ctx context.Context, c *channelRow, taken clock.Instant) (s span, found bool, err error) {
	var near []span
	err = t.each(ctx, `
		SELECT id, started_us, last_take_us, last_us, CASE WHEN ended_by = 'producer' THEN ended_us ELSE 0 END FROM shows
		WHERE channel = $1 AND started_us <= $2 AND last_us >= $3 ORDER BY id DESC LIMIT 20`,
		[]any{c.name, int64(taken.Add(c.quiet)), int64(taken.Add(-c.quiet))},
		func(scan func(...any) error) error {
			var one span
			err := scan(&one.id, &one.first, &one.lastTake, &one.last, &one.ended)
			near = append(near, one)
			return err
		})
	if err != nil {
		return s, false, err
	}
	for _, s := range near {
		ended, err := t.endedBetween(ctx, c, s, taken)
		if err != nil || !ended {
			return s, err == nil, err
		}
	}
	return s, false, nil
}

// endedBetween says whether the event was ended between a show and a cue.
func (t *tx) endedBetween(ctx context.Context, c *channelRow, s span, taken clock.Instant) (ended bool, err error) {
	from, to := s.lastTake, taken
	switch {
	case s.ended != 0 && taken > s.ended:
		return true, nil
	case taken < s.first:
		from, to = taken, s.first
	}
	var n int
	_, err = t.get(ctx, `SELECT count(*) FROM audit WHERE channel = $1 AND log = 0 AND action = 'end' AND seq > $2 AND seq <= $3`,
		[]any{c.name, int64(from), int64(to)}, &n)
	return n > 0, err
}

// widen makes the show reach to an instant at which a cue was taken. It was not
// quiet for so long, then.
func (t *tx) widen(ctx context.Context, s span, taken clock.Instant) error {
	_, err := t.exec(ctx, `
		UPDATE shows SET started_us = $2, last_take_us = $3, last_us = $4,
			ended_us = CASE WHEN ended_by = 'producer' THEN ended_us END,
			ended_by = CASE WHEN ended_by = 'producer' THEN ended_by END
		WHERE id = $1`,
		s.id, int64(min(s.first, taken)), int64(max(s.lastTake, taken)), int64(max(s.last, taken)))
	return err
}

// lasted makes the show reach to the end of a window.
func (t *tx) lasted(ctx context.Context, show int64, until clock.Instant) error {
	_, err := t.exec(ctx, `UPDATE shows SET last_us = $2 WHERE id = $1 AND last_us < $2`, show, instant(until).V)
	return err
}

// end notes when the event was ended, and ends the show that was running. The
// show is found again when more of it becomes known.
func (t *tx) end(ctx context.Context, c *channelRow, e End) error {
	at := instant(e.At)
	if !at.Valid {
		return nil
	}
	_, err := t.exec(ctx, `
		INSERT INTO audit (channel, log, seq, at_us, actor, role, action, cue, key, subject, detail)
		VALUES ($1, 0, $2, $2, $3, 'producer', 'end', '', '', '', '') ON CONFLICT DO NOTHING`,
		c.name, at.V, prose(e.By))
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `
		UPDATE shows SET ended_us = $2, ended_by = 'producer'
		WHERE id = (SELECT max(id) FROM shows WHERE channel = $1 AND started_us <= $2 AND last_take_us <= $2 AND $2 - last_us <= $3)
		  AND (ended_by IS NULL OR ended_by <> 'producer' OR ended_us > $2)`, c.name, at.V, c.quiet.Microseconds())
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `
		UPDATE audit SET show_id = (SELECT max(id) FROM shows WHERE channel = $1 AND ended_us = $2 AND ended_by = 'producer')
		WHERE channel = $1 AND log = 0 AND seq = $2 AND show_id IS NULL`, c.name, at.V)
	return err
}

// quieten ends the shows in which nothing has happened since an instant.
func (t *tx) quieten(ctx context.Context, channel string, since clock.Instant) error {
	_, err := t.exec(ctx, `UPDATE shows SET ended_us = last_us, ended_by = 'quiet' WHERE channel = $1 AND ended_us IS NULL AND last_us < $2`,
		channel, int64(since))
	return err
}
