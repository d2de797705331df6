package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// DB is a history. It is safe for concurrent use.
type DB struct {
	db      *sql.DB
	means   dialect
	timeout time.Duration
	secrets []string // never part of an error
	log     *slog.Logger

	preparing chan struct{} // holds one: who prepares
	prepared  atomic.Bool
}

// dialect is what PostgreSQL and SQLite do not have in common.
type dialect interface {
	// migrate brings the schema to this program's.
	migrate(ctx context.Context, db *sql.DB, log *slog.Logger) error
	// inspect warns of settings that may lose data.
	inspect(ctx context.Context, db *sql.DB, log *slog.Logger) error
	// begin makes what a transaction commits durable, whatever the database's own
	// setting says.
	begin(ctx context.Context, tx *sql.Tx) error
	// among is a condition that a column is one of a list of text, which is the
	// parameter at n and is packed by list.
	among(column string, n int) string
	list(items []string) any
	// insertAnswers adds rows to the answers of a cue and returns how many were
	// not there.
	insertAnswers(ctx context.Context, tx *sql.Tx, cue int64, rows []answerRow) (int64, error)
	// idle is how many connections are kept open.
	idle() int
}

// New returns a history that is not connected yet: everything that needs the
// database prepares it first. Close it.
//
// Errors: Config.Validate's; ErrRefused for a DSN that cannot be read.
func New(c Config) (*DB, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	c = c.withDefaults()
	d := &DB{timeout: c.Timeout, log: c.Log, preparing: make(chan struct{}, 1)}
	var err error
	if c.Path != "" {
		err = d.openSQLite(c)
	} else {
		err = d.openPostgres(c)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Open is New and Prepare.
//
// Errors: New's and Prepare's.
func Open(ctx context.Context, c Config) (*DB, error) {
	d, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := d.Prepare(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Prepare connects and brings the schema to this program's, once; nodes that do
// it at the same time wait for each other. A program that does it at its start
// learns then what is wrong: ErrUnreachable passes by itself, ErrRefused and
// ErrNewer do not.
//
// Errors: those, with what to do; ctx's.
func (d *DB) Prepare(ctx context.Context) error {
	if d.prepared.Load() {
		return nil
	}
	select {
	case d.preparing <- struct{}{}:
		defer func() { <-d.preparing }()
	case <-ctx.Done():
		return d.explain("open history", ctx.Err())
	}
	if d.prepared.Load() {
		return nil
	}
	if err := d.prepare(ctx); err != nil {
		return d.explain("open history", err)
	}
	d.prepared.Store(true)
	return nil
}

func (d *DB) prepare(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if err := d.db.PingContext(short); err != nil {
		return err
	}
	if err := d.means.migrate(ctx, d.db, d.log); err != nil {
		return err
	}
	return d.means.inspect(ctx, d.db, d.log)
}

// Close ends all connections. Nobody may use d any more.
func (d *DB) Close() error { return d.db.Close() }

// write runs f in a transaction that is durable when write returns nil.
func (d *DB) write(ctx context.Context, doing string, f func(ctx context.Context, tx *tx) error) error {
	if err := d.Prepare(ctx); err != nil {
		return err
	}
	err := d.commit(ctx, f)
	if err != nil {
		d.refresh()
		return d.explain(doing, err)
	}
	return nil
}

func (d *DB) commit(ctx context.Context, f func(ctx context.Context, tx *tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, longestWrite)
	defer cancel()
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	var begun *sql.Tx
	err := d.patiently(abort, func() (err error) {
		begun, err = d.db.BeginTx(ctx, nil)
		return err
	})
	if err != nil {
		return cmp.Or(timedOut(ctx), err)
	}
	err = d.means.begin(ctx, begun)
	if err == nil {
		err = f(ctx, &tx{Tx: begun, d: d})
	}
	if err != nil {
		return errors.Join(timedOut(ctx), err, rollback(begun))
	}
	if err := d.patiently(abort, begun.Commit); err != nil {
		return cmp.Or(timedOut(ctx), err)
	}
	return nil
}

// longestWrite bounds a transaction: a million answers take a part of it.
const longestWrite = 10 * time.Minute

// patiently aborts what f waits for if that takes too long. The context of a
// transaction cannot bound its beginning and its end alone: it lives as long as
// the transaction.
func (d *DB) patiently(abort context.CancelCauseFunc, f func() error) error {
	late := time.AfterFunc(d.timeout, func() { abort(context.DeadlineExceeded) })
	defer late.Stop()
	return f()
}

// timedOut tells an abort of ours from one of the caller's.
func timedOut(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

func rollback(t *sql.Tx) error {
	if err := t.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// refresh lets go of idle connections: after a failover they may lead to what is
// only a copy now.
func (d *DB) refresh() {
	d.db.SetMaxIdleConns(0)
	d.db.SetMaxIdleConns(d.means.idle())
}

// tx is a transaction, every statement of which has a timeout.
type tx struct {
	*sql.Tx
	d *DB
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, t.d.timeout)
	defer cancel()
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// get scans one row; there may be none.
func (t *tx) get(ctx context.Context, query string, args []any, into ...any) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, t.d.timeout)
	defer cancel()
	err := t.QueryRowContext(ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each scans the rows of a query.
func (t *tx) each(ctx context.Context, query string, args []any, scan func(scan func(...any) error) error) error {
	return each(ctx, t.Tx, t.d.timeout, query, args, scan)
}

// querier is a transaction or a database.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func each(ctx context.Context, q querier, timeout time.Duration, query string, args []any, scan func(scan func(...any) error) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// read scans the rows of a query outside a transaction. scan does not wait for
// anybody.
func (d *DB) read(ctx context.Context, doing, query string, args []any, scan func(scan func(...any) error) error) error {
	if err := d.Prepare(ctx); err != nil {
		return err
	}
	if err := each(ctx, d.db, d.timeout, query, args, scan); err != nil {
		return d.explain(doing, err)
	}
	return nil
}
