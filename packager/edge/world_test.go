package edge_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

const first = clock.Ticks(10 * clock.TicksPerSecond)

func onR(t clock.Ticks) clock.Instant { return 1_800_000_000_000_000 + clock.Instant(t.Micros()) }

// world is a network without sockets, so that servers and clients can live in a
// synctest bubble.
type world struct {
	t     testing.TB
	mu    sync.Mutex
	hosts map[string]*host
	wait  sync.WaitGroup
}

// host is a server at a name.
type host struct {
	name   string
	conns  chan net.Conn
	closed chan struct{}
	close  func()
	asked  atomic.Int64
	server *http.Server
}

func newWorld(t testing.TB) *world { return &world{t: t, hosts: map[string]*host{}} }

func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *host) Close() error   { h.close(); return nil }
func (h *host) Addr() net.Addr { return &net.UnixAddr{Name: h.name} }

// serve begins a server, which counts what it is asked.
func (w *world) serve(name string, handler http.Handler) *host {
	h := &host{name: name, conns: make(chan net.Conn), closed: make(chan struct{})}
	h.close = sync.OnceFunc(func() { close(h.closed) })
	h.server = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		handler.ServeHTTP(rw, r)
	})}
	w.mu.Lock()
	w.hosts[name] = h
	w.mu.Unlock()
	w.wait.Go(func() { h.server.Serve(h) })
	return h
}

// kill ends a server and all its connections at once.
func (w *world) kill(h *host) {
	w.mu.Lock()
	delete(w.hosts, h.name)
	w.mu.Unlock()
	h.server.Close()
}

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	name, _, _ := strings.Cut(address, ":")
	w.mu.Lock()
	h := w.hosts[name]
	w.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("nobody is at %s", name)
	}
	ours, theirs := net.Pipe()
	select {
	case h.conns <- theirs:
		return ours, nil
	case <-h.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client is one that connects within the world.
func (w *world) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: w.dial, MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// end ends everything.
func (w *world) end(clients ...*http.Client) {
	for _, c := range clients {
		c.CloseIdleConnections()
	}
	w.mu.Lock()
	for _, h := range w.hosts {
		h.server.Close()
	}
	w.mu.Unlock()
	w.wait.Wait()
}

// got is an answer.
type got struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// fetch asks for a URL, with headers given as name and value in turn.
func fetch(ctx context.Context, c *http.Client, method, url string, headers ...string) got {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return got{err: err}
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return got{resp.StatusCode, resp.Header, body, err}
}

// stage is one channel, "show", on an origin.
type stage struct {
	t testing.TB
	c *packager.Channel
	o *origin.Origin
}

func newStage(t testing.TB, cfg packager.Config, start packager.Start, serve origin.Config) *stage {
	t.Helper()
	cfg.PDT = onR
	c, err := packager.New(cfg, start)
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (*packager.Channel, bool) { return c, name == "show" }
	return &stage{t: t, c: c, o: origin.New(lookup, serve)}
}

// write packages a show at once.
func (s *stage) write(show packagertest.Show) {
	s.t.Helper()
	if err := s.c.Begin(show.Tracks()); err != nil {
		s.t.Fatal(err)
	}
	for _, f := range show.Frames() {
		if err := s.c.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

// seven is a stage with seven seconds of a show: segments 100 to 103 are whole,
// the first of them one part long, and 104 has its first parts.
func seven(t testing.TB) *stage {
	t.Helper()
	s := newStage(t, packager.Config{}, packager.Start{MSN: 100}, origin.Config{})
	s.write(packagertest.Show{Start: first, Duration: 7 * time.Second})
	return s
}

// perform packages a show at its own pace until ctx ends, and tells the channel
// the time.
func (s *stage) perform(ctx context.Context, show packagertest.Show) {
	began := time.Now()
	if err := s.c.Begin(show.Tracks()); err != nil {
		s.t.Error(err)
		return
	}
	for _, f := range show.Frames() {
		due := time.NewTimer(time.Until(began.Add((f.DTS - show.Start).Duration())))
		select {
		case <-due.C:
		case <-ctx.Done():
			due.Stop()
			return
		}
		if err := s.c.Write(f); err != nil {
			s.t.Error(err)
			return
		}
	}
}

// newEdge makes an edge that finds its origin by a function.
func newEdge(t testing.TB, cfg edge.Config) *edge.Edge {
	t.Helper()
	e, err := edge.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// at is an upstream that is always there.
func at(base string) func(string) (string, bool) {
	return func(string) (string, bool) { return base, true }
}
