package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// boardsVersion is what PRAGMA user_version holds.
const boardsVersion = 1

// boardsSchema keeps what was given and the sums of it, by which places are found
// without reading all. Names are bytes: they are compared as such.
const boardsSchema = `
CREATE TABLE board (
	id      INTEGER PRIMARY KEY,
	channel TEXT    NOT NULL,
	show    TEXT    NOT NULL,
	ends    INTEGER NOT NULL, -- ms since 1970
	UNIQUE (channel, show)
) STRICT;
CREATE TABLE given (
	board       INTEGER NOT NULL REFERENCES board ON DELETE CASCADE,
	cue         TEXT    NOT NULL,
	participant BLOB    NOT NULL,
	points      INTEGER NOT NULL,
	PRIMARY KEY (board, cue, participant)
) STRICT, WITHOUT ROWID;
CREATE TABLE total (
	board       INTEGER NOT NULL REFERENCES board ON DELETE CASCADE,
	participant BLOB    NOT NULL,
	points      INTEGER NOT NULL,
	PRIMARY KEY (board, participant)
) STRICT, WITHOUT ROWID;
CREATE INDEX total_points ON total (board, points DESC, participant);
PRAGMA user_version = 1;`

// Boards are leaderboards in one SQLite file, beside the log and not in it: what a
// log holds is checked record by record, and points can be given again from it. It
// is safe for concurrent use.
type Boards struct {
	db   *sql.DB // one connection: there is one writer
	lock io.Closer
}

var _ interact.Leaderboard = (*Boards)(nil)

// OpenBoards opens the leaderboards at path, making file and folder if there are
// none. Nobody else may have them open.
//
// Errors: ErrLocked, ErrNewer, ErrDamaged, wrapped with the path; one from the
// file system or SQLite.
func OpenBoards(ctx context.Context, path string) (*Boards, error) {
	lock, err := Lock(path)
	if err != nil {
		return nil, err
	}
	b := &Boards{lock: lock}
	if err := b.open(ctx, path); err != nil {
		return nil, fmt.Errorf("open leaderboards %s: %w", path, errors.Join(damaged(err), b.Close()))
	}
	return b, nil
}

func (b *Boards) open(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite's would be readable to everybody
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Nobody else folds the write-ahead log of this file.
	if b.db, err = connect(dsn(path) + "&_pragma=wal_autocheckpoint(1000)&_pragma=foreign_keys(1)"); err != nil {
		return err
	}
	var version int
	if err := b.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version > boardsVersion:
		return fmt.Errorf("schema %d, this program knows %d: %w", version, boardsVersion, ErrNewer)
	case version == boardsVersion:
		return nil
	}
	return b.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, boardsSchema)
		return err
	})
}

// Close lets go of the file. Nobody may use b any more.
func (b *Boards) Close() error {
	var err error
	if b.db != nil {
		err = b.db.Close()
	}
	return errors.Join(err, b.lock.Close())
}

// Level is log: synced to this machine's disk.
func (b *Boards) Level() interact.Level { return interact.LevelLog }

func (b *Boards) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// refused is what a caller is told of an error.
func refused(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w: %w", doing, interact.Errorf(interact.CodeUnavailable, "Points cannot be saved or read right now. Try again."), err)
}

// Give gives participants points for a cue, all of them or nobody.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (b *Boards) Give(ctx context.Context, at interact.Board, cue string, points map[string]int64) error {
	if err := errors.Join(at.ValidateGiven(cue, points), ctx.Err()); err != nil {
		return err
	}
	return refused(ctx, "give points", b.inTx(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		if _, err := tx.ExecContext(ctx, "DELETE FROM board WHERE ends <= ?", now.UnixMilli()); err != nil {
			return err
		}
		var id int64
		row := tx.QueryRowContext(ctx, "INSERT INTO board (channel, show, ends) VALUES (?, ?, ?)"+
			" ON CONFLICT DO UPDATE SET ends = excluded.ends RETURNING id", at.Channel, at.Show, now.Add(at.Kept()).UnixMilli())
		if err := row.Scan(&id); err != nil {
			return err
		}
		return giveAll(ctx, tx, id, cue, points)
	}))
}

func giveAll(ctx context.Context, tx *sql.Tx, board int64, cue string, points map[string]int64) error {
	had, err := tx.PrepareContext(ctx, "SELECT points FROM given WHERE board = ? AND cue = ? AND participant = ?")
	if err != nil {
		return err
	}
	defer had.Close()
	set, err := tx.PrepareContext(ctx, "INSERT INTO given (board, cue, participant, points) VALUES (?, ?, ?, ?)"+
		" ON CONFLICT DO UPDATE SET points = excluded.points")
	if err != nil {
		return err
	}
	defer set.Close()
	add, err := tx.PrepareContext(ctx, "INSERT INTO total (board, participant, points) VALUES (?, ?, ?)"+
		" ON CONFLICT DO UPDATE SET points = points + excluded.points")
	if err != nil {
		return err
	}
	defer add.Close()
	for who, n := range points {
		var was sql.Null[int64]
		if err := had.QueryRowContext(ctx, board, cue, []byte(who)).Scan(&was); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if was.Valid && was.V == n {
			continue
		}
		if _, err := set.ExecContext(ctx, board, cue, []byte(who), n); err != nil {
			return err
		}
		if _, err := add.ExecContext(ctx, board, []byte(who), n-was.V); err != nil {
			return err
		}
	}
	return nil
}

// Top returns those with the most points.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (b *Boards) Top(ctx context.Context, at interact.Board, n int) ([]interact.Standing, error) {
	if err := errors.Join(at.ValidateTop(n), ctx.Err()); err != nil {
		return nil, err
	}
	rows, err := b.db.QueryContext(ctx, `
		SELECT participant, points, rank() OVER (ORDER BY points DESC) FROM total
		WHERE board = (SELECT id FROM board WHERE channel = ? AND show = ? AND ends > ?)
		ORDER BY points DESC, participant LIMIT ?`, at.Channel, at.Show, time.Now().UnixMilli(), n)
	if err != nil {
		return nil, refused(ctx, "read the leaderboard", err)
	}
	defer rows.Close()
	var all []interact.Standing
	for rows.Next() {
		var who []byte
		var s interact.Standing
		if err := rows.Scan(&who, &s.Points, &s.Rank); err != nil {
			return nil, refused(ctx, "read the leaderboard", err)
		}
		s.Participant = string(who)
		all = append(all, s)
	}
	return all, refused(ctx, "read the leaderboard", rows.Err())
}

// Rank returns where a participant is.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (b *Boards) Rank(ctx context.Context, at interact.Board, participant string) (interact.Standing, bool, error) {
	if err := errors.Join(at.ValidateRank(participant), ctx.Err()); err != nil {
		return interact.Standing{}, false, err
	}
	s := interact.Standing{Participant: participant}
	row := b.db.QueryRowContext(ctx, `
		SELECT own.points, (SELECT count(*) FROM total WHERE board = own.board AND points > own.points) + 1
		FROM total own JOIN board ON board.id = own.board
		WHERE board.channel = ? AND board.show = ? AND board.ends > ? AND own.participant = ?`,
		at.Channel, at.Show, time.Now().UnixMilli(), []byte(participant))
	err := row.Scan(&s.Points, &s.Rank)
	if errors.Is(err, sql.ErrNoRows) {
		return interact.Standing{}, false, nil
	}
	if err != nil {
		return interact.Standing{}, false, refused(ctx, "read the leaderboard", err)
	}
	return s, true, nil
}

// Expire lets everything of a show end after a while; zero deletes now.
//
// Errors: *interact.Error with CodeInvalid or CodeUnavailable; ctx's.
func (b *Boards) Expire(ctx context.Context, at interact.Board, after time.Duration) error {
	if err := errors.Join(at.Validate(), ctx.Err()); err != nil {
		return err
	}
	return refused(ctx, "expire the leaderboard", b.inTx(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		_, err := tx.ExecContext(ctx, "UPDATE board SET ends = ? WHERE channel = ? AND show = ?", now.Add(after).UnixMilli(), at.Channel, at.Show)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM board WHERE ends <= ?", now.UnixMilli())
		return err
	}))
}
