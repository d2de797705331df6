package gateway_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// room is a gateway.Room made of functions; nil ones do the obvious.
type room struct {
	join   func(ctx context.Context, participant, role string) (wire.Welcome, error)
	answer func(a interact.Answer, done func(interact.Receipt, error))
	opened func(o interact.Opening)
	closed func(c interact.Closing)
	left   func(participant string)
}

func (r *room) Closed(c interact.Closing) {
	if r.closed != nil {
		r.closed(c)
	}
}

func (r *room) Left(participant string) {
	if r.left != nil {
		r.left(participant)
	}
}

func (r *room) Join(ctx context.Context, participant, role string) (wire.Welcome, error) {
	if r.join == nil {
		return wire.Welcome{Title: "Tonight"}, nil
	}
	return r.join(ctx, participant, role)
}

func (r *room) AnswerTo(a interact.Answer, to interact.Settler) {
	done := func(receipt interact.Receipt, err error) {
		receipt.ID, receipt.Cue = a.ID, a.Cue
		to.Settle(receipt, err)
	}
	if r.answer == nil {
		done(receiptFor(a), nil)
		return
	}
	r.answer(a, done)
}

func (r *room) Opened(o interact.Opening) {
	if r.opened != nil {
		r.opened(o)
	}
}

func receiptFor(a interact.Answer) interact.Receipt {
	return interact.Receipt{ID: a.ID, Cue: a.Cue, Participant: a.Participant, Choice: a.Choice, Seq: 1, Credited: a.Received, Level: interact.LevelLog}
}

// rig is a gateway on an in-memory network, inside a synctest bubble.
type rig struct {
	t    *testing.T
	g    *gateway.Gateway
	ln   *pipeListener
	keys *token.Keys
	stop func() error // ends Run and waits
}

const base = clock.Instant(1_795_410_000_000_000)

// inRig runs f in a bubble with channel "show" backed by r.
func inRig(t *testing.T, r *room, change func(*gateway.Config), f func(*rig)) {
	t.Helper()
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := gateway.Config{
			Rooms: func(channel string) (gateway.Room, bool) { return r, channel == "show" || channel == "other" },
			Clock: clock.NewRoom(time.Now(), base, 7), Tokens: keys,
		}
		if change != nil {
			change(&cfg)
		}
		g, err := gateway.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- g.Run(ctx) }()
		ln := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: g}
		go srv.Serve(ln)
		rig := &rig{t: t, g: g, ln: ln, keys: keys}
		rig.stop = sync.OnceValue(func() error { cancel(); return <-ran })
		defer srv.Close()
		defer func() {
			if err := rig.stop(); err != nil {
				t.Errorf("GW12 Run: %v", err)
			}
		}()
		f(rig)
	})
}

// pipeListener hands out the far ends of net.Pipe: nothing is buffered, so a
// peer that does not read blocks the writer at once.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	wrap   func(far net.Conn) net.Conn // may be nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	near, end := net.Pipe()
	far := end
	if l.wrap != nil {
		far = l.wrap(end)
	}
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// client is one end user's socket.
type client struct {
	t     *testing.T
	ws    *websocket.Conn
	codec wire.Codec
	got   chan frame // closed at the end; the last one may hold an error
	// graces are kept apart: they come whenever the line was measured.
	graces chan frame
}

type frame struct {
	msg  wire.Message
	pong *wire.Pong
	err  error
	at   time.Time
}

func (r *rig) handshake(header http.Header) (*websocket.Conn, *http.Response, error) {
	return r.handshakeAs(header, wire.Subprotocol)
}

// handshakeAs asks for subprotocols, the dearest first.
func (r *rig) handshakeAs(header http.Header, subprotocols ...string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{NetDialContext: r.ln.dial, Subprotocols: subprotocols}
	return d.Dial("ws://show.test/ws/v1", header)
}

// dial opens a socket that nobody reads yet.
func (r *rig) dial(header http.Header) *client {
	r.t.Helper()
	return r.dialAs(header, wire.JSON)
}

// dialAs is dial for another codec.
func (r *rig) dialAs(header http.Header, codec wire.Codec) *client {
	r.t.Helper()
	ws, _, err := r.handshakeAs(header, codec.Subprotocol())
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	r.t.Cleanup(func() { ws.Close() })
	return &client{t: r.t, ws: ws, codec: codec, got: make(chan frame, 4096), graces: make(chan frame, 64)}
}

// listen starts reading.
func (c *client) listen() *client {
	go func() {
		defer close(c.got)
		for {
			f := c.read()
			if _, ok := f.msg.(*wire.Grace); ok {
				c.graces <- f
				continue
			}
			c.got <- f
			if f.err != nil {
				c.ws.Close()
				return
			}
		}
	}()
	return c
}

func (c *client) read() frame {
	kind, data, err := c.ws.ReadMessage()
	f := frame{at: time.Now(), err: err}
	switch {
	case err != nil:
	case kind == websocket.BinaryMessage && (!c.codec.Binary() || len(data) > 0 && data[0] == 2):
		var pong wire.Pong
		pong, f.err = wire.ParsePong(data)
		f.pong = &pong
	default:
		f.msg, _, f.err = c.codec.DecodeServer(data)
	}
	return f
}

func (c *client) say(m wire.Message) {
	c.t.Helper()
	data, err := c.codec.Encode(m)
	if err != nil {
		c.t.Fatal(err)
	}
	kind := websocket.TextMessage
	if c.codec.Binary() {
		kind = websocket.BinaryMessage
	}
	c.write(kind, data)
}

// write ignores errors: what the server closed shows when reading.
func (c *client) write(kind int, data []byte) { _ = c.ws.WriteMessage(kind, data) }

// next waits for the next frame that is not a clock reply.
func (c *client) next() wire.Message {
	c.t.Helper()
	f, ok := <-c.got
	if !ok || f.err != nil {
		c.t.Fatalf("socket ended: %v", f.err)
	}
	if f.msg == nil {
		c.t.Fatalf("clock reply %+v where a message was due", f.pong)
	}
	return f.msg
}

func expect[M wire.Message](c *client) M {
	c.t.Helper()
	m := c.next()
	want, ok := m.(M)
	if !ok {
		c.t.Fatalf("got %s %+v, want %s", m.Type(), m, want.Type())
	}
	return want
}

// quiet checks that nothing more has come.
func (c *client) quiet() {
	c.t.Helper()
	synctest.Wait()
	select {
	case f := <-c.got:
		c.t.Errorf("got %+v (%v), want nothing", f.msg, f.err)
	default:
	}
}

// closed waits for Bye and the close frame and returns Bye (GW9).
func (c *client) closed(want wire.CloseCode) *wire.Bye {
	c.t.Helper()
	bye := expect[*wire.Bye](c)
	if bye.Code != int(want) || bye.Reconnect != want.Reconnect() || bye.Reason == "" {
		c.t.Errorf("GW9 bye = %+v, want code %d", bye, want)
	}
	f := <-c.got
	end, ok := errors.AsType[*websocket.CloseError](f.err)
	if !ok || end.Code != int(want) || end.Text != want.String() {
		c.t.Errorf("GW9 after bye: %+v %v, want a close frame with %d", f.msg, f.err, want)
	}
	return bye
}

// viewer opens a socket and joins channel "show".
func (r *rig) viewer(tok string) (*client, *wire.Welcome) {
	r.t.Helper()
	c := r.dial(nil).listen()
	c.say(&wire.Hello{Version: wire.Version, Channel: "show", Token: tok})
	return c, expect[*wire.Welcome](c)
}

func (r *rig) producer() *client {
	r.t.Helper()
	c := r.dial(nil).listen()
	c.say(&wire.Hello{Version: wire.Version, Channel: "show", Role: wire.RoleProducer, Token: r.token(token.RoleProducer, "producer")})
	expect[*wire.Welcome](c)
	return c
}

func (r *rig) token(role, subject string, channels ...string) string {
	r.t.Helper()
	now := time.Now()
	tok, err := r.keys.Mint(token.Claims{Role: role, Subject: subject, Channels: channels, Expires: now.Add(30 * 24 * time.Hour)}, now)
	if err != nil {
		r.t.Fatal(err)
	}
	return tok
}

func cueChanged(id string, state wire.State) *wire.CueChanged {
	return &wire.CueChanged{Cue: wire.Cue{ID: id, Rev: 1, Kind: "poll", Policy: "wall", State: state, Choices: 2, Results: "live"}}
}

func answer(id string, choice ...int) *wire.Answer {
	return &wire.Answer{ID: id, Cue: "c1", Rev: 1, Choice: choice}
}

func TestConfigRefuses(t *testing.T) {
	_, err := gateway.New(gateway.Config{
		Origins: []string{"example.com", "https://ok.example", "*"},
		Tenants: map[string]gateway.TenantLimits{"ann": {Answers: -1}, "bob": {}},
	})
	for _, what := range []string{`"example.com"`, "clock", "tenants: tenant", "tenants.ann"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("err = %v, want every problem named, %s too", err, what)
		}
	}
}
