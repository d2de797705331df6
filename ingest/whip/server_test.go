package whip_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/internal/media"
)

const key = ingesttest.Key

// rig is a server with the channels show, solo (takeover) and lobby (open).
type rig struct {
	*ingesttest.Recorder // of channel show
	solo                 *ingesttest.Recorder
	registry             *ingest.Registry
	server               *whip.Server
	url                  string
	log                  *logBuffer
	stop                 func() error
	panics               bool // as it should
}

func start(t *testing.T, cfg whip.Config) *rig {
	t.Helper()
	return startWith(t, cfg, ingest.Config{})
}

func startWith(t *testing.T, cfg whip.Config, limits ingest.Config) *rig {
	t.Helper()
	r := &rig{Recorder: ingesttest.NewRecorder(), solo: ingesttest.NewRecorder(), log: &logBuffer{changed: make(chan struct{})}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	limits.Log = log
	var err error
	r.registry, err = ingest.NewRegistry([]ingest.Channel{
		{Name: "show", Key: key, Output: r.Recorder},
		{Name: "solo", Key: "solo-" + key, Takeover: true, Output: r.solo},
		{Name: "lobby", Open: true, Output: ingesttest.NewRecorder()},
		{Name: "fragile", Key: "fragile-" + key, Output: fragile{ingesttest.NewRecorder()}},
	}, limits)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = log
	if cfg.UDPAddr == "" {
		cfg.UDPAddr = "127.0.0.1:0"
	}
	if r.server, err = whip.New(r.registry, cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { r.finish(t) })
	r.url = web(t, r.server)
	return r
}

// finish stops the server and checks what must hold after every test.
func (r *rig) finish(t *testing.T) {
	if err := r.stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	h := r.Heard()
	for _, b := range h.Broken {
		t.Errorf("IG10 out of order: %s", b)
	}
	if live := r.registry.Counters().Live; live != 0 || len(h.Begins) != len(h.Ends) {
		t.Errorf("IG11 %d sessions left, %d begins, %d ends", live, len(h.Begins), len(h.Ends))
	}
	if strings.Contains(r.log.String(), key) {
		t.Errorf("IG17 the log holds the stream key:\n%s", r.log.String())
	}
	if strings.Contains(r.log.String(), "panicked") != r.panics {
		t.Errorf("a session panicked:\n%s", r.log.String())
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.log.String())
	}
}

func (r *rig) endpoint(channel string) string { return r.url + "/whip/" + channel }

func flowing(video, audio int) func(ingesttest.Heard) bool {
	return func(h ingesttest.Heard) bool {
		return len(h.Of(media.Video)) >= video && len(h.Of(media.Audio)) >= audio
	}
}

func ended(n int) func(ingesttest.Heard) bool {
	return func(h ingesttest.Heard) bool { return len(h.Ends) == n }
}

// logBuffer is written by loggers while tests read it.
type logBuffer struct {
	mu      sync.Mutex // protects what follows
	buf     bytes.Buffer
	changed chan struct{} // closed by the next write
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	s, _ := b.look()
	return s
}

func (b *logBuffer) look() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String(), b.changed
}

// await waits for a line with this text.
func (b *logBuffer) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(patience)
	for {
		s, changed := b.look()
		if strings.Contains(s, text) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no line %q within %v", text, patience)
		}
	}
}
