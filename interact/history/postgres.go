package history

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the dialect of PostgreSQL, from version 12 on.
type postgres struct {
	timeout time.Duration
	// patient is how to connect where a statement may take as long as migrations
	// do.
	patient *pgx.ConnConfig
}

// How connections to PostgreSQL are kept.
const (
	connectWithin = 10 * time.Second
	idleFor       = 5 * time.Minute
	longestLife   = 30 * time.Minute
	postgresIdle  = 2
)

func (d *DB) openPostgres(c Config) error {
	d.secrets = secretsOf(c.DSN, "")
	config, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		// The parser's own words quote the DSN.
		return fmt.Errorf("history: %w", &failure{kind: ErrRefused, text: "history.dsn cannot be read: write postgres://user:password@host/database"})
	}
	d.secrets = secretsOf(c.DSN, config.Password)
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = min(connectWithin, c.Timeout)
	}
	for name, value := range map[string]string{
		"application_name":                    "cuelight",
		"statement_timeout":                   milliseconds(c.Timeout),
		"lock_timeout":                        milliseconds(c.Timeout),
		"idle_in_transaction_session_timeout": milliseconds(longestWrite),
		"timezone":                            "UTC",
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	patient := config.Copy()
	for _, name := range []string{"statement_timeout", "lock_timeout"} {
		patient.RuntimeParams[name] = milliseconds(migrateWithin)
	}
	d.db = stdlib.OpenDB(*config)
	d.db.SetMaxOpenConns(c.Connections)
	d.db.SetMaxIdleConns(postgresIdle)
	d.db.SetConnMaxIdleTime(idleFor)
	d.db.SetConnMaxLifetime(longestLife)
	d.means = postgres{c.Timeout, patient}
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (p postgres) idle() int { return postgresIdle }

// begin: a setting of off would let a commit be lost in a crash.
func (p postgres) begin(ctx context.Context, tx *sql.Tx) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	_, err := tx.ExecContext(ctx, `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// inspect refuses what cannot hold the text, and warns of what loses data.
func (p postgres) inspect(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var encoding, fsync, pages string
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes')`).Scan(&encoding, &fsync, &pages)
	if err != nil {
		return err
	}
	if encoding != "UTF8" {
		return &failure{kind: ErrRefused, text: fmt.Sprintf("its encoding is %s: make a database with encoding UTF8", encoding)}
	}
	if fsync == "off" || pages == "off" {
		log.Warn("the history's database may lose what it has committed: set fsync and full_page_writes to on", "fsync", fsync, "full_page_writes", pages)
	}
	return nil
}

func (p postgres) among(column string, n int) string {
	return fmt.Sprintf("%s = ANY($%d::text[])", column, n)
}

func (p postgres) list(items []string) any { return items }

// insertAnswers sends rows as arrays: one statement for all of them.
func (p postgres) insertAnswers(ctx context.Context, tx *sql.Tx, cue int64, rows []answerRow) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	c := columnsOf(rows)
	result, err := tx.ExecContext(ctx, `
		INSERT INTO answers (cue_id, participant, choice, credited_us, received_us, changes, correct, points)
		SELECT $1::bigint, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::int[], $7::bool[], $8::bigint[])
		ON CONFLICT DO NOTHING`,
		cue, c.participant, c.choice, c.credited, c.received, c.changes, c.correct, c.points)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// columns are rows turned.
type columns struct {
	participant, choice []string
	credited, received  []*int64
	changes             []int32
	correct             []*bool
	points              []*int64
}

func columnsOf(rows []answerRow) *columns {
	c := new(columns)
	for i := range rows {
		r := &rows[i]
		c.participant = append(c.participant, r.participant)
		c.choice = append(c.choice, r.choice)
		c.credited = append(c.credited, orNull(r.credited))
		c.received = append(c.received, orNull(r.received))
		c.changes = append(c.changes, int32(r.changes))
		c.correct = append(c.correct, orNull(r.correct))
		c.points = append(c.points, orNull(r.points))
	}
	return c
}

func orNull[T any](n sql.Null[T]) *T {
	if !n.Valid {
		return nil
	}
	return &n.V
}

// migrationLock is the advisory lock of whoever changes the schema.
var migrationLock = lockNumber("cuelight history migrations")

// lockNumber is FNV-1a 64 of a name: every release takes the same lock.
func lockNumber(name string) int64 {
	const offset, prime = uint64(14695981039346656037), uint64(1099511628211)
	h := offset
	for _, b := range []byte(strings.ToLower(name)) {
		h = (h ^ uint64(b)) * prime
	}
	return int64(h)
}
