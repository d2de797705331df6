package load_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// voter is one participant over the real protocol. It keeps every receipt that
// it was ever given and holds each later one against the first.
type voter struct {
	url     string
	writing sync.Mutex // one writer at a time

	mu          sync.Mutex                         // protects what follows; never held while writing
	heed        func(at time.Time, m wire.Message) // told of every message; nil for none
	conn        *websocket.Conn
	token       string
	participant string
	receipts    map[string]wire.Receipt // by cue
	refused     map[string]string       // last code, by cue
	owed        map[string]wire.Answer  // sent again on every connection until there is a receipt
	wrong       []error
	changed     chan struct{} // closed and replaced when any of this changes
}

func newVoter(s *server) *voter {
	return &voter{
		url:      "ws://" + s.http + "/ws/v1",
		receipts: make(map[string]wire.Receipt), refused: make(map[string]string), owed: make(map[string]wire.Answer),
		changed: make(chan struct{}),
	}
}

// notify wakes those who wait. v.mu is held.
func (v *voter) notify() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// away is the mean time between the loss of a connection and coming back: a crowd
// that knocks all the time keeps a server from starting.
const away = 150 * time.Millisecond

// run stays connected until ctx ends.
func (v *voter) run(ctx context.Context) {
	for ctx.Err() == nil {
		v.connect(ctx)
		again := time.NewTimer(time.Duration(rand.Int64N(int64(2 * away))))
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
		}
	}
}

// connect holds one connection until it is lost, which is what is expected of it.
func (v *voter) connect(ctx context.Context) {
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: []string{"cuelight.v1.json"}}
	conn, _, err := d.DialContext(ctx, v.url, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer v.gone()
	v.mu.Lock()
	hello := &wire.Hello{Version: wire.Version, Channel: channel, Role: wire.RoleViewer, Token: v.token}
	v.mu.Unlock()
	if v.write(conn, hello) != nil {
		return
	}
	for {
		kind, data, err := conn.ReadMessage()
		at := time.Now()
		if err != nil {
			return
		}
		if kind != websocket.TextMessage {
			continue
		}
		m, err := wire.DecodeServer(data)
		if err != nil && !errors.Is(err, wire.ErrUnknownType) {
			v.complain(fmt.Errorf("message %.60s: %w", data, err))
		}
		v.hear(conn, at, m)
	}
}

func (v *voter) gone() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.conn = nil
	v.notify()
}

func (v *voter) complain(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong = append(v.wrong, err)
}

func (v *voter) write(conn *websocket.Conn, m wire.Message) error {
	data, err := wire.Encode(m)
	if err != nil {
		return err
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	return conn.WriteMessage(websocket.TextMessage, data)
}

func (v *voter) hear(conn *websocket.Conn, at time.Time, m wire.Message) {
	var again []wire.Answer
	v.mu.Lock()
	switch m := m.(type) {
	case *wire.Welcome:
		v.conn, v.participant = conn, m.Participant
		if m.Token != "" {
			v.token = m.Token
		}
		for _, r := range m.Receipts {
			v.take(r)
		}
		for _, a := range v.owed {
			again = append(again, a)
		}
	case *wire.Receipt:
		v.take(*m)
	case *wire.Refused:
		v.refused[m.Cue] = m.Code
	}
	v.notify()
	heed := v.heed
	v.mu.Unlock()
	for _, a := range again {
		v.write(conn, &a) // a connection that is lost comes again
	}
	if heed != nil && m != nil {
		heed(at, m)
	}
}

// take notes a receipt. v.mu is held.
func (v *voter) take(r wire.Receipt) {
	r.ID = ""
	first, told := v.receipts[r.Cue]
	if told && !reflect.DeepEqual(first, r) {
		v.wrong = append(v.wrong, fmt.Errorf("%s was given %+v and then %+v", v.participant, first, r))
	}
	if !told {
		v.receipts[r.Cue] = r
	}
	delete(v.owed, r.Cue)
	delete(v.refused, r.Cue)
}

// answer sends an answer, now if there is a connection, and on every later one
// until there is a receipt.
func (v *voter) answer(cue string, rev, option int) {
	a := wire.Answer{ID: "a-" + cue, Cue: cue, Rev: rev, Choice: []int{option}}
	v.mu.Lock()
	v.owed[cue] = a
	delete(v.refused, cue)
	conn := v.conn
	v.mu.Unlock()
	if conn != nil {
		v.write(conn, &a) // a connection that is lost comes again
	}
}

// vanish sends an answer and leaves without waiting for anything.
func (v *voter) vanish(cue string, rev, option int) {
	v.mu.Lock()
	conn := v.conn
	v.mu.Unlock()
	if conn != nil {
		v.write(conn, &wire.Answer{ID: "v-" + cue, Cue: cue, Rev: rev, Choice: []int{option}})
		conn.Close()
	}
}

// wait waits until ok, which is called with v.mu held.
func (v *voter) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patient)
	defer deadline.Stop()
	for {
		v.mu.Lock()
		done, changed := ok(), v.changed
		v.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			v.mu.Lock()
			defer v.mu.Unlock()
			t.Fatalf("waited %v for %s of %s: receipts %v, refused %v", patient, what, v.participant, v.receipts, v.refused)
		}
	}
}

func (v *voter) receipt(t *testing.T, cue string) wire.Receipt {
	t.Helper()
	var r wire.Receipt
	v.wait(t, "the receipt", func() bool {
		var ok bool
		r, ok = v.receipts[cue]
		return ok
	})
	return r
}

func (v *voter) refusal(t *testing.T, cue string) interact.Code {
	t.Helper()
	var code string
	v.wait(t, "a refusal", func() bool { code = v.refused[cue]; return code != "" })
	return interact.Code(code)
}

// crowd is many voters.
type crowd struct {
	all  []*voter
	stop context.CancelFunc
	left sync.WaitGroup
}

// gather lets voters come and waits until all are there. They leave with the
// test, which fails if one of them was ever told two things.
func gather(t *testing.T, s *server, size int) *crowd {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{stop: cancel}
	for range size {
		c.all = append(c.all, newVoter(s))
	}
	for _, v := range c.all {
		c.left.Go(func() { v.run(ctx) })
	}
	t.Cleanup(func() {
		c.stop()
		c.left.Wait()
		for _, v := range c.all {
			for _, err := range v.wrong {
				t.Error(err)
			}
		}
	})
	c.connected(t)
	return c
}

// connected waits until everybody is there.
func (c *crowd) connected(t *testing.T) {
	t.Helper()
	for _, v := range c.all {
		v.wait(t, "a connection", func() bool { return v.conn != nil })
	}
}
