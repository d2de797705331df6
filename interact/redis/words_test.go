package redis_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// TestWordsOfTheLibrary wants what go-redis says in the log of the client, at the
// level that is due, and no password in it.
func TestWordsOfTheLibrary(t *testing.T) {
	s := serve(t, redisproc.Options{Password: "swordfish", Args: []string{"--requirepass", "swordfish"}})
	var said bytes.Buffer
	cfg := redisstore.Config{
		Addresses: []string{s.Addr}, Level: interact.LevelMemory, Password: "swordfish",
		Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	c, err := redisstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, format string
		args         []any
		want         string
	}{
		{"trouble", "pool: dial of %s failed", []any{"here"}, "level=DEBUG msg=\"redis client\" said=\"pool: dial of here failed\""},
		{"another primary", "sentinel: new master=%q addr=%q", []any{"m", "a:1"}, "level=INFO"},
		{"a panic", "recovered from a panic: %v", []any{"x"}, "level=WARN"},
		{"a password", "auth with %s failed", []any{"swordfish"}, "auth with [hidden] failed"},
		{"much", "%s", []any{strings.Repeat("x", 5000)}, "x\n"},
	} {
		said.Reset()
		redisstore.SayAsLibrary(tc.format, tc.args...)
		if got := said.String(); !strings.Contains(got, tc.want) || strings.Contains(got, "swordfish") || len(got) > 600 {
			t.Errorf("BA32 %s: %.700s", tc.name, got)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	said.Reset()
	if redisstore.SayAsLibrary("afterwards"); said.Len() > 0 {
		t.Errorf("BA32 after the end: %s", &said)
	}
}
