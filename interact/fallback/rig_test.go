package fallback_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

const ms = time.Millisecond

// roomStart is what the room clock shows when a rig begins.
const roomStart = clock.Instant(1_795_410_000_000_000)

// rig is an engine, a gateway and its streams on an in-memory network, inside a
// synctest bubble: all real but the network and the disk.
type rig struct {
	*testing.T
	room    *engine.Room
	gateway *gateway.Gateway
	streams *fallback.Streams
	clock   *clock.Room
	ln      *pipeListener
	// stop ends the gateway and waits for it.
	stop func()
}

// change is what a test has otherwise than the rest.
type change struct {
	gateway func(*gateway.Config)
	streams func(*fallback.Config)
}

// keys are opened once: that waits for the disk.
var keys *token.Keys

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cuelight-fallback-")
	if err == nil {
		keys, err = token.Open(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// inRig runs f in a bubble with channel "show".
func inRig(t *testing.T, c change, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, clock: clock.NewRoom(time.Now(), roomStart, 7)}
		defer r.assemble(c)()
		f(r)
	})
}

// assemble starts all and returns how to stop it.
func (r *rig) assemble(c change) (stop func()) {
	r.Helper()
	cfg := gateway.Config{
		Rooms: func(channel string) (gateway.Room, bool) { return r.room, channel == "show" },
		Clock: r.clock, Tokens: keys, Origins: []string{"https://partner.example"},
	}
	if c.gateway != nil {
		c.gateway(&cfg)
	}
	var err error
	r.gateway, err = gateway.New(cfg)
	r.must(err)
	e, err := engine.New(r.Context(), engine.Config{
		Store: new(interacttest.Memory), Clock: r.clock, Broadcaster: r.gateway,
		Channels: []engine.Channel{{Name: "show", Title: "Tonight", Latency: 3 * time.Second}},
	})
	r.must(err)
	r.room, _ = e.Room("show")
	streams := fallback.Config{Gateway: r.gateway, Clock: r.clock, Origins: fallback.NewOrigins(cfg.Origins)}
	if c.streams != nil {
		c.streams(&streams)
	}
	r.streams, err = fallback.New(streams)
	r.must(err)
	return r.run(e)
}

// run runs all and returns how to stop it.
func (r *rig) run(e *engine.Engine) (stop func()) {
	r.ln = &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("/ws/v1", r.gateway)
	mux.Handle("/", r.streams)
	srv := &http.Server{Handler: mux}
	go srv.Serve(r.ln) // ends with Close

	var running sync.WaitGroup
	rooms, stopRooms := context.WithCancel(r.Context())
	sockets, stopSockets := context.WithCancel(r.Context())
	running.Go(func() { r.must(e.Run(rooms)) })
	served := make(chan struct{})
	running.Go(func() { defer close(served); r.must(r.gateway.Run(sockets)) })
	r.stop = func() { stopSockets(); <-served }
	return func() {
		r.stop()
		stopRooms()
		srv.Close()
		running.Wait()
		time.Sleep(time.Second) // net/http lingers on connections that it closes
		synctest.Wait()
		if open := r.streams.Stats().Open; open != 0 {
			r.Errorf("FB1 %d streams after the gateway has gone", open)
		}
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Error(err)
	}
}

func (r *rig) now() clock.Instant { return r.clock.At(time.Now()) }

// pipeListener hands out the far ends of net.Pipe: nothing is buffered, so a
// peer that does not read blocks the writer at once.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
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
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// post sends a request on a connection of its own. The body of the answer is
// the caller's to close.
func (r *rig) post(path string, body []byte, header ...string) *http.Response {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "http://show.test"+path, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{Transport: &http.Transport{DialContext: r.ln.dial, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		r.Fatalf("POST %s: %v", path, err)
	}
	return resp
}

// said is post for an answer that ends.
func (r *rig) said(path string, body []byte, header ...string) (*http.Response, string) {
	r.Helper()
	resp := r.post(path, body, header...)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp, string(text)
}

// refused checks an answer that is an error.
func (r *rig) refused(resp *http.Response, text string, status int, code interact.Code) {
	r.Helper()
	var got struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		r.Fatalf("error body %q: %v", text, err)
	}
	if resp.StatusCode != status || got.Error.Code != string(code) || got.Error.Message == "" {
		r.Errorf("answer %d %+v, want %d %s", resp.StatusCode, got.Error, status, code)
	}
}

// event is one of a stream. Its data is nil for a comment.
type event struct {
	name string
	data []byte
	at   time.Time
}

// stream is one end user's stream.
type stream struct {
	*rig
	resp    *http.Response
	lines   *bufio.Scanner
	session string
	got     chan event // closed at the end
	pings   chan event
}

// hello is what a viewer says first.
func hello(change ...func(*wire.Hello)) *wire.Hello {
	h := &wire.Hello{Version: wire.Version, Channel: "show"}
	for _, c := range change {
		c(h)
	}
	return h
}

func (r *rig) encode(m wire.Message) []byte {
	r.Helper()
	data, err := wire.Encode(m)
	if err != nil {
		r.Fatal(err)
	}
	return data
}

// open opens a stream that nobody reads yet.
func (r *rig) open(h *wire.Hello, header ...string) *stream {
	r.Helper()
	resp := r.post(fallback.PathStream, r.encode(h), header...)
	r.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body) // for the reader of the failure
		r.Fatalf("stream: %s %s", resp.Status, text)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{rig: r, resp: resp, lines: lines, got: make(chan event, 4096), pings: make(chan event, 64)}
}

// begin reads the event session and no more.
func (s *stream) begin() *stream {
	s.Helper()
	first, _ := s.read()
	var said struct {
		Session    string `json:"session"`
		ClockEpoch uint32 `json:"clock_epoch"`
	}
	if err := json.Unmarshal(first.data, &said); err != nil || first.name != fallback.EventSession || len(said.Session) != 22 || said.ClockEpoch != 7 {
		s.Fatalf("FB2 first event %q %s", first.name, first.data)
	}
	s.session = said.Session
	return s
}

// listen reads on. Pings are answered by whoever takes them.
func (s *stream) listen() *stream {
	go func() {
		defer close(s.got)
		for e, ok := s.read(); ok; e, ok = s.read() {
			if e.name == fallback.EventPing {
				s.pings <- e
			} else {
				s.got <- e
			}
		}
	}()
	return s
}

// read returns the next event; ok is false at the end.
func (s *stream) read() (e event, ok bool) {
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "event":
			e.name = value
		case "data":
			e.data = append(e.data, value...)
		case "":
			e.at = time.Now()
			return e, true
		}
	}
	return e, false
}

// next waits for the next message; ok is false at the end.
func (s *stream) next() (m wire.Message, ok bool) {
	s.Helper()
	for e := range s.got {
		if e.data == nil {
			continue // a comment
		}
		m, err := wire.DecodeServer(e.data)
		if err != nil || e.name != "" {
			s.Fatalf("event %q %s: %v", e.name, e.data, err)
		}
		if _, grace := m.(*wire.Grace); grace {
			continue // comes whenever the line was measured
		}
		return m, true
	}
	return nil, false
}

// expect waits for a message of a type and lets others pass.
func expect[M wire.Message](s *stream) M {
	s.Helper()
	for {
		m, ok := s.next()
		if !ok {
			var want M
			s.Fatalf("the stream ended before %s", want.Type())
		}
		if want, ok := m.(M); ok {
			return want
		}
	}
}

// closed waits for bye and the end of the stream.
func (s *stream) closed(code wire.CloseCode) {
	s.Helper()
	bye := expect[*wire.Bye](s)
	if bye.Code != int(code) || bye.Reconnect != code.Reconnect() {
		s.Errorf("FB7 bye = %+v, want %d", bye, code)
	}
	if m, ok := s.next(); ok {
		s.Errorf("FB7 after bye: %+v", m)
	}
}

// say posts messages: one alone, several as a list.
func (s *stream) say(messages ...wire.Message) *http.Response {
	s.Helper()
	list := make([][]byte, len(messages))
	for i, m := range messages {
		list[i] = s.encode(m)
	}
	body := bytes.Join(list, []byte(","))
	if len(list) > 1 {
		body = append(append([]byte{'['}, body...), ']')
	}
	resp, _ := s.said(fallback.PathMessages, body, fallback.SessionHeader, s.session)
	return resp
}

// viewer opens a stream as a viewer and waits for its welcome.
func (r *rig) viewer(tok string, header ...string) (*stream, *wire.Welcome) {
	r.Helper()
	s := r.open(hello(func(h *wire.Hello) { h.Token = tok }), header...).begin().listen()
	return s, expect[*wire.Welcome](s)
}

// socket is a viewer on a WebSocket, to compare with.
type socket struct {
	*rig
	ws *websocket.Conn
}

func (r *rig) socket(tok string) (*socket, *wire.Welcome) {
	r.Helper()
	d := websocket.Dialer{NetDialContext: r.ln.dial, Subprotocols: []string{wire.Subprotocol}}
	ws, _, err := d.Dial("ws://show.test/ws/v1", nil)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { ws.Close() })
	s := &socket{r, ws}
	s.say(hello(func(h *wire.Hello) { h.Token = tok }))
	w, ok := s.next().(*wire.Welcome)
	if !ok {
		r.Fatal("no welcome on a socket")
	}
	return s, w
}

func (s *socket) say(m wire.Message) {
	s.Helper()
	if err := s.ws.WriteMessage(websocket.TextMessage, s.encode(m)); err != nil {
		s.Fatal(err)
	}
}

// next returns the next message but grace, nil at the end.
func (s *socket) next() wire.Message {
	s.Helper()
	for {
		_, data, err := s.ws.ReadMessage()
		if _, over := errors.AsType[*websocket.CloseError](err); over {
			return nil
		}
		if err != nil {
			s.Fatal(err)
		}
		m, err := wire.DecodeServer(data)
		if err != nil {
			s.Fatal(err)
		}
		if _, grace := m.(*wire.Grace); !grace {
			return m
		}
	}
}

var tea = interact.Question{Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"}}.WithDefaults()

// ask prepares and takes a question.
func (r *rig) ask(q interact.Question) wire.Cue {
	r.Helper()
	c, err := r.room.Prepare(r.Context(), q)
	if err != nil {
		r.Fatal(err)
	}
	c, err = r.room.Take(r.Context(), c.ID, "")
	if err != nil {
		r.Fatal(err)
	}
	return c
}

func answer(c wire.Cue, id string, choice int) *wire.Answer {
	return &wire.Answer{ID: id, Cue: c.ID, Rev: c.Rev, Choice: []int{choice}}
}
