package cluster_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/nodeproc"
)

// reader is one viewer's socket, read by the test.
type reader struct {
	t    *testing.T
	conn *websocket.Conn
	hi   wire.Welcome
}

// read comes to a node as a viewer.
func (s *stand) read(n *nodeproc.Node, hello wire.Hello) *reader {
	s.t.Helper()
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: []string{"cuelight.v1.json"}}
	conn, _, err := d.DialContext(s.t.Context(), socket(n), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	r := &reader{t: s.t, conn: conn}
	hello.Version, hello.Channel, hello.Role = wire.Version, channel, wire.RoleViewer
	text, err := wire.Encode(&hello)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, text); err != nil {
		s.t.Fatal(err)
	}
	m, _ := r.next()
	w, ok := m.(*wire.Welcome)
	if !ok {
		s.t.Fatalf("the first message is %T", m)
	}
	r.hi = *w
	return r
}

// next returns the next message, and its offset in the log, zero if it has none.
func (r *reader) next() (wire.Message, uint64) {
	r.t.Helper()
	if err := r.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	for {
		kind, data, err := r.conn.ReadMessage()
		if err != nil {
			r.t.Fatalf("nothing came: %v", err)
		}
		if kind != websocket.TextMessage {
			continue
		}
		m, err := wire.DecodeServer(data)
		if err != nil {
			r.t.Fatal(err)
		}
		var tail struct {
			Offset uint64 `json:"off"`
		}
		if err := json.Unmarshal(data, &tail); err != nil {
			r.t.Fatal(err)
		}
		return m, tail.Offset
	}
}

// A viewer's place in the log is the same on every gateway: when its own is
// killed it goes on at the other, and hears everything, each message once.
func TestResumeElsewhere(t *testing.T) {
	s := newStand(t)
	first := s.read(s.gateways[0], wire.Hello{})
	if first.hi.Epoch == "" || first.hi.Resumed {
		t.Fatalf("welcome %+v", first.hi)
	}
	at := first.hi.Offset
	q := s.take(0, window)
	for seen := false; !seen; {
		m, offset := first.next()
		if offset == 0 {
			continue
		}
		if offset != at+1 {
			t.Fatalf("GW25 message %d follows %d", offset, at)
		}
		at = offset
		k, ok := m.(*wire.Key)
		seen = ok && k.Cue == q.ID
	}
	s.gateways[0].Kill()
	s.until("the window has closed meanwhile", func() bool {
		_, text, err := s.ask(http.MethodGet, s.leaders[0].Web+"/api/v1/channels/"+channel+"/cues/"+q.ID+"/tally", "", nil)
		var tally wire.Tally
		return err == nil && json.Unmarshal([]byte(text), &tally) == nil && tally.Final
	})
	second := s.read(s.gateways[1], wire.Hello{Token: first.hi.Token, Resume: &wire.Resume{Epoch: first.hi.Epoch, Offset: at}})
	if !second.hi.Resumed || second.hi.Epoch != first.hi.Epoch || second.hi.Participant != first.hi.Participant {
		t.Fatalf("GW27 not resumed at the other gateway: %+v", second.hi)
	}
	for final := false; !final; {
		m, offset := second.next()
		if offset == 0 {
			continue
		}
		if offset != at+1 {
			t.Fatalf("GW27 message %d follows %d", offset, at)
		}
		at = offset
		tally, ok := m.(*wire.Tally)
		final = ok && tally.Cue == q.ID && tally.Final
	}
}

// Who is removed or banned loses the sockets of all gateways, whichever studio
// says so.
func TestRemovedEverywhere(t *testing.T) {
	s := newStand(t)
	token := ""
	var id string
	var sockets []*reader
	for _, n := range s.gateways {
		r := s.read(n, wire.Hello{Token: token})
		token, id = r.hi.Token, r.hi.Participant
		sockets = append(sockets, r)
	}
	kicked := func(why wire.CloseCode) {
		t.Helper()
		for i, r := range sockets {
			for {
				m, _ := r.next()
				if bye, ok := m.(*wire.Bye); ok {
					if wire.CloseCode(bye.Code) != why {
						t.Errorf("GW32 gateway %d says %v, want %v", i, bye.Code, why)
					}
					break
				}
			}
		}
	}
	var crowd wire.Roster
	s.until("both gateways are in the sample", func() bool {
		_, text, err := s.ask(http.MethodGet, s.leaders[1].Web+"/api/v1/channels/"+channel+"/participants", "", nil)
		return err == nil && json.Unmarshal([]byte(text), &crowd) == nil && crowd.Total == 2 && len(crowd.Viewers) == 2
	})
	var said struct{}
	s.produce(1, http.MethodPost, "/participants/"+id+"/kick", nil, &said)
	kicked(wire.CloseKicked)
	sockets = nil
	for _, n := range s.gateways {
		sockets = append(sockets, s.read(n, wire.Hello{Token: token}))
	}
	s.produce(0, http.MethodPost, "/participants/"+id+"/ban", map[string]any{"reason": "spam"}, &said)
	kicked(wire.CloseBanned)
	for _, n := range s.gateways {
		s.until("who is banned stays out", func() bool { return !s.admitted(n, token) })
	}
}

// admitted reports whether a node welcomes who has the token.
func (s *stand) admitted(n *nodeproc.Node, token string) bool {
	s.t.Helper()
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, Subprotocols: []string{"cuelight.v1.json"}}
	conn, _, err := d.DialContext(s.t.Context(), socket(n), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	r := &reader{t: s.t, conn: conn}
	text, err := wire.Encode(&wire.Hello{Version: wire.Version, Channel: channel, Role: wire.RoleViewer, Token: token})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, text); err != nil {
		s.t.Fatal(err)
	}
	m, _ := r.next()
	return m.Type() == "welcome"
}
