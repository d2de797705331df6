package history

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Retention deletes what is older than its time, now and every hour.
type Retention struct {
	DB *DB
	// Keep is how long a show is kept after its end.
	Keep time.Duration
	// Now is R's.
	Now func() clock.Instant
	// Log is told of what was deleted, and of what could not be. Nil discards.
	Log *slog.Logger
}

// retainEvery is how often a Retention looks.
const retainEvery = time.Hour

// Run deletes until ctx ends, and returns nil then. Several nodes may do it.
//
// Errors: one for a Keep that is not positive.
func (r Retention) Run(ctx context.Context) error {
	if r.Keep <= 0 {
		return fmt.Errorf("retention of %v: more than nothing has to be kept", r.Keep)
	}
	log := r.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	every := time.NewTicker(retainEvery)
	defer every.Stop()
	for {
		n, err := r.DB.DeleteShows(ctx, r.Now().Add(-r.Keep))
		if n > 0 {
			log.Info("old shows deleted from the history", "shows", n)
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("old shows not deleted from the history, tried again later", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// DeleteShows deletes the shows that ended before an instant, with all that
// belongs to them, and what was done on channels before then that belongs to no
// show. They stay deleted though a log may still have them. It returns how many
// shows were deleted, also with an error.
//
// Errors: ErrUnreachable, ErrRefused, ErrNewer; ctx's.
func (d *DB) DeleteShows(ctx context.Context, before clock.Instant) (n int64, err error) {
	for {
		var ids []int64
		err := d.read(ctx, "find old shows", `SELECT id FROM shows WHERE ended_us < $1 ORDER BY id LIMIT $2`,
			[]any{int64(before), DefaultLimit}, func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
		if err != nil {
			return n, err
		}
		if len(ids) == 0 {
			return n, d.deleteLoose(ctx, before)
		}
		for _, id := range ids {
			if err := d.DeleteShow(ctx, id); err != nil {
				return n, err
			}
			n++
		}
	}
}

// DeleteShow deletes one show with all that belongs to it, in steps: ended in the
// middle, it is done again until the show is gone.
//
// Errors: ErrUnreachable, ErrRefused, ErrNewer; ctx's. An unknown show is none.
func (d *DB) DeleteShow(ctx context.Context, id int64) error {
	doing := fmt.Sprintf("delete show %d", id)
	err := d.write(ctx, doing, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `
			INSERT INTO forgotten (channel, cue)
			SELECT channel, cue FROM cues WHERE show_id = $1 UNION SELECT channel, cue FROM rundowns WHERE show_id = $1
			ON CONFLICT DO NOTHING`, id)
		return err
	})
	for n := int64(deleteStep); err == nil && n == deleteStep; {
		err = d.write(ctx, doing, func(ctx context.Context, t *tx) (err error) {
			n, err = t.exec(ctx, `
				DELETE FROM answers WHERE (cue_id, participant) IN (
					SELECT a.cue_id, a.participant FROM answers a JOIN cues c ON c.id = a.cue_id WHERE c.show_id = $1 LIMIT $2)`, id, deleteStep)
			return err
		})
	}
	if err != nil {
		return err
	}
	return d.write(ctx, doing, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM shows WHERE id = $1`, id)
		return err
	})
}

// deleteStep is how many answers are deleted at a time: far from any timeout.
const deleteStep = 20_000

func (d *DB) deleteLoose(ctx context.Context, before clock.Instant) error {
	return d.write(ctx, "delete old audit", func(ctx context.Context, t *tx) error {
		for _, query := range []string{
			`DELETE FROM audit WHERE show_id IS NULL AND at_us < $1`,
			`DELETE FROM rundowns WHERE show_id IS NULL AND removed_us < $1`,
		} {
			if _, err := t.exec(ctx, query, int64(before)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Erase removes a participant: every answer, and its name from the audit. Counts
// stay, they name nobody. What a source still has of it is not written any more.
// It returns how many answers there were.
//
// Errors: ErrUnreachable, ErrRefused, ErrNewer; ctx's.
func (d *DB) Erase(ctx context.Context, participant string) (n int64, err error) {
	name := nameText(participant)
	err = d.write(ctx, "erase a participant", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO erased (digest, erased_us) VALUES ($1, $2) ON CONFLICT DO NOTHING`, digest(name), time.Now().UnixMicro())
		if err != nil {
			return err
		}
		if n, err = t.exec(ctx, `DELETE FROM answers WHERE participant = $1`, name); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE audit SET subject = '', detail = '' WHERE subject = $1`, name)
		return err
	})
	return n, err
}
