package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// witness is a viewer who notes what it is told of each cue, and goes on where it
// was when it is sent away.
type witness struct {
	url, channel string
	token        string
	place        wire.Resume

	mu    sync.Mutex // protects what follows
	seen  map[string]sight
	wrong []string
}

// sight is what a viewer was told of a cue.
type sight struct {
	rev      int
	state    wire.State
	windowed bool // it had a window to come when it was first heard of
	correct  int  // the right option; -1: not told
	total    uint64
}

// silence is longer than the time between two of the server's pings.
const silence = time.Minute

func (w *witness) of(cue string) sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[cue]
}

func (w *witness) errors() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

// run watches until ctx ends.
func (w *witness) run(ctx context.Context) {
	for pause(ctx, 50*time.Millisecond) {
		err := w.watch(ctx)
		if ended, ok := errors.AsType[*websocket.CloseError](err); ok && !wire.CloseCode(ended.Code).Reconnect() && ended.Code >= 4000 {
			w.differ("a viewer was turned away: %v", err)
			return
		}
	}
}

// watch holds one connection until it is lost, and returns why.
func (w *witness) watch(ctx context.Context) error {
	d := websocket.Dialer{HandshakeTimeout: requestWait, Subprotocols: []string{wire.Subprotocol}}
	conn, _, err := d.DialContext(ctx, w.url, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	hello := &wire.Hello{Version: wire.Version, Channel: w.channel, Role: wire.RoleViewer, Token: w.token}
	if w.place.Epoch != "" {
		hello.Resume = &w.place
	}
	data, err := wire.Encode(hello)
	if err != nil {
		return err
	}
	if err := conn.WriteMessage(websocket.TextMessage, data); err != nil {
		return err
	}
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		if kind == websocket.TextMessage {
			w.hear(data)
		}
	}
}

func (w *witness) hear(data []byte) {
	var tail struct {
		Offset uint64 `json:"off"`
	}
	m, err := wire.DecodeServer(data)
	if errors.Is(err, wire.ErrUnknownType) {
		return
	}
	if bad := json.Unmarshal(data, &tail); err != nil || bad != nil {
		w.differ("a message that cannot be read: %.200s", data)
		return
	}
	switch m := m.(type) {
	case *wire.Welcome:
		w.token = m.Token
		if !m.Resumed {
			w.place = wire.Resume{Epoch: m.Epoch, Offset: m.Offset}
		}
		for _, q := range m.Cues {
			w.cue(q)
		}
		for _, t := range m.Tallies {
			w.tally(t)
		}
		return
	case *wire.CueChanged:
		w.cue(m.Cue)
	case *wire.Tally:
		w.tally(*m)
	}
	if tail.Offset == 0 {
		return
	}
	if tail.Offset <= w.place.Offset {
		w.differ("message %d of the channel's log came after message %d", tail.Offset, w.place.Offset)
	}
	w.place.Offset = tail.Offset
}

// cue notes a cue as rule W5 has it.
func (w *witness) cue(q wire.Cue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, known := w.seen[q.ID]
	if known && q.Rev < was.rev {
		return
	}
	now := sight{rev: q.Rev, state: q.State, windowed: was.windowed, correct: -1, total: was.total}
	switch q.State {
	case wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen:
		now.windowed = true
	}
	if q.Correct != nil {
		now.correct = *q.Correct
	}
	w.seen[q.ID] = now
}

func (w *witness) tally(t wire.Tally) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.seen[t.Cue]
	if t.Final {
		one.total = t.Total
	}
	w.seen[t.Cue] = one
}

func (w *witness) differ(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}
