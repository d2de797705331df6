package gateway_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// known is what a viewer, or the room, holds of a show.
type known struct {
	Cues     map[string]int    // how far each has come
	Tallies  map[string]uint64 // versions
	Timeline int               // revision
}

// standing is how far a cue has come, by rule W5: its revision, then its state.
func standing(q wire.Cue) int {
	states := []wire.State{
		wire.StateDraft, wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen, wire.StateClosing, wire.StateClosed,
		wire.StateRevealed, wire.StateCancelled, wire.StateVoid,
	}
	if q.State == wire.StatePaused {
		q.State = wire.StateOpen
	}
	return q.Rev*len(states) + max(slices.Index(states, q.State), 0)
}

func nothing() known { return known{Cues: map[string]int{}, Tallies: map[string]uint64{}} }

// stage is a room that changes and tells of each change.
type stage struct {
	room
	mu   sync.Mutex
	g    *gateway.Gateway
	show known
}

// Join returns a snapshot, as an engine does.
func (s *stage) Join(context.Context, string, string) (wire.Welcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := wire.Welcome{Timeline: &wire.Timeline{Rev: s.show.Timeline}}
	for id, rev := range s.show.Cues {
		w.Cues = append(w.Cues, wire.Cue{ID: id, Rev: rev})
	}
	for id, version := range s.show.Tallies {
		w.Tallies = append(w.Tallies, wire.Tally{Cue: id, Version: version})
	}
	return w, nil
}

// change makes the n-th kind of change.
func (s *stage) change(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprint("c", n/3)
	switch n % 3 {
	case 0:
		s.show.Cues[id]++
		s.g.Broadcast("show", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: id, Rev: s.show.Cues[id]}})
	case 1:
		s.show.Tallies[id]++
		s.g.Broadcast("show", wire.Viewers|wire.Producers, &wire.Tally{Cue: id, Version: s.show.Tallies[id]})
	default:
		s.show.Timeline++
		s.g.Broadcast("show", wire.Viewers, &wire.Timeline{Rev: s.show.Timeline})
	}
}

func (s *stage) now() known {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := known{make(map[string]int), maps.Clone(s.show.Tallies), s.show.Timeline}
	for id, rev := range s.show.Cues {
		k.Cues[id] = standing(wire.Cue{Rev: rev})
	}
	return k
}

// venue is a stage with a gateway that can be restarted, on an in-memory
// network inside a bubble.
type venue struct {
	t      *testing.T
	stage  *stage
	room   gateway.Room // the stage, or an engine's
	clock  *clock.Room
	keys   *token.Keys
	limits gateway.Limits
	change func(*gateway.Config) // may be nil
	ln     *pipeListener
	now    atomic.Pointer[gateway.Gateway]
	stop   func()
	spent  gateway.Stats // of gateways that were stopped
}

func openVenue(t *testing.T, keys *token.Keys, limits gateway.Limits) *venue {
	return openVenueWith(t, keys, limits, nil)
}

func openVenueWith(t *testing.T, keys *token.Keys, limits gateway.Limits, change func(*gateway.Config)) *venue {
	v := &venue{
		change: change,
		t:      t, stage: &stage{show: nothing()}, clock: clock.NewRoom(time.Now(), base, 7), keys: keys, limits: limits,
		ln: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
	}
	v.room = v.stage
	v.start()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.now.Load().ServeHTTP(w, r) })}
	go srv.Serve(v.ln)
	t.Cleanup(func() { v.halt(); srv.Close() })
	return v
}

func (v *venue) start() {
	cfg := gateway.Config{
		Rooms: func(channel string) (gateway.Room, bool) { return v.room, true },
		Clock: v.clock, Tokens: v.keys, Limits: v.limits,
	}
	if v.change != nil {
		v.change(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	v.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			v.t.Errorf("GW12 Run: %v", err)
		}
	}
	v.now.Store(g)
	v.stage.mu.Lock()
	v.stage.g = g
	v.stage.mu.Unlock()
}

func (v *venue) halt() {
	if v.stop == nil {
		return
	}
	v.stop()
	v.stop = nil
	s := v.now.Load().Stats()
	v.spent.Resumed += s.Resumed
	v.spent.Reset += s.Reset
	v.spent.Panics += s.Panics
}

// guest is a viewer that folds what it is told, and may be cut off, slow, and
// back again.
type guest struct {
	v     *venue
	codec wire.Codec
	ws    *websocket.Conn
	over  chan struct{} // closed when the socket has ended

	mu     sync.Mutex // protects everything below
	gate   chan struct{}
	epoch  string
	offset uint64
	known  known
	heard  map[string]bool
	wrong  []string
	bare   bool // it may be told what has no offset
	resets int  // snapshots where it asked for what it missed
}

func (v *venue) guest(codec wire.Codec) *guest {
	c := &guest{v: v, codec: codec, gate: make(chan struct{}), known: nothing(), heard: map[string]bool{}}
	close(c.gate)
	return c
}

// join connects, with what it knows, unless it is connected.
func (c *guest) join() {
	if c.here() {
		return
	}
	d := websocket.Dialer{NetDialContext: c.v.ln.dial, Subprotocols: []string{c.codec.Subprotocol()}}
	for {
		ws, _, err := d.Dial("ws://show.test/ws/v1", nil)
		if err == nil {
			c.ws = ws
			break
		}
		time.Sleep(time.Second) // asked to wait
	}
	c.mu.Lock()
	hello := &wire.Hello{Version: wire.Version, Channel: "show"}
	if c.epoch != "" {
		hello.Resume = &wire.Resume{Epoch: c.epoch, Offset: c.offset}
	}
	c.mu.Unlock()
	data, err := c.codec.Encode(hello)
	if err != nil {
		c.v.t.Fatal(err)
	}
	kind := websocket.TextMessage
	if c.codec.Binary() {
		kind = websocket.BinaryMessage
	}
	c.over = make(chan struct{})
	go c.listen(c.ws, c.over)
	_ = c.ws.WriteMessage(kind, data) // what was closed shows when reading
}

func (c *guest) here() bool {
	if c.over == nil {
		return false
	}
	select {
	case <-c.over:
		return false
	default:
		return true
	}
}

func (c *guest) cut() {
	if c.here() {
		c.hurry()
		c.ws.Close()
		<-c.over
	}
}

// pause makes it read one message at most until it is told to hurry.
func (c *guest) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.gate:
		c.gate = make(chan struct{})
	default:
	}
}

func (c *guest) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.gate:
	default:
		close(c.gate)
	}
}

func (c *guest) listen(ws *websocket.Conn, over chan struct{}) {
	defer close(over)
	defer ws.Close()
	for {
		c.mu.Lock()
		gate := c.gate
		c.mu.Unlock()
		<-gate
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		m, offset, err := c.codec.DecodeServer(data)
		c.mu.Lock()
		c.take(m, offset, err)
		c.mu.Unlock()
	}
}

// take folds one message and notes what must not be.
func (c *guest) take(m wire.Message, offset uint64, err error) {
	switch m := m.(type) {
	case *wire.Welcome:
		c.welcome(m)
	case *wire.CueChanged:
		c.broadcast(fmt.Sprintf("cue %s %d %s", m.Cue.ID, m.Cue.Rev, m.Cue.State), offset)
		c.known.Cues[m.Cue.ID] = max(c.known.Cues[m.Cue.ID], standing(m.Cue))
	case *wire.Key:
		c.broadcast(fmt.Sprintf("key %s %d", m.Cue, m.Rev), offset)
	case *wire.Tally:
		c.broadcast(fmt.Sprintf("tally %s %d", m.Cue, m.Version), offset)
		c.known.Tallies[m.Cue] = max(c.known.Tallies[m.Cue], m.Version)
	case *wire.Timeline:
		c.broadcast(fmt.Sprintf("timeline %d", m.Rev), offset)
		c.known.Timeline = max(c.known.Timeline, m.Rev)
	case *wire.Bye, *wire.Grace:
		if offset != 0 {
			c.wrong = append(c.wrong, m.Type()+" has an offset")
		}
	default:
		c.wrong = append(c.wrong, fmt.Sprintf("%T %v", m, err))
	}
}

func (c *guest) broadcast(what string, offset uint64) {
	if offset == 0 && c.bare {
		return
	}
	if offset <= c.offset {
		c.wrong = append(c.wrong, fmt.Sprintf("%s at %d after %d", what, offset, c.offset))
	}
	if c.heard[what] && c.v.room == c.v.stage { // an engine may say the same again
		c.wrong = append(c.wrong, what+" twice")
	}
	c.heard[what], c.offset = true, offset
}

func (c *guest) welcome(w *wire.Welcome) {
	if w.Resumed {
		if w.Epoch != c.epoch || w.Offset < c.offset || len(w.Cues)+len(w.Tallies) > 0 || w.Timeline != nil {
			c.wrong = append(c.wrong, fmt.Sprintf("resumed at %s %d with %+v", c.epoch, c.offset, w))
		}
		return
	}
	if c.epoch != "" {
		c.resets++
	}
	if c.epoch, c.offset, c.known = w.Epoch, w.Offset, nothing(); c.bare {
		clear(c.heard) // the place may lie before what it has heard
	}
	for _, q := range w.Cues {
		c.known.Cues[q.ID] = standing(q)
	}
	for _, t := range w.Tallies {
		c.known.Tallies[t.Cue] = t.Version
	}
	if w.Timeline != nil {
		c.known.Timeline = w.Timeline.Rev
	}
}

// judge returns what is wrong with a guest that should know what there is.
func (c *guest) judge(want known) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong := c.wrong
	if !reflect.DeepEqual(c.known, want) {
		wrong = append(wrong, fmt.Sprintf("knows %+v, want %+v", c.known, want))
	}
	return wrong
}
