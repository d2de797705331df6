package history

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"

	"github.com/cuelight/cuelight/interact"
)

// batchRows is how many answers are held and sent at a time.
const batchRows = 5000

// answerRow is a row of the table answers.
type answerRow struct {
	participant        string
	choice             string
	credited, received sql.Null[int64]
	changes            int64
	correct            sql.Null[bool]
	points             sql.Null[int64]
}

// scribe writes the answers of a cue, a batch at a time.
type scribe struct {
	t       *tx
	cue     int64
	r       *recording
	erased  map[string]bool
	rows    []answerRow
	written int64
	// left is how many were left out because their participant was erased.
	left map[string]bool
}

// writeAnswers replaces the answers of a cue by the source's. Their number has to
// be the tally's.
func (t *tx) writeAnswers(ctx context.Context, id int64, r *recording) error {
	if _, err := t.exec(ctx, `DELETE FROM answers WHERE cue_id = $1`, id); err != nil {
		return err
	}
	s := &scribe{t: t, cue: id, r: r, left: make(map[string]bool)}
	if err := s.loadErased(ctx); err != nil {
		return err
	}
	if r.cue.Tally.Total > 0 {
		var own error // ours, which the source hands back
		err := r.source.Entries(ctx, r.cue.ID, func(e interact.Entry, m interact.Mark) error {
			own = s.add(ctx, e, m)
			return own
		})
		if own != nil {
			return own
		}
		if err != nil {
			return fault("answers of cue %s: %w", r.cue.ID, err)
		}
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	if n := uint64(s.written) + uint64(len(s.left)); n != r.cue.Tally.Total {
		return fault("the source has the answers of %d participants to cue %s, and counted %d", n, r.cue.ID, r.cue.Tally.Total)
	}
	return nil
}

func (s *scribe) add(ctx context.Context, e interact.Entry, m interact.Mark) error {
	name := nameText(e.Participant)
	if len(s.erased) > 0 {
		if d := digest(name); s.erased[d] {
			s.left[d] = true
			return nil
		}
	}
	row := answerRow{
		participant: name, choice: choiceText(m.Choice), credited: instant(m.Credited), received: instant(e.Received), changes: int64(m.Changes),
	}
	if q := s.r.cue.Question; q.Kind == interact.KindTrivia {
		row.correct = sql.Null[bool]{V: m.Choice == 1<<q.Correct, Valid: true}
	}
	if s.r.points != nil {
		row.points.V, row.points.Valid = s.r.points(s.r.cue, m)
	}
	s.rows = append(s.rows, row)
	if len(s.rows) < batchRows {
		return nil
	}
	return s.flush(ctx)
}

func (s *scribe) flush(ctx context.Context) error {
	if len(s.rows) == 0 {
		return nil
	}
	n, err := s.t.d.means.insertAnswers(ctx, s.t.Tx, s.cue, s.rows)
	s.rows, s.written = s.rows[:0], s.written+n
	if err == nil && s.r.progress != nil {
		s.r.progress(n)
	}
	return err
}

// loadErased reads who was erased: few, since somebody asked for each.
func (s *scribe) loadErased(ctx context.Context) error {
	s.erased = make(map[string]bool)
	return s.t.each(ctx, `SELECT digest FROM erased`, nil, func(scan func(...any) error) error {
		var d string
		err := scan(&d)
		s.erased[d] = true
		return err
	})
}

// digest tells an erased participant again without naming it.
func digest(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}
