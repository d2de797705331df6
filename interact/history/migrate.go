package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/cuelight/cuelight/interact/history/migrations"
)

// Waits around migrations.
const (
	migrateWithin = 10 * time.Minute
	lockEvery     = 50 * time.Millisecond
	versionTable  = "cuelight_schema"
)

// provider returns what runs the steps of one of the folders.
func provider(d goose.Dialect, folder string, db *sql.DB, options ...goose.ProviderOption) (*goose.Provider, error) {
	steps, err := fs.Sub(migrations.Files, folder)
	if err != nil {
		return nil, err
	}
	options = append(options, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	return goose.NewProvider(d, db, steps, options...)
}

// up runs the steps that are missing. It refuses a schema that it does not know.
func up(ctx context.Context, p *goose.Provider, log *slog.Logger) error {
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	knows := sources[len(sources)-1].Version
	if has > knows {
		return fmt.Errorf("%w (schema %d, this program knows %d); until then nothing is lost, it is recorded later", ErrNewer, has, knows)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return err
	}
	if len(done) > 0 {
		log.Info("history brought to this program's schema", "from", has, "to", knows)
	}
	return nil
}

// migrate waits for the advisory lock: nodes that start together come one after
// the other.
func (p postgres) migrate(ctx context.Context, _ *sql.DB, log *slog.Logger) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateWithin)
	defer cancel()
	db := stdlib.OpenDB(*p.patient)
	defer func() { err = errors.Join(err, db.Close()) }()
	held, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer held.Close() // gives it back; what is wrong with it shows elsewhere
	if err := acquire(ctx, held); err != nil {
		return err
	}
	steps, err := provider(goose.DialectPostgres, "postgres", db)
	if err == nil {
		err = up(ctx, steps, log)
	}
	_, unlocked := held.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, migrationLock)
	return errors.Join(err, unlocked)
}

func acquire(ctx context.Context, held *sql.Conn) error {
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		var got bool
		if err := held.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, migrationLock).Scan(&got); err != nil || got {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for another node that changes the schema: %w", ctx.Err())
		}
	}
}

// migrate holds a file of its own beside the history's, so that processes that
// start together come one after the other.
func (l lite) migrate(ctx context.Context, db *sql.DB, log *slog.Logger) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateWithin)
	defer cancel()
	beside := l.path + "-migration"
	if err := touch(beside); err != nil {
		return &failure{kind: ErrRefused, text: "the folder is not writable: " + err.Error()}
	}
	lock, err := connect(beside, migrateWithin, "DELETE")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	held, err := lock.BeginTx(ctx, nil) // immediate: one at a time
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rollback(held)) }()
	steps, err := provider(goose.DialectSQLite3, "sqlite", db)
	if err != nil {
		return err
	}
	return up(ctx, steps, log)
}
