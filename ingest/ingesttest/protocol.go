package ingesttest

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// Protocol is a server under test.
type Protocol struct {
	// Serve makes the real server on a free loopback port. The suite runs it.
	Serve func(t *testing.T, registry *ingest.Registry, log *slog.Logger) (addr string, server Service)
	// Target returns ffmpeg's output arguments for a stream key, such as
	// CHANNEL:KEY.
	Target func(addr, streamKey string) []string
	// Forms are further outputs that mean channel show with the given key.
	Forms func(addr, key string) [][]string
	// Unsupported are codecs that the protocol can carry and we do not take:
	// name in the refusal → ffmpeg's inputs and codings.
	Unsupported map[string][]string
	// Shows is what ffmpeg prints when it is refused.
	Shows map[ingest.Code]string
	// Wrap is where the protocol's timestamps begin again, and -1 if no encoder
	// can be made to go there.
	Wrap time.Duration
	// Network is "tcp" or "udp", for the garbage.
	Network string
}

// Service is a server that runs until its context ends.
type Service interface {
	Run(ctx context.Context) error
}

// Key of the channel show in the suite.
const Key = "tumbleweed-37"

// rig is one server with one channel.
type rig struct {
	*Recorder           // of channel show
	lobby     *Recorder // of the open channel lobby
	p         Protocol
	registry  *ingest.Registry
	addr      string
	log       *syncBuffer
	stop      func() error // ends the server and returns what Run did
}

func (p Protocol) start(t *testing.T) *rig {
	t.Helper()
	r := &rig{Recorder: NewRecorder(), lobby: NewRecorder(), p: p, log: new(syncBuffer)}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	r.registry, err = ingest.NewRegistry([]ingest.Channel{
		{Name: "show", Key: Key, Output: r.Recorder},
		{Name: "lobby", Open: true, Output: r.lobby},
	}, ingest.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.check(t) }) // runs after the server has stopped
	addr, server := p.Serve(t, r.registry, log)
	r.addr = addr
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return r
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
	if strings.Contains(r.log.String(), Key) {
		t.Errorf("IG17 the log holds the stream key:\n%s", r.log.String())
	}
	if strings.Contains(r.log.String(), "panicked") {
		t.Errorf("a session panicked:\n%s", r.log.String())
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.log.String())
	}
}

func (r *rig) publish(t *testing.T, streamKey string, source ...string) *Encoder {
	t.Helper()
	return Start(t, append(source, r.p.Target(r.addr, streamKey)...)...)
}

// refused runs an encoder that must be turned away.
func (r *rig) refused(t *testing.T, code ingest.Code, streamKey string, source ...string) {
	t.Helper()
	before := r.registry.Counters().Refused[code]
	start := time.Now()
	exit, output := r.publish(t, streamKey, source...).Wait(t)
	t.Logf("refused after %v, exit %d: %s", time.Since(start).Round(10*time.Millisecond), exit, lastLines(output, 4))
	if exit == 0 {
		t.Errorf("ffmpeg ended as if all were well:\n%s", output)
	}
	if want := r.p.Shows[code]; !strings.Contains(output, want) {
		t.Errorf("ffmpeg does not show %q:\n%s", want, output)
	}
	if got := r.registry.Counters().Refused[code]; got == before {
		t.Errorf("not counted as %s: %+v", code, r.registry.Counters())
	}
	if !strings.Contains(r.log.String(), "publisher refused") {
		t.Errorf("no log line")
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

// dial sends garbage and leaves.
func dial(t *testing.T, network, addr string, garbage []byte) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write(garbage) // the server may hang up before it is all sent
}
