package history

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	code "modernc.org/sqlite/lib"
)

// What is wrong with a database.
var (
	// ErrUnreachable passes by itself: try again.
	ErrUnreachable = errors.New("the history's database cannot be reached")
	// ErrRefused needs a person.
	ErrRefused = errors.New("the history's database refuses")
	// ErrNewer means that a newer program has changed the schema.
	ErrNewer = errors.New("the history was written by a newer version of cuelight: run that version")
	// ErrNotFound means that there is no such show or cue.
	ErrNotFound = errors.New("not in the history")
)

// advice is what PostgreSQL's codes mean for whoever runs it. A key of two
// characters stands for a class.
var advice = map[string]string{
	"28P01": "the password is wrong: check user and password of history.dsn",
	"28":    "it does not let this user in: check user and password of history.dsn, and pg_hba.conf for this machine",
	"3D000": "there is no such database: make it with createdb, encoding UTF8",
	"3F000": "there is no schema to make tables in: check search_path",
	"42501": "this user lacks a permission: it has to own its tables, and GRANT CREATE, USAGE ON SCHEMA for the first start",
	"25006": "it is read-only, perhaps a copy: use the primary, target_session_attrs=read-write finds it among several hosts",
	"53100": "its disk is full: make room",
	"53300": "it has no connection to spare: raise max_connections or lower history.connections",
	"42P01": "tables of the history are missing: restore them, or use an empty database",
	"42703": "columns of the history are missing: restore the schema, or use an empty database",
	"08P01": "it, or a pooler before it, does not take a setting: use a pooler in session mode or none",
}

// passing are classes and codes of what goes away without anybody's doing.
var passing = []string{"08000", "08003", "08006", "08001", "08004", "40", "53", "55P03", "57", "58", "XX", "25006"}

// explain returns err in words that say what to do, without what is secret. What
// it returns is one of this package's errors, or ctx's.
func (d *DB) explain(doing string, err error) error {
	_, known := errors.AsType[*failure](err)
	switch {
	case known, errors.Is(err, ErrNewer), errors.Is(err, ErrNotFound), errors.Is(err, errSource):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	kind, hint := diagnose(err)
	text := d.redact(firstLine(err))
	if hint != "" {
		text = hint + " (" + text + ")"
	}
	return fmt.Errorf("%s: %w", doing, &failure{kind: kind, text: text})
}

// errSource marks errors of a Source: they are not the database's.
var errSource = errors.New("read what is to be recorded")

// failure is a database's error, made readable.
type failure struct {
	kind error
	text string
}

// Error says what is wrong and what to do.
func (f *failure) Error() string { return f.kind.Error() + ": " + f.text }

// Unwrap returns ErrUnreachable or ErrRefused.
func (f *failure) Unwrap() error { return f.kind }

func diagnose(err error) (kind error, hint string) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return ofPostgres(pg.Code)
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return ofSQLite(lite.Code())
	}
	text := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrUnreachable, "it does not answer in time"
	case strings.Contains(text, "server refused TLS"):
		return ErrRefused, "it does not take TLS: set ssl=on there, or sslmode=disable in history.dsn on a network that is trusted"
	case strings.Contains(text, "x509:"), strings.Contains(text, "tls:"):
		return ErrRefused, "its certificate is not trusted: name its authority with sslrootcert in history.dsn"
	case strings.Contains(text, "no suitable host"), strings.Contains(text, "read only connection"):
		return ErrUnreachable, "no host takes writes now"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return ErrUnreachable, "there is no such host: check history.dsn"
	}
	return ErrUnreachable, ""
}

func ofPostgres(c string) (error, string) {
	hint := advice[c]
	if hint == "" && len(c) > 1 {
		hint = advice[c[:2]]
	}
	for _, p := range passing {
		if strings.HasPrefix(c, p) {
			return ErrUnreachable, hint
		}
	}
	return ErrRefused, hint
}

func ofSQLite(c int) (error, string) {
	switch c & 0xff {
	case code.SQLITE_BUSY, code.SQLITE_LOCKED:
		return ErrUnreachable, "another program holds the file"
	case code.SQLITE_FULL:
		return ErrUnreachable, "the disk is full: make room"
	case code.SQLITE_IOERR, code.SQLITE_INTERRUPT:
		return ErrUnreachable, ""
	case code.SQLITE_READONLY, code.SQLITE_PERM, code.SQLITE_AUTH:
		return ErrRefused, "the file is read-only: check its owner and permissions"
	case code.SQLITE_CANTOPEN:
		return ErrRefused, "the file cannot be opened: check the folder, its owner and permissions"
	case code.SQLITE_CORRUPT, code.SQLITE_NOTADB:
		return ErrRefused, "the file is damaged or no history: restore it from a backup, or move it away to begin anew"
	}
	return ErrRefused, ""
}

// lasting says that waiting alone does not help.
func lasting(err error) bool { return errors.Is(err, ErrRefused) || errors.Is(err, ErrNewer) }

// firstLine keeps an error short: a log line has one line.
func firstLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	const longest = 400
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

func (d *DB) redact(text string) string {
	for _, s := range d.secrets {
		text = strings.ReplaceAll(text, s, "xxxxx")
	}
	return text
}

// secretsOf returns the forms in which a password could come up.
func secretsOf(dsn, password string) []string {
	secrets := []string{dsn}
	if password != "" {
		secrets = append(secrets, password, url.QueryEscape(password), url.PathEscape(password))
	}
	return secrets
}
