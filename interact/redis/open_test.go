package redis_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// serve starts a server of the test's own.
func serve(t *testing.T, opt redisproc.Options) *redisproc.Server {
	t.Helper()
	opt.Dir = t.TempDir()
	s, err := redisproc.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// open connects to a server, or to what the configuration says.
func open(t *testing.T, cfg redisstore.Config) *redisstore.Client {
	t.Helper()
	c, err := redisstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestOpen(t *testing.T) {
	s := serve(t, redisproc.Options{Args: redisproc.Durable()})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}})
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if got := c.Level(); got != interact.LevelLog {
		t.Errorf("level = %q", got)
	}
}

func TestWarm(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Connections: 5})
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Connections; got != 5 {
		t.Errorf("%d connections are open, want 5", got)
	}
	s.Kill()
	if err := c.Warm(t.Context()); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("without a server: %v", err)
	}
	if err := c.Ping(t.Context()); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("ping: %v", err)
	}
}
