// Package sync_test holds what the rig proves without a browser.
package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
	"github.com/cuelight/cuelight/test/sync/link"
)

const (
	channel = "show"
	// reaction is the same for everybody.
	reaction = 1200 * time.Millisecond
	// bucket is what credited times are told apart by.
	bucket = 50 * time.Millisecond
	// rounds is how many cues are taken.
	rounds = 3
)

// TestSameReactionSameCredit is goal G11: people who react alike are credited
// alike, whatever their line. Real gateway, real sockets, real delays.
func TestSameReactionSameCredit(t *testing.T) {
	s := startServer(t)
	trips := []time.Duration{2, 20, 80, 200, 400} // ms
	credits := &ledger{of: make(map[string]map[time.Duration]wire.Receipt), heard: make(chan struct{}, 64)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for i, trip := range trips {
		trip *= time.Millisecond
		addr := openLink(ctx, t, &running, s.http, trip)
		v := &audience.Viewer{
			URL: "ws://" + addr + "/ws/v1", Channel: channel, Seed: uint64(i),
			Behaviour: func(*rand.Rand, wire.Cue) (audience.Reaction, bool) {
				return audience.Reaction{After: reaction, Choice: []int{0}}, true
			},
			Hooks: audience.Hooks{
				Connected: func(string) { credits.heard <- struct{}{} },
				Receipt:   func(_ string, r wire.Receipt) { credits.enter(trip, r) },
				Refused:   func(_ string, r wire.Refused) { t.Errorf("G11 round trip %v: refused: %+v", trip, r) },
			},
		}
		running.Go(func() {
			if err := v.Run(ctx); err != nil {
				t.Errorf("viewer: %v", err)
			}
		})
	}
	await(t, "everybody to come", credits.heard, len(trips))
	for round := range rounds {
		cue := s.take(round)
		await(t, "all receipts", credits.heard, len(trips))
		first, last := time.Duration(1<<62), time.Duration(-1<<62)
		for trip, r := range credits.all(cue.ID) {
			credited := r.At.Sub(cue.Open)
			t.Logf("round trip %v: credited %v after O", trip, credited)
			first, last = min(first, credited), max(last, credited)
		}
		if last-first > bucket {
			t.Errorf("G11 the same reaction is credited %v apart, at most one bucket (%v) is allowed", last-first, bucket)
		}
		s.close(cue.ID)
	}
}

// ledger is what viewers were credited with, by cue and round trip.
type ledger struct {
	heard chan struct{} // one for every arrival and every receipt

	mu sync.Mutex // protects of
	of map[string]map[time.Duration]wire.Receipt
}

func (l *ledger) enter(trip time.Duration, r wire.Receipt) {
	l.mu.Lock()
	if l.of[r.Cue] == nil {
		l.of[r.Cue] = make(map[time.Duration]wire.Receipt)
	}
	l.of[r.Cue][trip] = r
	l.mu.Unlock()
	l.heard <- struct{}{}
}

func (l *ledger) all(cue string) map[time.Duration]wire.Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[cue]
}

// await takes n signals.
func await(t *testing.T, what string, heard <-chan struct{}, n int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for range n {
		select {
		case <-heard:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// openLink relays to the server with half of trip each way.
func openLink(ctx context.Context, t *testing.T, running *sync.WaitGroup, target string, trip time.Duration) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := link.New(target, link.Way{Delay: trip / 2}, link.Way{Delay: trip / 2})
	running.Go(func() {
		if err := l.Run(ctx, ln); err != nil {
			t.Errorf("link: %v", err)
		}
	})
	return ln.Addr().String()
}

// server is the real binary.
type server struct {
	t           *testing.T
	http, token string
}

func startServer(t *testing.T) *server {
	t.Helper()
	binary, data := filepath.Join(t.TempDir(), "cuelight"), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/cuelight")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s := &server{t: t, http: freeAddr(t)}
	log := new(bytes.Buffer)
	process := exec.Command(binary, "serve", "--data", data, "--http", s.http, "--admin", "off",
		"--rtmp", "off", "--srt", "off", "--rtsp", "off", "--webrtc", "off", "--log-level", "warn")
	process.Stderr = log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Process.Kill()
		process.Wait() // it was killed: there is no other outcome
		if t.Failed() {
			t.Logf("server log:\n%s", log)
		}
	})
	s.ready()
	out, err := exec.CommandContext(t.Context(), binary, "token", "producer", "--data", data).Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	s.token = strings.TrimSpace(string(out))
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// ready waits until the server answers.
func (s *server) ready() {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := http.Get("http://" + s.http + "/studio/"); err == nil {
			answer.Body.Close()
			return
		}
		select {
		case <-deadline:
			s.t.Fatal("the server does not answer")
		case <-poll.C:
		}
	}
}

// take makes a poll and takes it.
func (s *server) take(round int) wire.Cue {
	s.t.Helper()
	var cue wire.Cue
	s.call("", map[string]any{
		"kind": "poll", "title": fmt.Sprintf("Round %d?", round), "options": []string{"North", "South"}, "window_ms": 3000,
	}, &cue)
	s.call("/"+cue.ID+"/take", nil, &cue)
	return cue
}

// close waits until the cue is final and takes it off the screen.
func (s *server) close(cue string) {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if s.ask(http.MethodPost, "/"+cue+"/reveal", nil, nil) == nil {
			return
		}
		select {
		case <-deadline:
			s.t.Fatalf("cue %s is not final", cue)
		case <-poll.C:
		}
	}
}

func (s *server) call(path string, body, answer any) {
	s.t.Helper()
	if err := s.ask(http.MethodPost, path, body, answer); err != nil {
		s.t.Fatal(err)
	}
}

// ask uses the producers' API.
func (s *server) ask(method, path string, body, answer any) error {
	sent := new(bytes.Buffer)
	if body != nil {
		if err := json.NewEncoder(sent).Encode(body); err != nil {
			return err
		}
	}
	url := fmt.Sprintf("http://%s/api/v1/channels/%s/cues%s", s.http, channel, path)
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, sent)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if got.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, got.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
