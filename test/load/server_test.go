// Package load_test puts the real binary under load and kills it.
package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/freeport"
)

const channel = "show"

// server is the real binary on addresses that stay the same over a restart.
type server struct {
	t            *testing.T
	binary, data string
	http, admin  string
	token        string
	launch       launcher
	end          func() // kills the process and waits for it
	log          *os.File
}

// launcher starts a program whose output goes to log.
type launcher func(program string, args []string, log *os.File) (end func(), err error)

// plain starts it as any shell would.
func plain(program string, args []string, log *os.File) (func(), error) {
	process := exec.Command(program, args...)
	process.Stderr = log
	if err := process.Start(); err != nil {
		return nil, err
	}
	return func() {
		if process.Process.Signal(os.Kill) == nil {
			process.Wait() // it was killed: there is no other outcome
		}
	}, nil
}

// newServer builds the binary and starts it, with its data in a new folder.
func newServer(t *testing.T) *server {
	t.Helper()
	return serverIn(t, t.TempDir(), plain)
}

// serverIn is newServer with its data in a folder that is there.
func serverIn(t *testing.T, data string, launch launcher) *server {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, data: data, http: freeAddr(t), admin: freeAddr(t), log: log, launch: launch}
	if s.binary, err = built(); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server log:\n%s", s.said())
		}
		s.log.Close()
	})
	out, err := exec.CommandContext(t.Context(), s.binary, "token", "producer", "--data", s.data).Output()
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	s.token = strings.TrimSpace(string(out))
	return s
}

// builtAlready names the binary in a process that a test of this package started.
const builtAlready = "CUELIGHT_TEST_BINARY"

// built is the program, made once for all tests.
var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(builtAlready); path != "" {
		return path, nil
	}
	path := filepath.Join(scratch, "cuelight")
	build := exec.Command("go", "build", "-o", path, "./cmd/cuelight")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := freeport.Addr("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// start runs the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	end, err := s.launch(s.binary, []string{
		"serve", "--data", s.data, "--http", s.http, "--admin", s.admin,
		"--rtmp", "off", "--srt", "off", "--rtsp", "off", "--webrtc", "off", "--log-level", "warn",
	}, s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.end = end
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			answer.Body.Close()
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("the server does not answer:\n%s", s.said())
		case <-poll.C:
		}
	}
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	if s.end != nil {
		s.end()
		s.end = nil
	}
}

// said is what the server has written to its log.
func (s *server) said() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// call uses the producers' API of the channel's cues.
func (s *server) call(method, path string, body, answer any) {
	s.t.Helper()
	status, text := s.try(method, "/cues"+path, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d: %s", method, path, status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}

// try uses the producers' API of the channel.
func (s *server) try(method, path string, body any) (status int, text []byte) {
	s.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	url := fmt.Sprintf("http://%s/api/v1/channels/%s%s", s.http, channel, path)
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, sent)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer got.Body.Close()
	if text, err = io.ReadAll(got.Body); err != nil {
		s.t.Fatal(err)
	}
	return got.StatusCode, text
}

func question(slot string, window time.Duration) map[string]any {
	q := map[string]any{
		"kind": "poll", "title": "Which way?", "options": []string{"North", "East", "South", "West"},
		"window_ms": window.Milliseconds(),
	}
	if slot != "" {
		q["slot"] = slot
	}
	return q
}

// onAir takes a poll.
func (s *server) onAir(slot string, window time.Duration) wire.Cue {
	s.t.Helper()
	var cue wire.Cue
	s.call(http.MethodPost, "", question(slot, window), &cue)
	s.call(http.MethodPost, "/"+cue.ID+"/take", nil, &cue)
	return cue
}

// cue is a cue as producers see it.
func (s *server) cue(id string) wire.Cue {
	s.t.Helper()
	var all struct{ Cues []wire.Cue }
	s.call(http.MethodGet, "", nil, &all)
	for _, c := range all.Cues {
		if c.ID == id {
			return c
		}
	}
	s.t.Fatalf("cue %s is not there", id)
	return wire.Cue{}
}

// reaction is how long a person takes to answer: what is quicker is refused.
const reaction = 700 * time.Millisecond

// untilOpen waits for a window, and until a person could have answered.
func (s *server) untilOpen(id string) {
	s.t.Helper()
	await(s.t, "the window", func() bool { return s.cue(id).State == wire.StateOpen })
	<-time.After(reaction)
}

// final waits for a cue's last counts.
func (s *server) final(id string) wire.Tally {
	s.t.Helper()
	var tally wire.Tally
	await(s.t, "the final tally", func() bool {
		s.call(http.MethodGet, "/"+id+"/tally", nil, &tally)
		return tally.Final
	})
	return tally
}
