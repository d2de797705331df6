package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// house is a running server with viewers of every kind.
type house struct {
	*testing.T
	web, tok string
}

// do sends a request as JSON and decodes the answer into out unless it is nil.
func (h house) do(method, path, tok, body string, out any) int {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), method, h.web+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if tok != "" {
		req.Header.Set("Authorization", "Bearer "+tok)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			h.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
		}
	}
	return resp.StatusCode
}

// watcher is a viewer on a connection of some kind.
type watcher struct {
	house
	name string
	got  chan heard // closed at the end
	say  func(m wire.Message)
}

type heard struct {
	m  wire.Message
	at time.Time
}

// until waits for a message that is wanted and returns when it came.
func (w *watcher) until(wanted func(wire.Message) bool) heard {
	w.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case got, ok := <-w.got:
			if !ok {
				w.Fatalf("%s: the connection ended", w.name)
			}
			if wanted(got.m) {
				return got
			}
		case <-deadline:
			w.Fatalf("%s: nothing came", w.name)
		}
	}
}

func (w *watcher) hear(data []byte) {
	m, err := wire.DecodeServer(data)
	if err != nil {
		w.Errorf("%s: %q: %v", w.name, data, err)
		return
	}
	w.got <- heard{m, time.Now()}
}

func (h house) socket(tok string) *watcher {
	h.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}}
	ws, _, err := dialer.DialContext(h.Context(), "ws"+strings.TrimPrefix(h.web, "http")+"/ws/v1", nil)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { ws.Close() })
	w := &watcher{house: h, name: "socket", got: make(chan heard, 256)}
	w.say = func(m wire.Message) {
		if err := ws.WriteMessage(websocket.TextMessage, encoded(h.T, m)); err != nil {
			h.Errorf("socket: %v", err)
		}
	}
	w.say(&wire.Hello{Version: wire.Version, Channel: "show", Token: tok})
	go func() {
		defer close(w.got)
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			w.hear(data)
		}
	}()
	return w
}

// stream opens a stream of events; proto is HTTP/1.1 or HTTP/2.
func (h house) stream(tok, proto string) *watcher {
	h.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(proto == "HTTP/1.1")
	transport.Protocols.SetUnencryptedHTTP2(proto != "HTTP/1.1")
	h.Cleanup(transport.CloseIdleConnections)
	s := &streamed{house: h, client: &http.Client{Transport: transport}}
	w := &watcher{house: h, name: "stream over " + proto, got: make(chan heard, 256), say: s.say}
	resp := s.post(fallback.PathStream, &wire.Hello{Version: wire.Version, Channel: "show", Token: tok})
	h.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != int(proto[5]-'0') {
		h.Fatalf("%s: %s over %s", w.name, resp.Status, resp.Proto)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	s.begin(lines)
	go func() {
		defer close(w.got)
		s.listen(lines, w.hear)
	}()
	return w
}

// streamed is a viewer's side of a stream.
type streamed struct {
	house
	client  *http.Client
	session string
}

func (s *streamed) post(path string, m wire.Message) *http.Response {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.web+path, bytes.NewReader(encoded(s.T, m)))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set(fallback.SessionHeader, s.session)
	resp, err := s.client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	return resp
}

func (s *streamed) say(m wire.Message) {
	resp := s.post(fallback.PathMessages, m)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		s.Errorf("FB3 %s: %s", m.Type(), resp.Status)
	}
}

// begin reads the first event.
func (s *streamed) begin(lines *bufio.Scanner) {
	s.Helper()
	for lines.Scan() && lines.Text() != "" {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var first struct{ Session string }
		if err := json.Unmarshal([]byte(data), &first); err != nil || first.Session == "" {
			s.Fatalf("FB2 first event %q", data)
		}
		s.session = first.Session
	}
}

// listen hands messages on and answers pings.
func (s *streamed) listen(lines *bufio.Scanner, hear func(data []byte)) {
	ping := false
	for lines.Scan() {
		ping = lines.Text() == "event: "+fallback.EventPing || ping && lines.Text() != ""
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case ok && ping:
			var pong wire.Alive
			if err := json.Unmarshal([]byte(data), &pong); err != nil {
				s.Errorf("FB5 ping %q", data)
			}
			s.say(&pong)
		case ok:
			hear([]byte(data))
		}
	}
}

func encoded(t *testing.T, m wire.Message) []byte {
	t.Helper()
	data, err := wire.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestViewersOverEveryCarrier has four viewers who come over a socket, streams
// over both versions of HTTP, and plain requests.
func TestViewersOverEveryCarrier(t *testing.T) {
	e := quiet(t)
	text, stop := announced(t, e, "serve")
	tok, err := command(t, e, "token", "producer")
	if err != nil {
		t.Fatal(err)
	}
	h := house{t, webAddress.FindString(text), strings.TrimSpace(tok)}
	watchers := []*watcher{h.socket(""), h.stream("", "HTTP/1.1"), h.stream("", "HTTP/2")}
	var tokens []string
	for _, w := range watchers {
		tokens = append(tokens, next[*wire.Welcome](w).Token)
	}
	c := h.prepare()
	plain := h.enter(c)
	h.open(c, watchers)
	h.answer(c, watchers, tokens, plain)
	h.removals(watchers[1], tokens[1], c)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for _, w := range []*watcher{watchers[0], watchers[2]} {
		if bye := next[*wire.Bye](w); bye.Code != int(wire.CloseRestart) {
			t.Errorf("FB7 %s: %+v", w.name, bye)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

const showAPI = "/api/v1/channels/show"

func answersOf(c *wire.Cue) string { return "/api/v1/cues/" + c.ID + "/answers" }

// next waits for a message of a type and lets others pass.
func next[M wire.Message](w *watcher) M {
	w.Helper()
	return w.until(func(m wire.Message) bool { _, ok := m.(M); return ok }).m.(M)
}

func (h house) prepare() *wire.Cue {
	h.Helper()
	c := new(wire.Cue)
	if code := h.do("POST", showAPI+"/cues", h.tok, `{"kind":"poll","title":"Tea or coffee?","options":["Tea","Coffee"],"window_ms":20000}`, c); code != http.StatusCreated {
		h.Fatalf("prepare: %d", code)
	}
	return c
}

// enter returns the token of a viewer without a connection, who is too early.
func (h house) enter(c *wire.Cue) string {
	h.Helper()
	var plain struct{ Token string }
	if code := h.do("POST", showAPI+"/participants", "", "", &plain); code != http.StatusCreated {
		h.Fatalf("enter: %d", code)
	}
	if code := h.do("POST", answersOf(c), plain.Token, `{"id":"a0","choice":[1]}`, nil); code != http.StatusNotFound {
		h.Errorf("AP9 an answer to a draft: %d", code)
	}
	return plain.Token
}

// open takes the cue and waits until its window is open everywhere.
func (h house) open(c *wire.Cue, watchers []*watcher) {
	h.Helper()
	if code := h.do("POST", showAPI+"/cues/"+c.ID+"/take", h.tok, "", c); code != http.StatusOK {
		h.Fatalf("take: %d", code)
	}
	var keys []wire.Key
	for _, w := range watchers {
		got := w.until(func(m wire.Message) bool { _, ok := m.(*wire.Key); return ok })
		keys = append(keys, *got.m.(*wire.Key))
		// R began at this machine's clock and is read here within the same minute.
		if lead := time.UnixMicro(int64(c.Open)).Sub(got.at); lead > 450*time.Millisecond {
			h.Errorf("EN5 %s had the key %v before the window", w.name, lead)
		}
	}
	if keys[0] != keys[1] || keys[0] != keys[2] || keys[0].Cue != c.ID {
		h.Errorf("FB1 keys %+v", keys)
	}
}

// answer has everybody answer once over the own carrier and once over another.
func (h house) answer(c *wire.Cue, watchers []*watcher, tokens []string, plain string) {
	h.Helper()
	// Nobody may answer quicker than a person can read.
	readable := time.UnixMicro(int64(c.Open)).Add(cue.MinReaction + 100*time.Millisecond)
	<-time.After(time.Until(readable))
	var receipts []*wire.Receipt
	for _, w := range watchers {
		w.say(&wire.Answer{ID: "a1", Cue: c.ID, Rev: c.Rev, Choice: []int{1}})
		receipts = append(receipts, next[*wire.Receipt](w))
	}
	var receipt wire.Receipt
	if code := h.do("POST", answersOf(c), plain, `{"id":"a1","choice":[1]}`, &receipt); code != http.StatusOK || receipt.Seq != 4 || receipt.Level != "log" {
		h.Errorf("AP9 receipt %d %+v", code, receipt)
	}
	for i, tok := range tokens {
		var again wire.Receipt
		code := h.do("POST", answersOf(c), tok, `{"id":"b1","choice":[0]}`, &again)
		if code != http.StatusOK || again.Seq != receipts[i].Seq || again.At != receipts[i].At || again.Choice[0] != 1 {
			h.Errorf("IN1 receipt %d %+v, want that of %+v", code, again, receipts[i])
		}
	}
	var tally wire.Tally
	if h.do("GET", showAPI+"/cues/"+c.ID+"/tally", h.tok, "", &tally); tally.Total != 4 || tally.Counts[1] != 4 {
		h.Errorf("IN2 tally %+v", tally)
	}
	var roster wire.Roster
	if h.do("GET", showAPI+"/participants", h.tok, "", &roster); roster.Total != 3 || len(roster.Viewers) != 3 {
		h.Errorf("roster %+v", roster)
	}
}

// removals bans the viewer w and lets it in again.
func (h house) removals(w *watcher, tok string, c *wire.Cue) {
	h.Helper()
	var who struct{ Participant string }
	h.do("POST", showAPI+"/participants", "", `{"token":"`+tok+`"}`, &who)
	var ban struct{ Closed int }
	if code := h.do("POST", showAPI+"/participants/"+who.Participant+"/ban", h.tok, `{"reason":"bot"}`, &ban); code != http.StatusOK || ban.Closed != 1 {
		h.Errorf("AP12 ban: %d %+v", code, ban)
	}
	for _, w := range []*watcher{w, h.stream(tok, "HTTP/1.1"), h.socket(tok)} {
		if bye := next[*wire.Bye](w); bye.Code != int(wire.CloseBanned) {
			h.Errorf("AP12 %s: %+v", w.name, bye)
		}
	}
	var list struct{ Bans []wireBan }
	if h.do("GET", showAPI+"/bans", h.tok, "", &list); len(list.Bans) != 1 || list.Bans[0] != (wireBan{who.Participant, "bot"}) {
		h.Errorf("bans %+v", list)
	}
	if code := h.do("DELETE", showAPI+"/participants/"+who.Participant+"/ban", h.tok, "", nil); code != http.StatusNoContent {
		h.Errorf("unban: %d", code)
	}
	if code := h.do("POST", answersOf(c), tok, `{"id":"c1","choice":[0]}`, nil); code != http.StatusOK {
		h.Errorf("an answer afterwards: %d", code)
	}
}

type wireBan struct{ Participant, Reason string }
