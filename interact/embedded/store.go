package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cuelight/cuelight/interact"
)

// schemaVersion is what PRAGMA user_version holds.
const schemaVersion = 1

const schema = `
CREATE TABLE record (
	seq     INTEGER PRIMARY KEY,
	channel TEXT    NOT NULL,
	kind    INTEGER NOT NULL,
	cue     TEXT    NOT NULL,
	data    BLOB    NOT NULL,
	crc     INTEGER NOT NULL
) STRICT;
CREATE INDEX record_channel ON record (channel);
PRAGMA user_version = 1;`

// Why a log cannot be opened or replayed.
var (
	ErrLocked  = errors.New("another process uses this data folder: stop it, or choose another folder with --data")
	ErrNewer   = errors.New("written by a newer version of cuelight: run that version, or choose another folder with --data")
	ErrDamaged = errors.New("the log is damaged: restore the data folder from a backup, or move it away to start empty")
)

// Store is a log in one SQLite file. It is safe for concurrent use.
type Store struct {
	log  *slog.Logger
	lock *os.File
	db   *sql.DB

	mu   sync.Mutex // one Append at a time; protects next
	next uint64     // seq of the next record
}

var _ interact.Store = (*Store)(nil)

// Open opens the log at path, making file and folder if there are none. Nobody
// else may have it open. After a crash it recovers what was committed and logs
// what was not. Nil log discards.
//
// Errors: ErrLocked, ErrNewer, ErrDamaged, wrapped with the path; one from the
// file system or SQLite.
func Open(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", path, err)
	}
	s := &Store{log: log, lock: lock}
	if err := s.open(ctx, path); err != nil {
		return nil, fmt.Errorf("open log %s: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	if err := s.inspectTail(path + "-wal"); err != nil {
		return err
	}
	// SQLite would make the file readable to everybody.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", dsn(path)); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1) // pragmas belong to a connection, and there is one writer
	s.db.SetMaxIdleConns(1)
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.countRecords(ctx)
}

// inspectTail reports what a crash left at the end of the write-ahead log.
func (s *Store) inspectTail(wal string) error {
	tail, err := readTail(wal)
	switch {
	case err != nil:
		return fmt.Errorf("read write-ahead log: %w", err)
	case tail.commits > 1:
		// Each commit is synced before the next begins, so only the last can be torn.
		return fmt.Errorf("%w (%d commits in the write-ahead log cannot be read)", ErrDamaged, tail.commits)
	case tail.frames > 0:
		s.log.Warn("dropped an unfinished write at the end of the log, nothing in it was acknowledged", "pages", tail.frames)
	}
	return nil
}

func dsn(path string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", // a person may look at the file with other tools
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"wal_autocheckpoint(4000)", // pages: a checkpoint every 16 MB
		"journal_size_limit(67108864)",
	}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch {
	case version > schemaVersion:
		return fmt.Errorf("schema %d, this program knows %d: %w", version, schemaVersion, ErrNewer)
	case version == schemaVersion:
		return nil
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return fmt.Errorf("create schema: %w", err)
		}
		return nil
	})
}

// countRecords finds the end of the log. Records are never deleted, so their
// number is the last one's.
func (s *Store) countRecords(ctx context.Context) error {
	var count, last uint64
	row := s.db.QueryRowContext(ctx, "SELECT count(*), coalesce(max(seq), 0) FROM record")
	if err := row.Scan(&count, &last); err != nil {
		return fmt.Errorf("count records: %w", err)
	}
	if count != last {
		return fmt.Errorf("%w (%d records, the last is number %d)", ErrDamaged, count, last)
	}
	s.next = last + 1
	return nil
}

func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Level is log: synced to this machine's disk.
func (s *Store) Level() interact.Level { return interact.LevelLog }

// Close folds the write-ahead log into the file and lets go of it. Nobody may
// use s any more.
func (s *Store) Close() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.Close())
}
