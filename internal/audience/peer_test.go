package audience_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const epochStart = clock.Instant(1_795_410_000_000_000)

// peer is a server that says what a test tells it to.
type peer struct {
	t       testing.TB
	room    *clock.Room
	welcome func(h wire.Hello) *wire.Welcome
	answer  func(c *peerConn, a wire.Answer)
	heard   func(s wire.Status) // may be nil

	mu      sync.Mutex // protects what follows
	hellos  []wire.Hello
	opened  []wire.Opened
	closed  []wire.Closed
	status  []wire.Status
	answers []stamped
	byes    []int // codes with which viewers closed
	conns   map[*peerConn]bool
	refuse  int // HTTP status for new connections
}

type stamped struct {
	wire.Answer
	at clock.Instant
}

type peerConn struct {
	ws *websocket.Conn
	mu sync.Mutex // held while writing
}

func newPeer(t testing.TB) *peer {
	p := &peer{t: t, room: clock.NewRoom(time.Now(), epochStart, 7), conns: make(map[*peerConn]bool)}
	p.welcome = func(h wire.Hello) *wire.Welcome { return p.hall(h) }
	p.answer = func(c *peerConn, a wire.Answer) {
		c.send(p.t, &wire.Receipt{ID: a.ID, Cue: a.Cue, Choice: a.Choice, Seq: 1, At: a.At, Level: "log"})
	}
	return p
}

// hall is a welcome without anything going on.
func (p *peer) hall(h wire.Hello, cues ...wire.Cue) *wire.Welcome {
	token := h.Token
	if token == "" {
		token = "token-1"
	}
	return &wire.Welcome{
		Version: wire.Version, Channel: h.Channel, Role: wire.RoleViewer, Participant: "p-" + token, Token: token,
		ClockEpoch: p.room.Epoch(), Now: p.now(), Cues: cues,
	}
}

func (p *peer) now() clock.Instant { return p.room.At(time.Now()) }

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status := p.refuse
	p.mu.Unlock()
	if status != 0 {
		http.Error(w, "no", status)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{wire.Subprotocol}, ReadBufferSize: 512, WriteBufferSize: 512}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		p.t.Errorf("upgrade: %v", err)
		return
	}
	c := &peerConn{ws: ws}
	p.mu.Lock()
	p.conns[c] = true
	p.mu.Unlock()
	err = p.serve(c)
	ws.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	if ce, ok := err.(*websocket.CloseError); ok {
		p.byes = append(p.byes, ce.Code)
	}
}

func (p *peer) serve(c *peerConn) error {
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			return err
		}
		received := p.now()
		if kind == websocket.BinaryMessage {
			ping, err := wire.ParsePing(data)
			if err != nil {
				p.t.Errorf("a viewer sent %x", data)
			}
			c.write(kind, wire.Pong{Ping: ping, Received: received, Replied: p.now(), ClockEpoch: p.room.Epoch()}.Append(nil))
			continue
		}
		msg, err := wire.DecodeClient(data)
		if err != nil {
			p.t.Errorf("a viewer sent %s: %v", data, err)
			return err
		}
		p.take(c, msg, received)
	}
}

func (p *peer) take(c *peerConn, msg wire.Message, at clock.Instant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m := msg.(type) {
	case *wire.Hello:
		p.hellos = append(p.hellos, *m)
		if w := p.welcome(*m); w != nil {
			c.send(p.t, w)
		}
	case *wire.Opened:
		p.opened = append(p.opened, *m)
	case *wire.Closed:
		p.closed = append(p.closed, *m)
	case *wire.Status:
		p.status = append(p.status, *m)
		if p.heard != nil {
			p.heard(*m)
		}
	case *wire.Answer:
		p.answers = append(p.answers, stamped{*m, at})
		p.answer(c, *m)
	}
}

func (c *peerConn) send(t testing.TB, m wire.Message) {
	data, err := wire.Encode(m)
	if err != nil {
		t.Errorf("encode: %v", err)
	}
	c.write(websocket.TextMessage, data)
}

// write may fail: a viewer may be gone.
func (c *peerConn) write(kind int, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteMessage(kind, data)
}

func (c *peerConn) close(code wire.CloseCode) {
	frame := websocket.FormatCloseMessage(int(code), code.String())
	_ = c.ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(time.Second))
	c.ws.Close()
}

// each calls f with every connection.
func (p *peer) each(f func(c *peerConn)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		f(c)
	}
}

func (p *peer) broadcast(m wire.Message) { p.each(func(c *peerConn) { c.send(p.t, m) }) }

// see returns what f reads, with the peer at rest.
func see[T any](p *peer, f func(p *peer) T) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return f(p)
}

// memory is a network inside a synctest bubble.
type memory struct{ calls chan net.Conn }

func (m memory) Accept() (net.Conn, error) {
	c, ok := <-m.calls
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (m memory) Close() error   { return nil }
func (m memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.calls <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inMemory serves p until the test ends.
func inMemory(t *testing.T, p *peer) memory {
	m := memory{calls: make(chan net.Conn)}
	srv := &http.Server{Handler: p}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(m) //nolint:errcheck // it ends with the test
	}()
	t.Cleanup(func() {
		close(m.calls)
		srv.Close()
		<-done
	})
	return m
}

// onLoopback serves p on a real socket until the test ends.
func onLoopback(t *testing.T, p *peer) string {
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http") + "/ws/v1"
}
