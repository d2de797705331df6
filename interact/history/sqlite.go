package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// lite is the dialect of SQLite.
type lite struct {
	path    string
	timeout time.Duration
}

// sqliteConnections is how many there are to a file: one writes, others read.
const sqliteConnections = 4

func (d *DB) openSQLite(c Config) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return fmt.Errorf("open history: %w", err)
	}
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o700), touch(path)} {
		if err != nil {
			return fmt.Errorf("open history: %w", errors.Join(&failure{kind: ErrRefused, text: "the file cannot be opened"}, err))
		}
	}
	if d.db, err = connect(path, c.Timeout, "WAL"); err != nil {
		return fmt.Errorf("open history %s: %w", path, err)
	}
	d.db.SetMaxOpenConns(sqliteConnections)
	d.db.SetMaxIdleConns(sqliteConnections)
	d.means = lite{path: path, timeout: c.Timeout}
	return nil
}

// touch makes a file that only its owner reads: SQLite would make it readable to
// everybody.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connect(path string, timeout time.Duration, journal string) (*sql.DB, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", (timeout - timeout/4).Milliseconds()), // its own word comes before our impatience
		"journal_mode(" + journal + ")",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"secure_delete(1)", // what is erased is not left in the file
	}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
}

func (l lite) idle() int { return sqliteConnections }

// begin has nothing to do: synchronous is FULL.
func (l lite) begin(context.Context, *sql.Tx) error { return nil }

// inspect has nothing to warn of: all settings are this program's.
func (l lite) inspect(context.Context, *sql.DB, *slog.Logger) error { return nil }

func (l lite) among(column string, n int) string {
	return fmt.Sprintf("%s IN (SELECT value FROM json_each($%d))", column, n)
}

func (l lite) list(items []string) any {
	packed, err := json.Marshal(items)
	if err != nil {
		panic(err) // text always packs
	}
	return string(packed)
}

func (l lite) insertAnswers(ctx context.Context, tx *sql.Tx, cue int64, rows []answerRow) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	insert, err := tx.PrepareContext(ctx, `
		INSERT INTO answers (cue_id, participant, choice, credited_us, received_us, changes, correct, points)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	for i := range rows {
		r := &rows[i]
		result, err := insert.ExecContext(ctx, cue, r.participant, r.choice, r.credited, r.received, r.changes, r.correct, r.points)
		if err != nil {
			return 0, err
		}
		one, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}
