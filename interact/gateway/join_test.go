package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func TestWelcomeComesFirst(t *testing.T) {
	r := &room{}
	inRig(t, r, nil, func(rig *rig) {
		joining, release := make(chan struct{}), make(chan struct{})
		r.join = func(context.Context, string, string) (wire.Welcome, error) {
			close(joining)
			<-release
			return wire.Welcome{Title: "Tonight", Cues: []wire.Cue{cueChanged("c1", wire.StateArmed).Cue}}, nil
		}
		c := rig.dial(nil).listen()
		c.say(&wire.Hello{Version: 1, Channel: "show"})
		<-joining
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateKeyed))
		rig.g.Broadcast("show", wire.Producers, cueChanged("c2", wire.StateDraft))
		synctest.Wait() // spread while the snapshot is being taken
		time.Sleep(20 * time.Millisecond)
		close(release)

		w := expect[*wire.Welcome](c)
		if w.Version != 1 || w.Channel != "show" || w.Title != "Tonight" || w.Role != wire.RoleViewer || w.ClockEpoch != 7 ||
			w.Now != base.Add(20*time.Millisecond) || len(w.Cues) != 1 || w.Tallies == nil || w.Receipts == nil {
			t.Errorf("welcome = %+v", w)
		}
		if m := expect[*wire.CueChanged](c); m.Cue.State != wire.StateKeyed {
			t.Errorf("GW1 broadcast = %+v, want the one made meanwhile", m)
		}
		c.quiet()
	})
}

func TestViewerIdentity(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		_, first := rig.viewer("")
		if first.Token == "" || first.Participant == "" {
			t.Fatalf("GW5 welcome of a newcomer = %+v", first)
		}
		claims, err := rig.keys.Verify(first.Token, time.Now())
		if err != nil || claims.Subject != first.Participant || claims.Role != token.RoleViewer ||
			claims.Expires.Sub(time.Now()) < 29*24*time.Hour {
			t.Errorf("GW5 token says %+v, %v", claims, err)
		}
		if _, again := rig.viewer(first.Token); again.Participant != first.Participant || again.Token != first.Token {
			t.Errorf("GW5 came back as %q, was %q", again.Participant, first.Participant)
		}
		if _, other := rig.viewer(""); other.Participant == first.Participant {
			t.Error("GW5 two newcomers are one participant")
		}
		if _, forged := rig.viewer(first.Token + "x"); forged.Participant == first.Participant || forged.Token == "" {
			t.Errorf("GW5 a forged token gave %q", forged.Participant)
		}
		if _, boss := rig.viewer(rig.token(token.RoleProducer, "producer")); boss.Participant == "producer" || boss.Role != wire.RoleViewer {
			t.Errorf("GW5 a producer's token made viewer %+v", boss)
		}
		now := time.Now()
		old, err := rig.keys.Mint(token.Claims{Role: token.RoleViewer, Subject: "p7", Expires: now.Add(14 * 24 * time.Hour)}, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, renewed := rig.viewer(old); renewed.Participant != "p7" || renewed.Token == old {
			t.Errorf("GW5 a token half used up was not renewed: %+v", renewed)
		}
	})
}

func TestProducerIdentity(t *testing.T) {
	var cookie *token.Claims
	inRig(t, &room{}, func(c *gateway.Config) {
		c.Origins = []string{"https://friend.example"}
		c.SignedIn = func(*http.Request) (token.Claims, bool) {
			if cookie == nil {
				return token.Claims{}, false
			}
			return *cookie, true
		}
	}, func(rig *rig) {
		join := func(origin, tok string) *client {
			h := http.Header{}
			if origin != "" {
				h.Set("Origin", origin)
			}
			c := rig.dial(h).listen()
			c.say(&wire.Hello{Version: 1, Channel: "show", Role: wire.RoleProducer, Token: tok})
			return c
		}
		if w := expect[*wire.Welcome](join("", rig.token(token.RoleProducer, "ann", "show"))); w.Participant != "ann" || w.Role != wire.RoleProducer || w.Token != "" {
			t.Errorf("GW6 welcome = %+v", w)
		}
		join("", "").closed(wire.CloseDenied)
		join("", rig.token(token.RoleViewer, "p1")).closed(wire.CloseDenied)
		join("", rig.token(token.RoleProducer, "ann", "other")).closed(wire.CloseDenied)
		join("", "nonsense").closed(wire.CloseDenied)

		cookie = &token.Claims{Role: token.RoleProducer, Subject: "bob"}
		if w := expect[*wire.Welcome](join("http://show.test", "")); w.Participant != "bob" {
			t.Errorf("GW6 by cookie = %+v", w)
		}
		join("https://friend.example", "").closed(wire.CloseDenied)
		join("http://show.test", "nonsense").closed(wire.CloseDenied)
	})
}

func TestHelloRefused(t *testing.T) {
	text := func(s string) func(*client) {
		return func(c *client) { c.write(websocket.TextMessage, []byte(s)) }
	}
	for _, tc := range []struct {
		name  string
		first func(*client)
		want  wire.CloseCode
	}{
		{"GW9 another version", text(`{"t":"hello","v":2,"channel":"show"}`), wire.CloseVersion},
		{"GW9 unknown channel", text(`{"t":"hello","v":1,"channel":"nope"}`), wire.CloseChannel},
		{"GW9 unknown role", text(`{"t":"hello","v":1,"channel":"show","role":"admin"}`), wire.CloseInvalid},
		{"GW9 not hello", text(`{"t":"status","class":"in"}`), wire.CloseInvalid},
		{"GW9 not JSON", text(`hi`), wire.CloseInvalid},
		{"GW9 binary", func(c *client) { c.write(websocket.BinaryMessage, wire.Ping{}.Append(nil)) }, wire.CloseInvalid},
		{"GW9 too long", text(`{"t":"hello","v":1,"channel":"` + strings.Repeat("x", wire.MaxClientMessage) + `"}`), wire.CloseInvalid},
		{"GW9 silence", func(*client) {}, wire.CloseHello},
		{"GW9 nothing but pings", func(c *client) {
			for range 4 {
				c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
				time.Sleep(time.Second)
			}
		}, wire.CloseHello},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inRig(t, &room{}, nil, func(rig *rig) {
				start := time.Now()
				c := rig.dial(nil).listen()
				tc.first(c)
				c.closed(tc.want)
				if took := time.Since(start); tc.want == wire.CloseHello && took != 5*time.Second {
					t.Errorf("waited %v, want 5s", took)
				}
			})
		})
	}
}

func TestRoomRefusesJoin(t *testing.T) {
	for err, want := range map[error]wire.CloseCode{
		interact.Errorf(interact.CodeNotAdmitted, "no"): wire.CloseDenied,
		interact.Errorf(interact.CodeBusy, "no"):        wire.CloseBusy,
		errors.New("disk gone"):                         wire.CloseError,
	} {
		r := &room{join: func(context.Context, string, string) (wire.Welcome, error) { return wire.Welcome{}, err }}
		inRig(t, r, nil, func(rig *rig) {
			c := rig.dial(nil).listen()
			c.say(&wire.Hello{Version: 1, Channel: "show"})
			c.closed(want)
			synctest.Wait()
			if n := rig.g.Viewers("show"); n != 0 {
				t.Errorf("%d viewers after a refused join", n)
			}
		})
	}
}

func TestStopDuringJoin(t *testing.T) {
	r := &room{join: func(ctx context.Context, _, _ string) (wire.Welcome, error) {
		<-ctx.Done()
		return wire.Welcome{}, ctx.Err()
	}}
	inRig(t, r, nil, func(rig *rig) {
		silent, joining := rig.dial(nil).listen(), rig.dial(nil).listen()
		joining.say(&wire.Hello{Version: 1, Channel: "show"})
		synctest.Wait()
		start := time.Now()
		if err := rig.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("GW12 stopped after %v", took)
		}
		silent.closed(wire.CloseRestart)
		joining.closed(wire.CloseRestart)
	})
}

func TestHandshakeRefused(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) {
		c.Origins = []string{"https://friend.example"}
		c.Limits.Connections = 2
	}, func(rig *rig) {
		status := func(header http.Header) int {
			t.Helper()
			ws, resp, err := rig.handshake(header)
			if err == nil {
				rig.t.Cleanup(func() { ws.Close() })
				return http.StatusSwitchingProtocols
			}
			if resp == nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			return resp.StatusCode
		}
		for _, tc := range []struct {
			origin string
			want   int
		}{
			{"https://evil.example", 403},
			{"null", 403},
			{"https://Friend.example", 101},
			{"http://SHOW.test", 101},
			{"", 503}, // two are open
		} {
			h := http.Header{}
			if tc.origin != "" {
				h.Set("Origin", tc.origin)
			}
			if got := status(h); got != tc.want {
				t.Errorf("origin %q: %d, want %d", tc.origin, got, tc.want)
			}
		}
		if s := rig.g.Stats(); s.RefusedOrigin != 2 || s.RefusedFull != 1 || s.Connections != 2 {
			t.Errorf("stats = %+v", s)
		}
		client := &http.Client{Transport: &http.Transport{DialContext: rig.ln.dial, DisableKeepAlives: true}}
		resp, err := client.Get("http://show.test/ws/v1")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("plain GET: %d, want 426", resp.StatusCode)
		}
		d := websocket.Dialer{NetDialContext: rig.ln.dial}
		if _, resp, err := d.Dial("ws://show.test/ws/v1", nil); err == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("without the subprotocol: %v, want 400", err)
		}
	})
}

func TestPerAddressAndParticipant(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.PerAddress = 4; c.Limits.PerParticipant = 2 }, func(rig *rig) {
		one, w := rig.viewer("")
		two, _ := rig.viewer(w.Token)
		three := rig.dial(nil).listen()
		three.say(&wire.Hello{Version: 1, Channel: "show", Token: w.Token})
		three.closed(wire.CloseTooMany)
		synctest.Wait()
		one.ws.Close()
		synctest.Wait()
		rig.viewer(w.Token) // its place is free again
		rig.viewer("")
		rig.viewer("")
		if _, resp, err := rig.handshake(nil); err == nil || resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("the fifth of one address: %v, want 429", err)
		}
		two.ws.Close()
		synctest.Wait()
		rig.viewer("")
	})
}
