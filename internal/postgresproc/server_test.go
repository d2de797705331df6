package postgresproc_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cuelight/cuelight/internal/postgresproc"
)

func TestServer(t *testing.T) {
	s, err := postgresproc.Start(t.Context(), postgresproc.Options{Settings: []string{"max_connections=10"}, TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() }) // again, in case the test ends early
	if err := s.Exec(t.Context(), "postgres", "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	t.Run("PP1 what was committed is there after a kill", func(t *testing.T) {
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			t.Error("it listens after it was killed")
			_ = c.Close()
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s.DSN("postgres")); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("PP2 a frozen one answers nothing and goes on after", func(t *testing.T) {
		c, err := pgx.Connect(t.Context(), s.DSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Freeze(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := c.Exec(ctx, "SELECT 1"); err == nil {
			t.Error("it answers")
		}
		if err := s.Thaw(); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s.DSN("postgres")); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("it takes TLS, verified", func(t *testing.T) {
		if n := count(t, s.DSNFor("postgres", s.Password, "postgres", "sslmode=verify-full", "sslrootcert="+s.Authority)); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("PP3 nothing is left", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			t.Error("it listens")
			_ = c.Close()
		}
		if _, err := os.Stat(filepath.Dir(s.Authority)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("its folder: %v", err)
		}
	})
}

func count(t *testing.T, dsn string) (n int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
