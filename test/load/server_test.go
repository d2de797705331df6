// Package load_test puts the real binary under load and kills it.
package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const channel = "show"

// server is the real binary on addresses that stay the same over a restart.
type server struct {
	t            *testing.T
	binary, data string
	http, admin  string
	token        string
	process      *exec.Cmd
	log          *bytes.Buffer
}

// newServer builds the binary and starts it.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, data: t.TempDir(), http: freeAddr(t), admin: freeAddr(t), log: new(bytes.Buffer)}
	s.binary = filepath.Join(t.TempDir(), "cuelight")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "./cmd/cuelight")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server log:\n%s", s.log)
		}
	})
	out, err := exec.CommandContext(t.Context(), s.binary, "token", "producer", "--data", s.data).Output()
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

// start runs the server and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command(s.binary, "serve", "--data", s.data, "--http", s.http, "--admin", s.admin,
		"--rtmp", "off", "--srt", "off", "--rtsp", "off", "--webrtc", "off", "--log-level", "warn")
	s.process.Stderr, s.process.Stdout = s.log, io.Discard
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
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
			s.t.Fatalf("the server does not answer:\n%s", s.log)
		case <-poll.C:
		}
	}
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	if s.process.Process.Signal(os.Kill) == nil {
		s.process.Wait() // it was killed: there is no other outcome
	}
}

// call uses the producers' API.
func (s *server) call(method, path string, body, answer any) {
	s.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	url := fmt.Sprintf("http://%s/api/v1/channels/%s/cues%s", s.http, channel, path)
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
	text, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if got.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s: %s", method, path, got.Status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}
