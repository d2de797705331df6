package main

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
	"sync"
	"syscall"
	"time"
)

const channel = "show"

// server is the real program in a folder of its own.
type server struct {
	http, rtmp, srt string
	token           string
	data            string
	process         *exec.Cmd
	lines           *tail
}

// tail keeps what a process says, so that a failure can be explained.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-8192):]
	return len(p), nil
}

func (s *server) log() string {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	return string(s.lines.text)
}

// startServer starts the program and waits until it answers.
func startServer(ctx context.Context, binary string) (*server, error) {
	data, err := os.MkdirTemp("", "cuelight-timeline-")
	if err != nil {
		return nil, err
	}
	s := &server{data: data, lines: new(tail)}
	admin, err := s.addresses()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(data, "cuelight.yaml")
	if err := os.WriteFile(config, []byte("channels:\n  "+channel+":\n    open: true\n"), 0o600); err != nil {
		return nil, err
	}
	s.process = exec.Command(binary, "serve", "--config", config, "--data", data, "--http", s.http, "--rtmp", s.rtmp,
		"--srt", s.srt, "--rtsp", "off", "--admin", admin, "--log-level", "info")
	s.process.Stderr, s.process.Stdout = s.lines, s.lines
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start server (make build makes it): %w", err)
	}
	if err := s.await(ctx, "http://"+admin+"/readyz"); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\nserver: %s", err, s.log())
	}
	out, err := exec.CommandContext(ctx, binary, "token", "producer", "--config", config, "--data", data).Output()
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("make a producer's token: %w", err)
	}
	s.token = string(bytes.TrimSpace(out))
	return s, nil
}

// addresses finds ports that are free now.
func (s *server) addresses() (admin string, err error) {
	for _, a := range []*string{&s.http, &s.rtmp, &s.srt, &admin} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer ln.Close()
		*a = ln.Addr().String()
	}
	return admin, nil
}

func (s *server) await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", ctx.Err())
		case <-poll.C:
		}
	}
}

// ingest is where a protocol's publishers go.
func (s *server) ingest(protocol string) string {
	return map[string]string{"rtmp": s.rtmp, "srt": s.srt}[protocol]
}

// stop ends the server as an operator would, and waits for it.
func (s *server) stop() {
	if s.process.Process.Signal(syscall.SIGTERM) == nil {
		s.process.Wait() // it was told to end: how it does is not measured here
	}
	os.RemoveAll(s.data)
}

// get fetches a path of the server; ok is false while there is nothing.
func (s *server) get(ctx context.Context, path string) (body []byte, ok bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return nil, false, err
	}
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, false, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	return body, answer.StatusCode == http.StatusOK, err
}

func (s *server) getJSON(ctx context.Context, path string, to any) (bool, error) {
	body, ok, err := s.get(ctx, path)
	if err != nil || !ok {
		return false, err
	}
	return true, json.Unmarshal(body, to)
}
