package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/nodeproc"
	"github.com/cuelight/cuelight/internal/redisproc"
)

const channel = "show"

// program is the binary, built once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cuelight-cluster-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "cuelight")
	out, err := exec.Command("go", "build", "-o", file, "../../cmd/cuelight").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if file, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(file))
	}
	os.Exit(code)
}

// stand is the nodes of a show, and where they meet.
type stand struct {
	t        *testing.T
	redis    *redisproc.Server
	leaders  []*nodeproc.Node // engine, studio, ingest, origin
	gateways []*nodeproc.Node
	channel  string // that cues are taken on
	token    string
	crowd    *crowd
}

// channels are what the nodes of most tests serve.
const channels = "channels: {show: {}}"

// newStand starts Redis, two nodes that lead and two that hold viewers. Tests
// wait most of the time, so they run side by side. More are lines of every
// node's settings.
func newStand(t *testing.T, more ...string) *stand {
	t.Helper()
	return newStandOf(t, append([]string{channels}, more...)...)
}

// newStandOf is newStand with all of the settings.
func newStandOf(t *testing.T, settings ...string) *stand {
	t.Helper()
	t.Parallel()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, channel: channel}
	dir := t.TempDir()
	if s.redis, err = redisproc.Start(t.Context(), redisproc.Options{Dir: filepath.Join(dir, "redis"), Args: redisproc.Durable()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.redis.Kill)
	launch := func(name string, roles ...string) *nodeproc.Node {
		n, err := nodeproc.Launch(t.Context(), nodeproc.Options{
			Program: binary, Dir: filepath.Join(dir, name), Name: name, Roles: roles,
			Redis: []string{s.redis.Addr}, Secret: strings.Repeat("k7", 16),
			More: "capacity: {per_address: 5000}\n" + strings.Join(settings, "\n"),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			n.Kill()
			if t.Failed() {
				t.Logf("%s:\n%s", name, n.Said())
			}
		})
		return n
	}
	for _, name := range []string{"leader-1", "leader-2"} {
		s.leaders = append(s.leaders, launch(name, "engine", "studio", "ingest", "origin"))
	}
	for _, name := range []string{"gateway-1", "gateway-2"} {
		s.gateways = append(s.gateways, launch(name, "gateway", "origin"))
	}
	for _, n := range s.nodes() {
		if err := n.AwaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.token, err = s.leaders[0].Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) nodes() []*nodeproc.Node {
	return append(append([]*nodeproc.Node(nil), s.leaders...), s.gateways...)
}

// socket is where a node takes viewers.
func socket(n *nodeproc.Node) string { return "ws" + strings.TrimPrefix(n.Web, "http") + "/ws/v1" }

// anyGateway dials one of the gateways that take connections, as the load
// balancer of a show does.
func (s *stand) anyGateway(ctx context.Context, network, _ string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second}
	var errs []error
	for _, i := range rand.Perm(len(s.gateways)) {
		c, err := d.DialContext(ctx, network, strings.TrimPrefix(s.gateways[i].Web, "http://"))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// leading returns which of the leaders leads the channel, after waiting for one.
func (s *stand) leading() int {
	s.t.Helper()
	leads := -1
	s.until("a node leads", func() bool {
		for i, n := range s.leaders {
			if text, err := s.get(n.Admin + "/metrics"); err == nil && strings.Contains(text, `cuelight_channel_leading{channel="show"} 1`) {
				leads = i
				return true
			}
		}
		return false
	})
	return leads
}

// patience is how long anything may take.
const patience = 20 * time.Second

// until waits for what is to be.
func (s *stand) until(what string, is func() bool) {
	s.t.Helper()
	limit := time.After(patience)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-limit:
			if s.crowd != nil {
				s.t.Logf("viewers: %+v", s.crowd.Stats())
			}
			s.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (s *stand) get(url string) (string, error) {
	_, text, err := s.ask(http.MethodGet, url, "", nil)
	return text, err
}

// fresh opens a connection for each request: nodes come and go.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}

func (s *stand) ask(method, url, key string, body any) (status int, text string, err error) {
	var send io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, "", err
		}
		send = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, send)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// produce gives a command over the n-th leader and repeats it, with one key,
// while another node takes over.
func (s *stand) produce(n int, method, path string, body, into any) {
	s.t.Helper()
	key := fmt.Sprintf("k%d", rand.Uint64())
	var status int
	var text string
	s.until(method+" "+path, func() bool {
		var err error
		status, text, err = s.ask(method, s.leaders[n%len(s.leaders)].Web+"/api/v1/channels/"+s.channel+path, key, body)
		if err != nil { // that node is gone
			n++
			return false
		}
		return status != http.StatusServiceUnavailable
	})
	if status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		s.t.Fatal(err)
	}
}

// take puts a question on air over the n-th leader.
func (s *stand) take(n int, window time.Duration) wire.Cue {
	s.t.Helper()
	var q wire.Cue
	s.produce(n, http.MethodPost, "/cues", map[string]any{
		"kind": "poll", "title": "?", "options": []string{"a", "b", "c"}, "window_ms": window.Milliseconds(),
	}, &q)
	s.produce(n, http.MethodPost, "/cues/"+q.ID+"/take", map[string]any{}, &q)
	return q
}

// final waits for the final count of a cue, as the n-th leader tells it.
func (s *stand) final(n int, cue string) (tally wire.Tally) {
	s.t.Helper()
	s.until("the final count of "+cue, func() bool {
		_, text, err := s.ask(http.MethodGet, s.leaders[n].Web+"/api/v1/channels/"+s.channel+"/cues/"+cue+"/tally", "", nil)
		return err == nil && json.Unmarshal([]byte(text), &tally) == nil && tally.Final
	})
	return tally
}
