package history_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/internal/postgresproc"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestPostgresErrors checks that each says what to do and no secret.
func TestPostgresErrors(t *testing.T) {
	s := server(t, fragile)
	plain := server(t, shared) // without TLS
	const secret = "p@ss/w:rd?&'% x"
	for _, q := range []string{
		"CREATE ROLE guest LOGIN PASSWORD 'p@ss/w:rd?&''% x'", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'",
		"CREATE DATABASE frozen", "ALTER DATABASE frozen SET default_transaction_read_only = on",
		"CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
	} {
		if err := s.Exec(t.Context(), "postgres", q); err != nil {
			t.Fatal(err)
		}
	}
	if err := plain.Exec(t.Context(), "postgres", "CREATE ROLE guest LOGIN PASSWORD 'p@ss/w:rd?&''% x'"); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	elsewhere := func(s *postgresproc.Server, addr string) string {
		return strings.Replace(s.DSNFor("guest", secret, "postgres", "sslmode=disable"), s.Addr, addr, 1)
	}
	verified := "sslrootcert=" + s.Authority
	for _, tc := range []struct {
		name, dsn string
		kind      error
		words     []string
	}{
		{"wrong password", s.DSNFor("guest", secret+"!", "postgres", "sslmode=disable"), history.ErrRefused, []string{"password is wrong"}},
		{"no such user", s.DSNFor("nobody", secret, "postgres", "sslmode=disable"), history.ErrRefused, []string{"check user and password"}},
		{"no such database", s.DSNFor("guest", secret, "nowhere", "sslmode=disable"), history.ErrRefused, []string{"no such database", "createdb"}},
		{"no permission to make tables", s.DSNFor("guest", secret, "postgres", "sslmode=disable"), history.ErrRefused, []string{"permission", "GRANT"}},
		{"no permission to connect", s.DSNFor("guest", secret, "closed", "sslmode=disable"), history.ErrRefused, []string{"permission"}},
		{"read-only", s.DSNFor("postgres", s.Password, "frozen", "sslmode=disable"), history.ErrUnreachable, []string{"read-only", "primary"}},
		{"encoding", s.DSNFor("postgres", s.Password, "latin", "sslmode=disable"), history.ErrRefused, []string{"LATIN1", "UTF8"}},
		{"TLS that is not there", plain.DSNFor("guest", secret, "postgres", "sslmode=require"), history.ErrRefused, []string{"TLS", "ssl=on"}},
		{"TLS that is not trusted", s.DSNFor("guest", secret, "postgres", "sslmode=verify-full"), history.ErrRefused, []string{"certificate", "sslrootcert"}},
		{"TLS for another name", strings.Replace(s.DSNFor("guest", secret, "postgres", "sslmode=verify-full", verified), "127.0.0.1", "localhost", 1), history.ErrRefused, []string{"certificate"}},
		{"nobody listens", elsewhere(s, "127.0.0.1:1"), history.ErrUnreachable, []string{"refused"}},
		{"no answer", elsewhere(s, silent.Addr().String()), history.ErrUnreachable, []string{"in time"}},
		{"not a DSN", "postgres://guest:" + secret + "@[::1/x", history.ErrRefused, []string{"history.dsn", "postgres://user:password@host/database"}},
		{"not a setting", "host=localhost password='p@ss/w:rd?&\\'% x' sslmode=perhaps", history.ErrRefused, []string{"history.dsn"}},
	} {
		t.Run("HI12 "+tc.name, func(t *testing.T) {
			patience := 20 * time.Second
			if tc.name == "no answer" {
				patience = 200 * time.Millisecond
			}
			_, err := history.Open(t.Context(), history.Config{DSN: tc.dsn, Timeout: patience})
			mustContain(t, err, tc.kind, tc.words...)
			for _, leak := range []string{secret, "p%40ss", s.Password, plain.Password, "w:rd"} {
				if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), leak) {
					t.Errorf("%q names %q", err, leak)
				}
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than a line", err)
			}
		})
	}
	t.Run("HI12 TLS that is trusted", func(t *testing.T) {
		open(t, history.Config{DSN: empty(t, s, "sslmode=verify-full", verified)})
	})
	t.Run("HI12 an owner without other rights is enough", func(t *testing.T) {
		if err := s.Exec(t.Context(), "postgres", "CREATE DATABASE mine OWNER guest"); err != nil {
			t.Fatal(err)
		}
		db, v := open(t, history.Config{DSN: s.DSNFor("guest", secret, "mine", "sslmode=disable")}), newVenue()
		v.do("take", "c1", start, nil)
		v.finish("c1", start, 3, false)
		recordAll(t, db, v, nil)
		if _, err := db.Erase(t.Context(), "p000001"); err != nil {
			t.Error(err)
		}
		if n, err := db.DeleteShows(t.Context(), start+100*hour); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("HI12 no connection to spare", func(t *testing.T) {
		var taken []*sql.Conn
		busy := sqlDB(t, "pgx", s.DSN("postgres"))
		for {
			c, err := busy.Conn(t.Context())
			if err != nil {
				break
			}
			taken = append(taken, c)
		}
		_, err := history.Open(t.Context(), history.Config{DSN: s.DSNFor("guest", secret, "postgres", "sslmode=disable")})
		mustContain(t, err, history.ErrUnreachable, "max_connections")
		for _, c := range taken {
			_ = c.Close()
		}
	})
}

func TestSQLiteErrors(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path  string
		words []string
	}{
		"a folder":     {folder, []string{"cannot be opened"}},
		"below a file": {filepath.Join(text, "x.db"), []string{"cannot be opened"}},
		"no database":  {text, []string{"no history", "backup"}},
	} {
		t.Run("HI12 "+name, func(t *testing.T) {
			_, err := history.Open(t.Context(), history.Config{Path: tc.path})
			mustContain(t, err, history.ErrRefused, tc.words...)
		})
	}
	t.Run("HI12 held by another program", func(t *testing.T) {
		place := history.Config{Path: filepath.Join(folder, "held.db"), Timeout: 200 * time.Millisecond}
		db := open(t, place)
		other := sqlDB(t, "sqlite", place.Path)
		held, err := other.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := held.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			t.Fatal(err)
		}
		_, err = db.Erase(t.Context(), "x")
		mustContain(t, err, history.ErrUnreachable, "another program")
		if _, err := held.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Erase(t.Context(), "x"); err != nil {
			t.Errorf("HI11 after that: %v", err)
		}
	})
}

// TestNewerSchema has a history that the next release has been at.
func TestNewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		place := e.place(t)
		running, v := open(t, place), newVenue()
		if _, err := e.look(t, place).ExecContext(t.Context(), "INSERT INTO cuelight_schema (version_id, is_applied) VALUES (99, true)"); err != nil {
			t.Fatal(err)
		}
		_, err := history.Open(t.Context(), place)
		mustContain(t, err, history.ErrNewer, "99", "run that version", "nothing is lost")
		// One that runs already goes on: steps only add.
		v.finish("c1", start, 2, false)
		recordAll(t, running, v, nil)
		later, err := history.New(place)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = later.Close() })
		r := record(t, later, v, nil)
		h := r.until(t, "in trouble", func(h history.Health) bool { return h.Trouble != "" })
		if !h.Lasting {
			t.Errorf("HI1 health %+v", h)
		}
	})
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]history.Config{
		"dsn, path":   {},
		"dsn":         {DSN: "postgres://x", Path: "y"},
		"timeout":     {Path: "y", Timeout: time.Millisecond},
		"connections": {Path: "y", Connections: 1},
	} {
		if _, err := history.New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := history.NewRecorder(history.RecorderConfig{Quiet: time.Second, Every: -1})
	for _, name := range []string{"source", "quiet", "every"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEndedContext has callers that do not wait.
func TestEndedContext(t *testing.T) {
	onBoth(t, func(t *testing.T, e means) {
		db := open(t, e.place(t))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, err := range map[string]error{
			"shows":   errorOf(db.Shows(ctx, history.ShowsQuery{})),
			"erase":   errorOf(db.Erase(ctx, "x")),
			"delete":  errorOf(db.DeleteShows(ctx, clock.Instant(5))),
			"answers": db.Answers(ctx, "show", "c1", func(history.Answer) error { return nil }),
		} {
			if !errors.Is(err, context.Canceled) || errors.Is(err, history.ErrUnreachable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func errorOf[T any](_ T, err error) error { return err }
