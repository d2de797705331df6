package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// visitor is a viewer's socket.
type visitor struct {
	t  *testing.T
	ws *websocket.Conn
}

// visit opens a socket and says hello.
func (s *station) visit(t *testing.T, hello wire.Hello) *visitor {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}}
	ws, answer, err := d.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.web, "http")+"/ws/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	t.Cleanup(func() { ws.Close() })
	v := &visitor{t, ws}
	hello.Version, hello.Channel = wire.Version, "show"
	v.say(&hello)
	return v
}

func (v *visitor) say(m wire.Message) {
	v.t.Helper()
	data, err := wire.Encode(m)
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.ws.WriteMessage(websocket.TextMessage, data); err != nil {
		v.t.Fatal(err)
	}
}

// hears returns the next message of a type, within ten seconds.
func hears[M wire.Message](v *visitor) M {
	v.t.Helper()
	v.ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		kind, data, err := v.ws.ReadMessage()
		if err != nil {
			var want M
			v.t.Fatalf("no %T: %v", want, err)
		}
		if kind != websocket.TextMessage {
			continue
		}
		m, err := wire.DecodeServer(data)
		if err != nil {
			v.t.Fatal(err)
		}
		if found, ok := m.(M); ok {
			return found
		}
	}
}

// call asks the API as the producer and returns the status; the answer goes to
// into, unless that is nil.
func (s *station) call(t *testing.T, method, path, body string, into any) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.web+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if into != nil && answer.StatusCode < 300 {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode
}

// links makes one-time links and returns their codes.
func (s *station) links(t *testing.T, n int) []string {
	t.Helper()
	var made struct{ Links []string }
	if status := s.call(t, http.MethodPost, "/api/v1/channels/show/links", fmt.Sprintf(`{"count":%d,"for_s":3600}`, n), &made); status != http.StatusCreated || len(made.Links) != n {
		t.Fatalf("%d links, status %d", len(made.Links), status)
	}
	codes := make([]string, n)
	for i, link := range made.Links {
		page, code, ok := strings.Cut(link, "#link=")
		if !ok || page != s.web+"/watch/show" {
			t.Fatalf("a link is %s", link)
		}
		codes[i] = code
	}
	return codes
}

func TestIdentitySettings(t *testing.T) {
	jwks := filepath.Join(t.TempDir(), "no.json")
	for _, tc := range []struct{ name, identity, want string }{
		{"a grade nobody knows", "{require: royal}", "channels.show.identity.require: "},
		{"a PIN that can be guessed", "{pin: \"12\"}", "channels.show.identity.pin: "},
		{"two PINs", "{pin: \"4711\", pin_file: x}", "channels.show.identity.pin: "},
		{"a PIN that is missing", "{require: pin}", "channels.show.identity.pin: "},
		{"an account of nobody", "{require: account}", "channels.show.identity.jwt: "},
		{"a site without a key", "{jwt: {issuer: a, audience: b}}", "channels.show.identity.jwt.secret_file"},
		{"a site without an issuer", "{jwt: {key_file: a, audience: b}}", "channels.show.identity.jwt.issuer"},
		{"none", "{jwt: {key_file: a, issuer: a, audience: b, algorithms: [none]}}", "channels.show.identity.jwt.algorithms"},
		{"an unknown key", "{jwt: {keys: a}}", "[3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readSettings(writeFile(t, "channels:\n  show:\n    identity: "+tc.identity+"\n"), listenFlags{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
		})
	}
	file := writeFile(t, "channels: {show: {identity: {jwt: {jwks_file: "+jwks+", issuer: a, audience: b}}}}\n")
	if _, err := command(t, quiet(t), "serve", "--config", file); err == nil || !strings.Contains(err.Error(), jwks) {
		t.Errorf("AD10 a file of keys that is not there: %v", err)
	}
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte("12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file = writeFile(t, "channels: {show: {identity: {require: pin, pin_file: "+pin+"}}}\n")
	if _, err := command(t, quiet(t), "serve", "--config", file); err == nil || !strings.Contains(err.Error(), "pin: ") {
		t.Errorf("AD10 a short PIN in a file: %v", err)
	}
	file = writeFile(t, "channels: {show: {identity: {require: pin, pin: abracadabra}}}\n")
	if out, err := command(t, nil, "check-config", "--config", file); err != nil || strings.Contains(out, "abracadabra") {
		t.Errorf("AD8 the PIN is printed: %s, %v", out, err)
	}
}

// TestIdentityOfViewers goes through all ways in, with the server as it is.
func TestIdentityOfViewers(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	const shared = "a secret of thirty-two bytes, or more"
	if err := os.WriteFile(secret, []byte(shared+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := onAir(t, "channels: {show: {identity: {require: pin, pin: sesame, jwt: {secret_file: "+secret+", issuer: https://host.example, audience: show}}}}\n")
	refused := func(hello wire.Hello, want wire.CloseCode) {
		t.Helper()
		if bye := hears[*wire.Bye](s.visit(t, hello)); bye.Code != int(want) || bye.Reconnect != want.Reconnect() {
			t.Errorf("AD2 refused with %d %q, want %d", bye.Code, bye.Reason, want)
		}
	}
	admitted := func(hello wire.Hello, grade string) *wire.Welcome {
		t.Helper()
		w := hears[*wire.Welcome](s.visit(t, hello))
		if w.Grade != grade || w.Token == "" {
			t.Errorf("AD2 welcome of grade %q, want %q", w.Grade, grade)
		}
		return w
	}
	refused(wire.Hello{}, wire.ClosePIN)
	refused(wire.Hello{PIN: "guess"}, wire.ClosePIN)
	typed := admitted(wire.Hello{PIN: "sesame"}, wire.GradePIN)
	if again := admitted(wire.Hello{Token: typed.Token}, wire.GradePIN); again.Participant != typed.Participant {
		t.Errorf("AD3 %s came back as %s", typed.Participant, again.Participant)
	}

	link := s.links(t, 2)[0]
	first := admitted(wire.Hello{Link: link}, wire.GradeLink)
	refused(wire.Hello{Link: link}, wire.CloseLink)
	refused(wire.Hello{Link: "no-such-link"}, wire.CloseLink)
	if again := admitted(wire.Hello{Token: first.Token, Link: link}, wire.GradeLink); again.Participant != first.Participant {
		t.Errorf("AD4 %s came back as %s", first.Participant, again.Participant)
	}

	sign := func(expires time.Time) string {
		tok, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "https://host.example", "aud": "show", "sub": "ann", "exp": expires.Unix(),
		}).SignedString([]byte(shared))
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	phone := admitted(wire.Hello{Token: sign(time.Now().Add(time.Minute))}, wire.GradeAccount)
	tv := admitted(wire.Hello{Token: sign(time.Now().Add(time.Hour))}, wire.GradeAccount)
	if phone.Participant != tv.Participant {
		t.Errorf("AD6 one person is %s and %s", phone.Participant, tv.Participant)
	}
	refused(wire.Hello{Token: sign(time.Now().Add(-time.Hour))}, wire.CloseDenied)

	var seen struct{ Viewers []wire.RosterViewer }
	if status := s.call(t, http.MethodGet, "/api/v1/channels/show/participants", "", &seen); status != http.StatusOK {
		t.Fatalf("participants: %d", status)
	}
	grades := make(map[string]string)
	for _, v := range seen.Viewers {
		grades[v.Participant] = v.Grade
	}
	for id, want := range map[string]string{typed.Participant: wire.GradePIN, first.Participant: wire.GradeLink, tv.Participant: wire.GradeAccount} {
		if grades[id] != want {
			t.Errorf("AD2 the producer sees %s as %q, want %q", id, grades[id], want)
		}
	}
}

// TestLinkSurvivesARestart: a link that was used stays used.
func TestLinkSurvivesARestart(t *testing.T) {
	e := quiet(t)
	file := writeFile(t, "channels: {show: {identity: {require: link}}}\n")
	tok, err := command(t, e, "token", "producer", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	serve := func() (*station, func() error) {
		text, stop := announced(t, e, "serve", "--config", file)
		return &station{web: webAddress.FindString(text), text: text, token: strings.TrimSpace(tok)}, stop
	}
	s, stop := serve()
	link := s.links(t, 1)[0]
	owner := hears[*wire.Welcome](s.visit(t, wire.Hello{Link: link}))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, stop = serve()
	if bye := hears[*wire.Bye](s.visit(t, wire.Hello{Link: link})); bye.Code != int(wire.CloseLink) {
		t.Errorf("AD4 after a restart another device is told %d %q", bye.Code, bye.Reason)
	}
	if back := hears[*wire.Welcome](s.visit(t, wire.Hello{Token: owner.Token, Link: link})); back.Participant != owner.Participant {
		t.Errorf("AD4 after a restart %s is %s", owner.Participant, back.Participant)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
