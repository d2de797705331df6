package redis

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// go-redis has one place for the whole process where it writes what it thinks,
// and that is standard error. It is taken once and for good; what is written there
// goes to the log of the client that was opened last, or nowhere.
var (
	takeLibrary = sync.OnceFunc(func() { redis.SetLogger(mouth{}) })
	hearing     atomic.Pointer[words]
)

// words is where a client's log gets what go-redis says.
type words struct {
	log    *slog.Logger
	hidden *strings.Replacer // never written
}

// hearLibrary lets a client's log have what go-redis says from now on.
func hearLibrary(cfg Config) *words {
	var pairs []string
	for _, secret := range []string{cfg.Password, cfg.SentinelPassword} {
		if secret != "" {
			pairs = append(pairs, secret, "[hidden]")
		}
	}
	w := &words{log: cfg.Log, hidden: strings.NewReplacer(pairs...)}
	hearing.Store(w)
	takeLibrary()
	return w
}

// end lets nobody have it, unless another client was opened since.
func (w *words) end() { hearing.CompareAndSwap(w, nil) }

// maxSaid is how much of one thing that go-redis says is kept.
const maxSaid = 400

// newPrimary is how go-redis begins to say that Sentinels have named another one.
const newPrimary = "sentinel: new master="

// mouth is what go-redis writes to. Whatever goes wrong comes as an error of a
// call as well, and is told with what to do about it, so it is for those who look
// closely; but nothing else tells of another primary, or of a panic that go-redis
// has recovered from.
type mouth struct{}

// Printf takes what go-redis says.
func (mouth) Printf(ctx context.Context, format string, args ...any) {
	w := hearing.Load()
	if w == nil {
		return
	}
	level := slog.LevelDebug
	switch {
	case strings.HasPrefix(format, newPrimary):
		level = slog.LevelInfo
	case strings.Contains(format, "panic"):
		level = slog.LevelWarn
	}
	if !w.log.Enabled(ctx, level) {
		return
	}
	said := w.hidden.Replace(fmt.Sprintf(format, args...))
	w.log.Log(ctx, level, "redis client", "said", said[:min(len(said), maxSaid)])
}
