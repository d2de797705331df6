package ingesttest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// Key of the channel show in the suite.
const Key = "tumbleweed-37"

// Passphrase of the channel vault in the suite.
const Passphrase = "correct horse battery"

// rig is one server with its channels.
type rig struct {
	*Recorder           // of channel show
	lobby     *Recorder // of the open channel lobby
	vault     *Recorder // of the channel that wants a passphrase
	p         Protocol
	registry  *ingest.Registry
	addr      string
	log       *syncBuffer
	stop      func() error // ends the server and returns what Run did
}

func (p Protocol) start(t *testing.T) *rig { return p.startWith(t, ingest.Config{}, false) }

// startWith starts a server with limits, and channels that can be taken over.
func (p Protocol) startWith(t *testing.T, cfg ingest.Config, takeover bool) *rig {
	t.Helper()
	r := &rig{Recorder: NewRecorder(), lobby: NewRecorder(), vault: NewRecorder(), p: p, log: new(syncBuffer)}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Log = log
	var err error
	r.registry, err = ingest.NewRegistry([]ingest.Channel{
		{Name: "show", Key: Key, Takeover: takeover, Output: r.Recorder},
		{Name: "lobby", Open: true, Output: r.lobby},
		{Name: "vault", Key: "vault-" + Key, Passphrase: Passphrase, Output: r.vault},
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.check(t) }) // runs after the server has stopped
	addr, server := p.Serve(t, r.registry, log)
	r.addr = addr
	r.stop = run(server)
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return r
}

// run runs a server until stop is called, which returns what Run did.
func run(server Service) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-done
	})
}

// check is what must hold after every test.
func (r *rig) check(t *testing.T) {
	h := r.Heard()
	for _, b := range h.Broken {
		t.Errorf("IG10 out of order: %s", b)
	}
	if len(h.Begins) != len(h.Ends) {
		t.Errorf("IG11 %d begins, %d ends", len(h.Begins), len(h.Ends))
	}
	if live := r.registry.Counters().Live; live != 0 {
		t.Errorf("IG11 %d sessions left when the server had stopped", live)
	}
	if strings.Contains(r.log.String(), Key) || strings.Contains(r.log.String(), Passphrase) {
		t.Errorf("IG17 the log holds a secret:\n%s", r.log.String())
	}
	if strings.Contains(r.log.String(), "panicked") {
		t.Errorf("a session panicked:\n%s", r.log.String())
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.log.String())
	}
}

// everything is ffmpeg's inputs and codings of a small picture with a tone.
func (p Protocol) everything() []string { return join(picture, tone, h264, p.sound()) }

func (p Protocol) sound() []string {
	if p.Sound != nil {
		return p.Sound
	}
	return aac
}

func (r *rig) publish(t *testing.T, streamKey string, source ...string) Client {
	t.Helper()
	if r.p.Publish != nil {
		return r.p.Publish(t, r.addr, streamKey, source)
	}
	return Start(t, join(source, r.p.Target(r.addr, streamKey))...)
}

// send publishes a source to channel show.
func (r *rig) send(t *testing.T, s Source) Client {
	t.Helper()
	if s.Publish != nil {
		return s.Publish(t, r.addr, "show:"+Key)
	}
	return r.publish(t, "show:"+Key, s.Args...)
}

// given reports whether there is anything to send.
func (s Source) given() bool { return s.Args != nil || s.Publish != nil }

// refused runs an encoder that must be turned away.
func (r *rig) refused(t *testing.T, code ingest.Code, streamKey string, source ...string) {
	t.Helper()
	before := r.registry.Counters().Refused[code]
	r.turnedAway(t, code, before, r.publish(t, streamKey, source...))
}

func (r *rig) turnedAway(t *testing.T, code ingest.Code, before uint64, c Client) {
	t.Helper()
	start := time.Now()
	exit, output := c.Wait(t)
	t.Logf("refused after %v, exit %d: %s", time.Since(start).Round(10*time.Millisecond), exit, lastLines(output, 4))
	if exit == 0 {
		t.Errorf("the client ended as if all were well:\n%s", output)
	}
	if want := r.p.Shows[code]; !strings.Contains(output, want) {
		t.Errorf("the client does not show %q:\n%s", want, output)
	}
	r.counted(t, string(code), func(s ingest.Snapshot) bool { return s.Refused[code] > before })
	if !strings.Contains(r.log.String(), "publisher refused") {
		t.Errorf("no log line")
	}
}

// counted waits until the counters say so: they are changed when the client
// may already know.
func (r *rig) counted(t *testing.T, what string, enough func(ingest.Snapshot) bool) {
	t.Helper()
	late := time.After(patience)
	for !enough(r.registry.Counters()) {
		select {
		case <-time.After(5 * time.Millisecond): // counters tell nobody that they changed
		case <-late:
			t.Errorf("%s is not counted: %+v", what, r.registry.Counters())
			return
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

func flowing(video, audio int) func(Heard) bool {
	return func(h Heard) bool {
		return len(h.Of(media.Video)) >= video && len(h.Of(media.Audio)) >= audio
	}
}

func ended(n int) func(Heard) bool { return func(h Heard) bool { return len(h.Ends) == n } }
