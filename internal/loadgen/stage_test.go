package loadgen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/loadgen"
	"github.com/cuelight/cuelight/sync/clock"
)

// stage is a server of its own making, small enough to be made to lie.
type stage struct {
	t     *testing.T
	url   string
	front http.Handler // what answers at url
	// open are the sockets that are served.
	open sync.WaitGroup

	mu    sync.Mutex // protects everything below
	cue   *wire.Cue
	cues  int
	log   []wire.Message // what viewers were sent; offset 1 is the first
	conns map[*guest]struct{}
	came  map[string]int // how often each participant has come
	votes map[string]wire.Receipt
	seen  map[string]int // how often each answer came

	// Lies. They are called with the lock held.
	refuse  func(attempt int) int                                              // an HTTP status for a handshake
	reply   func(g *guest, a *wire.Answer, honest wire.Message) []wire.Message // what an answer gets
	count   func(t *wire.Tally)                                                // what a tally says
	deliver func(g *guest, offset uint64) int                                  // how often a guest is sent a broadcast
	join    func(h *wire.Hello, w *wire.Welcome)
	also    func(c *wire.Cue) wire.Message // another broadcast after one of the cue
	tries   int
}

// guest is one connection.
type guest struct {
	ws    *websocket.Conn
	codec wire.Codec
	name  string
}

const producerToken = "producer-token"

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, conns: make(map[*guest]struct{}), came: make(map[string]int), votes: make(map[string]wire.Receipt), seen: make(map[string]int),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws/v1", s.socket)
	mux.HandleFunc("/api/v1/channels/show/cues", s.prepare)
	mux.HandleFunc("/api/v1/channels/show/cues/{id}/{action}", s.act)
	srv := httptest.NewServer(mux)
	s.url, s.front = srv.URL, mux
	t.Cleanup(func() {
		s.each(func(g *guest) { g.ws.Close() })
		srv.Close()
		s.open.Wait()
	})
	return s
}

func (s *stage) each(do func(g *guest)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.conns {
		do(g)
	}
}

func now() clock.Instant { return clock.InstantOf(time.Now()) }

// send is called with the lock held, which makes it the only writer.
func (s *stage) send(g *guest, m wire.Message, offset uint64) {
	data, err := g.codec.EncodeAt(m, offset)
	if err != nil {
		s.t.Error(err)
	}
	kind := websocket.TextMessage
	if g.codec.Binary() {
		kind = websocket.BinaryMessage
	}
	_ = g.ws.WriteMessage(kind, data) // a guest that is gone hears nothing
}

// broadcast is called with the lock held.
func (s *stage) broadcast(m wire.Message) {
	s.log = append(s.log, m)
	for g := range s.conns {
		s.sendAt(g, uint64(len(s.log)))
	}
}

func (s *stage) sendAt(g *guest, offset uint64) {
	times := 1
	if s.deliver != nil {
		times = s.deliver(g, offset)
	}
	for range times {
		s.send(g, s.log[offset-1], offset)
	}
}

func (s *stage) socket(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.tries++
	status := 0
	if s.refuse != nil {
		status = s.refuse(s.tries)
	}
	s.mu.Unlock()
	if status != 0 {
		http.Error(w, "not now", status)
		return
	}
	s.open.Add(1)
	defer s.open.Done()
	up := websocket.Upgrader{Subprotocols: wire.Subprotocols}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer ws.Close()
	codec, ok := wire.CodecOf(ws.Subprotocol())
	if !ok {
		s.t.Errorf("asked for subprotocols %v", websocket.Subprotocols(r))
		return
	}
	g := &guest{ws: ws, codec: codec}
	defer func() {
		s.mu.Lock()
		delete(s.conns, g)
		s.mu.Unlock()
	}()
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		read := now()
		if wire.IsClock(data) {
			s.pong(g, data, read)
			continue
		}
		m, err := codec.DecodeClient(data)
		if err != nil {
			s.t.Errorf("heard %q: %v", data, err)
			return
		}
		s.hear(g, m)
	}
}

func (s *stage) pong(g *guest, data []byte, read clock.Instant) {
	ping, err := wire.ParsePing(data)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = g.ws.WriteMessage(websocket.BinaryMessage, wire.Pong{Ping: ping, Received: read, Replied: now(), ClockEpoch: 7}.Append(nil))
}

func (s *stage) hear(g *guest, m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := m.(type) {
	case *wire.Hello:
		s.welcome(g, m)
	case *wire.Answer:
		s.answer(g, m)
	}
}

func (s *stage) welcome(g *guest, h *wire.Hello) {
	if g.name = strings.TrimPrefix(h.Token, "token-"); g.name == "" {
		g.name = fmt.Sprint("p", len(s.came)+1)
	}
	s.came[g.name]++
	w := &wire.Welcome{
		Version: wire.Version, Channel: h.Channel, Role: wire.RoleViewer, Participant: g.name, Token: "token-" + g.name,
		Epoch: "e1", Offset: uint64(len(s.log)), ClockEpoch: 7, Now: now(),
		Cues: []wire.Cue{}, Tallies: []wire.Tally{}, Receipts: []wire.Receipt{},
	}
	if r := h.Resume; r != nil && r.Epoch == "e1" && r.Offset <= w.Offset {
		w.Resumed = true
	} else if s.cue != nil {
		w.Cues = append(w.Cues, *s.cue)
	}
	if r, ok := s.votes[g.name]; ok {
		r.ID = ""
		w.Receipts = append(w.Receipts, r)
	}
	if s.join != nil {
		s.join(h, w)
	}
	s.send(g, w, 0)
	if w.Resumed {
		for o := h.Resume.Offset + 1; o <= uint64(len(s.log)); o++ {
			s.sendAt(g, o)
		}
	}
	s.conns[g] = struct{}{}
}

func (s *stage) answer(g *guest, a *wire.Answer) {
	s.seen[a.ID]++
	off := time.Duration(a.Dispersion)*time.Microsecond + 20*time.Millisecond
	if a.At < s.cue.Open || a.At > now().Add(off) {
		s.t.Errorf("LG2 %s taps at %d, the window opens at %d and it is %d", g.name, a.At, s.cue.Open, now())
	}
	r, again := s.votes[g.name]
	if !again {
		r = wire.Receipt{ID: a.ID, Cue: a.Cue, Choice: a.Choice, Seq: uint64(len(s.votes) + 1), At: a.At, Level: "log"}
	}
	replies := []wire.Message{&r}
	if s.reply != nil {
		replies = s.reply(g, a, &r)
	}
	if !again && slices.ContainsFunc(replies, func(m wire.Message) bool { return m.Type() == "receipt" }) {
		s.votes[g.name] = r
	}
	for _, m := range replies {
		s.send(g, m, 0)
	}
}

func (s *stage) prepare(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+producerToken {
		http.Error(w, `{"error":{"code":"denied","message":"Sign in."}}`, http.StatusUnauthorized)
		return
	}
	var q struct {
		Options []string `json:"options"`
		Window  int64    `json:"window_ms"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cues++
	s.cue = &wire.Cue{ID: fmt.Sprint("c", s.cues), Rev: 1, Kind: "poll", Choices: len(q.Options), Window: q.Window, State: wire.StateDraft}
	s.votes, s.seen = make(map[string]wire.Receipt), make(map[string]int)
	json.NewEncoder(w).Encode(s.cue)
}

func (s *stage) act(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := *s.cue
	switch r.PathValue("action") {
	case "tally":
		json.NewEncoder(w).Encode(s.tally())
		return
	case "take":
		c.Rev, c.State, c.Open = c.Rev+1, wire.StateArmed, now().Add(300*time.Millisecond)
		c.Close = c.Open.Add(time.Duration(c.Window) * time.Millisecond)
	case "extend":
		var by struct {
			By int64 `json:"by_ms"`
		}
		if err := json.NewDecoder(r.Body).Decode(&by); err != nil {
			s.t.Error(err)
		}
		c.Rev, c.Close = c.Rev+1, c.Close.Add(time.Duration(by.By)*time.Millisecond)
	case "close":
		c.Rev, c.Close, c.State = c.Rev+1, now(), wire.StateClosed
	case "cancel":
		c.Rev, c.State = c.Rev+1, wire.StateVoid
	}
	s.cue = &c
	s.broadcast(&wire.CueChanged{Cue: c})
	if s.also != nil {
		if m := s.also(&c); m != nil {
			s.broadcast(m)
		}
	}
	json.NewEncoder(w).Encode(c)
}

func (s *stage) tally() *wire.Tally {
	t := &wire.Tally{Cue: s.cue.ID, Counts: make([]uint64, s.cue.Choices), Final: s.cue.State == wire.StateClosed}
	for _, r := range s.votes {
		t.Counts[r.Choice[0]]++
		t.Total++
	}
	if s.count != nil {
		s.count(t)
	}
	return t
}

// rehearse runs a scenario on the stage with two workers in this process.
func (s *stage) rehearse(scenario string, change func(*loadgen.Config)) (*loadgen.Report, error) {
	s.t.Helper()
	cfg := loadgen.Config{
		URL: s.url, Channel: "show", Token: producerToken, Viewers: 30, Processes: 2, Cues: 2, Seed: 1,
		Timing: loadgen.Timing{Kind: loadgen.TimingWorst}, Share: 1, Window: 3 * time.Second, Spawn: inProcess,
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	return loadgen.Run(ctx, scenario, cfg)
}

// inProcess is a worker in this process.
func inProcess(ctx context.Context) (*loadgen.Process, error) {
	orders, in := io.Pipe()
	out, findings := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := loadgen.Serve(ctx, orders, findings)
		orders.Close()
		findings.Close()
		done <- err
	}()
	return &loadgen.Process{In: in, Out: out, Wait: func() error { return <-done }}, nil
}
