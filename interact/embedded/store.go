package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"modernc.org/sqlite" // the driver "sqlite"
	code "modernc.org/sqlite/lib"

	"github.com/cuelight/cuelight/interact"
)

// Why a log cannot be opened or replayed.
var (
	ErrLocked  = errors.New("another process uses this data folder: stop it, or choose another folder with --data")
	ErrNewer   = errors.New("written by a newer version of cuelight: run that version, or choose another folder with --data")
	ErrDamaged = errors.New("the log is damaged: restore the data folder from a backup, or see what can be read with `cuelight log check` and `cuelight log salvage`")
)

// Store is a log in one SQLite file. It is safe for concurrent use.
type Store struct {
	path   string
	log    *slog.Logger
	lock   io.Closer
	db     *sql.DB // one connection: pragmas belong to it, and there is one writer
	folder *sql.DB // another one, which folds the write-ahead log

	insertion *sql.Stmt
	folds     folds
	stepBytes int // of one step of a Replace, about

	// Order: replacing, reading, mu.
	replacing sync.Mutex   // one Replace at a time
	reading   sync.RWMutex // written to while replaced records are removed
	mu        sync.Mutex   // one write at a time; protects continuity
	continuity
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
	lock, err := Lock(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, log: log, lock: lock, stepBytes: stepBytes}
	s.folds.from, s.folds.all = foldFrom, foldAll
	if err := s.open(ctx, path); err != nil {
		return nil, fmt.Errorf("open log %s: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

// Lock makes sure that nobody else opens the log at path, which need not exist,
// until the result is closed or the process has ended. It makes the folder if
// there is none.
//
// Errors: ErrLocked, wrapped with the path; one from the file system.
func Lock(path string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", path, err)
	}
	return lock, nil
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
	if s.db, err = connect(dsn(path)); err != nil {
		return err
	}
	if s.folder, err = connect(dsn(path)); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return damaged(err)
	}
	counted, err := survey(ctx, s.db)
	if err != nil {
		return damaged(err)
	}
	s.continuity = *counted
	if s.insertion, err = s.db.PrepareContext(ctx, insert); err != nil {
		return damaged(err)
	}
	s.sweep(ctx) // what an end in the middle left behind
	return nil
}

// connect opens a file over one connection.
func connect(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db, nil
}

// damaged wraps what SQLite says of a file that it cannot understand.
func damaged(err error) error {
	unread, ok := errors.AsType[*sqlite.Error](err)
	marks := []int{code.SQLITE_CORRUPT, code.SQLITE_NOTADB, code.SQLITE_ERROR, code.SQLITE_FORMAT}
	if !ok || errors.Is(err, ErrDamaged) || !slices.Contains(marks, unread.Code()&0xff) {
		return err
	}
	return fmt.Errorf("%w (%w)", ErrDamaged, err)
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
		fmt.Sprintf("auto_vacuum(%d)", incremental),
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"wal_autocheckpoint(0)", // see folds
		fmt.Sprintf("journal_size_limit(%d)", foldAll),
		"cell_size_check(1)",
	}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
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
	s.folds.wg.Wait()
	var errs []error
	if s.insertion != nil {
		errs = append(errs, s.insertion.Close())
	}
	if s.folder != nil {
		errs = append(errs, s.folder.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
