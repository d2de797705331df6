package audience_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/audience"
	"github.com/cuelight/cuelight/sync/clock"
)

// after answers the second option a second after the opening.
func after(d time.Duration) audience.Behaviour {
	return func(*rand.Rand, wire.Cue) (audience.Reaction, bool) {
		return audience.Reaction{After: d, Choice: []int{1}}, true
	}
}

func keyed(id string, o clock.Instant, window time.Duration) wire.Cue {
	return wire.Cue{
		ID: id, Rev: 1, Kind: "poll", Policy: "wall", State: wire.StateKeyed, Open: o, Close: o.Add(window),
		Window: window.Milliseconds(), Choices: 2, Results: "live", Seal: sealed(id), Key: encode(sealKey),
	}
}

var sealKey = make([]byte, 32)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sealed is the question "?" on channel show, sealed at revision 1.
func sealed(cue string) *wire.Seal {
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	iv := make([]byte, gcm.NonceSize())
	text := gcm.Seal(nil, iv, []byte(`{"title":"?","options":["a","b"]}`), []byte("show\n"+cue+"\n1"))
	return &wire.Seal{KeyID: "k-" + cue, IV: encode(iv), Text: encode(text), Rev: 1}
}

// keyOf is the message that opens the seal of a cue.
func keyOf(cue string, key []byte) *wire.Key {
	return &wire.Key{Cue: cue, Rev: 1, KeyID: "k-" + cue, Key: encode(key)}
}

// watch runs v in the bubble until the test ends, and returns Run's error.
func watch(t *testing.T, v *audience.Viewer) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error {
		cancel()
		return <-done
	}
}

// bubble runs a viewer against a peer in virtual time.
func bubble(t *testing.T, v *audience.Viewer, f func(t *testing.T, p *peer)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		v.URL, v.Channel, v.Dial = "ws://server/ws/v1", "show", inMemory(t, p).dial
		f(t, p)
	})
}

func TestViewerOpensByItsClock(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(1500 * time.Millisecond)}
	bubble(t, v, func(t *testing.T, p *peer) {
		stop := watch(t, v)
		time.Sleep(2 * time.Second)
		o := epochStart.Add(5 * time.Second)
		p.broadcast(&wire.CueChanged{Cue: keyed("q1", o, 10*time.Second)})
		time.Sleep(3*time.Second - time.Microsecond)
		synctest.Wait()
		if n := see(p, func(p *peer) int { return len(p.opened) }); n != 0 {
			t.Fatal("the window opened before O")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		opened := see(p, func(p *peer) []wire.Opened { return p.opened })
		if len(opened) != 1 || opened[0].At != o || opened[0].Rev != 1 || opened[0].Late || opened[0].Class != wire.ClassNone {
			t.Fatalf("opened %+v, want once at %d", opened, o)
		}
		time.Sleep(20 * time.Second)
		answers := see(p, func(p *peer) []stamped { return p.answers })
		if want := o.Add(1500 * time.Millisecond); len(answers) != 1 || answers[0].At != want || answers[0].at != want {
			t.Fatalf("answers %+v, want one at %d", answers, want)
		}
		if a := answers[0]; a.Cue != "q1" || a.Rev != 1 || len(a.Choice) != 1 || a.Choice[0] != 1 || a.Dispersion <= 0 || a.ID == "" {
			t.Errorf("answer %+v", a)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		synctest.Wait()
		if byes := see(p, func(p *peer) []int { return p.byes }); len(byes) != 1 || byes[0] != websocket.CloseNormalClosure {
			t.Errorf("left with %v, want %d", byes, websocket.CloseNormalClosure)
		}
	})
}

// A window never opens because its message came, and never without its key.
func TestViewerWaitsForTheKey(t *testing.T) {
	var read wire.Text
	v := &audience.Viewer{Behaviour: func(_ *rand.Rand, c wire.Cue) (audience.Reaction, bool) {
		read = *c.Text
		return audience.Reaction{After: time.Second, Choice: []int{1}}, true
	}}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(time.Second)
		o := epochStart.Add(3 * time.Second)
		cue := keyed("q1", o, 10*time.Second)
		armed := cue
		armed.State, armed.Key = wire.StateArmed, ""
		p.broadcast(&wire.CueChanged{Cue: armed})
		time.Sleep(2 * time.Second)
		other := keyOf("q1", sealKey)
		other.KeyID = "k-q2"
		p.broadcast(other)
		p.broadcast(keyOf("q1", make([]byte, 7)))
		p.broadcast(keyOf("q1", []byte("not the key but as long as one..")))
		time.Sleep(2 * time.Second)
		if n := see(p, func(p *peer) int { return len(p.opened) }); n != 0 {
			t.Fatal("opened without a key")
		}
		p.broadcast(keyOf("q1", sealKey))
		synctest.Wait()
		opened := see(p, func(p *peer) []wire.Opened { return p.opened })
		if len(opened) != 1 || opened[0].At != epochStart.Add(5*time.Second) {
			t.Fatalf("opened %+v, want when the key came", opened)
		}
		if read.Title != "?" || len(read.Options) != 2 || read.Options[1] != "b" {
			t.Errorf("read %+v", read)
		}
	})
}

// A paused window stays: who wanted to answer meanwhile does so when it goes on,
// and it closes at the C that it has then.
func TestViewerWaitsOutAPause(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(3 * time.Second)}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(time.Second)
		o := epochStart.Add(2 * time.Second)
		cue := keyed("q1", o, 10*time.Second)
		p.broadcast(&wire.CueChanged{Cue: cue})
		time.Sleep(2 * time.Second) // 3 s
		cue.Rev, cue.State, cue.Pause, cue.Remaining = 2, wire.StateOpen, o.Add(2*time.Second), 8000
		p.broadcast(&wire.CueChanged{Cue: cue})
		time.Sleep(27 * time.Second) // 30 s: long after C as it was
		if a, c := see(p, func(p *peer) int { return len(p.answers) }), see(p, func(p *peer) int { return len(p.closed) }); a != 0 || c != 0 {
			t.Fatalf("%d answers, %d closings in a pause", a, c)
		}
		cue.Rev, cue.Resume, cue.Close = 3, o.Add(30*time.Second), o.Add(38*time.Second)
		p.broadcast(&wire.CueChanged{Cue: cue})
		time.Sleep(20 * time.Second)
		answers := see(p, func(p *peer) []stamped { return p.answers })
		if len(answers) != 1 || answers[0].At != cue.Resume {
			t.Errorf("answers %+v, want one when it goes on", answers)
		}
		if closed := see(p, func(p *peer) []wire.Closed { return p.closed }); len(closed) != 1 || closed[0].At != cue.Close || closed[0].Rev != 3 {
			t.Errorf("closed %+v, want once at %d", closed, cue.Close)
		}
	})
}

// What the server has measured comes back to it with the next hello.
func TestViewerBringsItsGrace(t *testing.T) {
	v := &audience.Viewer{BackoffMin: 100 * time.Millisecond}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(time.Second)
		p.broadcast(&wire.Grace{Token: "measured", Until: epochStart.Add(time.Minute)})
		synctest.Wait()
		p.each(func(c *peerConn) { c.close(wire.CloseRestart) })
		time.Sleep(5 * time.Second)
		hellos := see(p, func(p *peer) []wire.Hello { return p.hellos })
		if len(hellos) != 2 || hellos[0].Grace != "" || hellos[1].Grace != "measured" {
			t.Errorf("hellos %+v", hellos)
		}
	})
}

func TestViewerRetries(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(time.Second), BackoffMin: 100 * time.Millisecond}
	bubble(t, v, func(t *testing.T, p *peer) {
		receipts := 0
		v.Hooks.Receipt = func(string, wire.Receipt) { receipts++ }
		receipt := p.answer
		p.answer = func(*peerConn, wire.Answer) {} // says nothing
		stop := watch(t, v)
		time.Sleep(time.Second)
		o := epochStart.Add(2 * time.Second)
		cue := keyed("q1", o, time.Minute)
		p.broadcast(&wire.CueChanged{Cue: cue})
		time.Sleep(6500 * time.Millisecond) // 7.5 s: answers at 3, 5 and 7 s
		answers := see(p, func(p *peer) []stamped { return p.answers })
		if len(answers) != 3 || answers[1].at.Sub(answers[0].at) != 2*time.Second || answers[2].at.Sub(answers[1].at) != 2*time.Second {
			t.Fatalf("answers %+v, want three, 2 s apart", answers)
		}
		see(p, func(p *peer) int {
			p.welcome = func(h wire.Hello) *wire.Welcome { return p.hall(h, cue) }
			p.answer = receipt
			return 0
		})
		p.each(func(c *peerConn) { c.ws.Close() })
		time.Sleep(10 * time.Second)
		hellos := see(p, func(p *peer) []wire.Hello { return p.hellos })
		if len(hellos) != 2 || hellos[0].Token != "" || hellos[1].Token != "token-1" {
			t.Fatalf("hellos %+v, want a second with the token of the welcome", hellos)
		}
		answers = see(p, func(p *peer) []stamped { return p.answers })
		if len(answers) != 4 {
			t.Fatalf("%d answers, want one more after coming back", len(answers))
		}
		for _, a := range answers {
			if a.ID != answers[0].ID || a.At != answers[0].At {
				t.Errorf("answer changed from %+v to %+v", answers[0], a)
			}
		}
		if stop(); receipts != 1 {
			t.Errorf("%d receipts", receipts)
		}
	})
}

// What welcome already acknowledges is not sent again.
func TestViewerTakesReceiptsFromWelcome(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(time.Second), BackoffMin: 100 * time.Millisecond}
	bubble(t, v, func(t *testing.T, p *peer) {
		var got []wire.Receipt
		v.Hooks.Receipt = func(_ string, r wire.Receipt) { got = append(got, r) }
		p.answer = func(c *peerConn, a wire.Answer) { c.ws.Close() } // counted, then killed
		stop := watch(t, v)
		time.Sleep(time.Second)
		cue := keyed("q1", epochStart.Add(2*time.Second), time.Minute)
		see(p, func(p *peer) int {
			p.welcome = func(h wire.Hello) *wire.Welcome {
				w := p.hall(h, cue)
				w.Receipts = []wire.Receipt{{Cue: "q1", Choice: []int{1}, Seq: 9, Level: "log"}}
				return w
			}
			return 0
		})
		p.broadcast(&wire.CueChanged{Cue: cue})
		time.Sleep(20 * time.Second)
		if stop(); len(got) != 1 || got[0].Seq != 9 {
			t.Errorf("receipts %+v", got)
		}
		if n := see(p, func(p *peer) int { return len(p.answers) }); n != 1 {
			t.Errorf("%d answers, want 1", n)
		}
	})
}

func TestViewerOpensWhileCutOff(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(time.Second), BackoffMin: 500 * time.Millisecond, BackoffMax: time.Second}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(time.Second)
		o := epochStart.Add(3 * time.Second)
		cue := keyed("q1", o, 30*time.Second)
		p.broadcast(&wire.CueChanged{Cue: cue})
		synctest.Wait()
		see(p, func(p *peer) int {
			p.refuse = http.StatusServiceUnavailable
			p.welcome = func(h wire.Hello) *wire.Welcome { return p.hall(h, cue) }
			return 0
		})
		p.each(func(c *peerConn) { c.ws.Close() })
		time.Sleep(5 * time.Second)
		see(p, func(p *peer) int { p.refuse = 0; return 0 })
		time.Sleep(3 * time.Second)
		opened := see(p, func(p *peer) []wire.Opened { return p.opened })
		if len(opened) != 1 || opened[0].At != o || opened[0].Late {
			t.Errorf("opened %+v, want at %d", opened, o)
		}
		answers := see(p, func(p *peer) []stamped { return p.answers })
		if len(answers) != 1 || answers[0].At != o.Add(time.Second) || answers[0].at < o.Add(3*time.Second) {
			t.Errorf("answers %+v, want one given at %d and sent after coming back", answers, o.Add(time.Second))
		}
	})
}

func TestViewerJoinsLate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before time.Duration // the close comes so much after the viewer
		opens  bool
	}{
		{"inside the window", 5 * time.Second, true},
		{"in its last 3 s", 2 * time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := &audience.Viewer{Behaviour: after(time.Second)}
			bubble(t, v, func(t *testing.T, p *peer) {
				c := epochStart.Add(tc.before)
				p.welcome = func(h wire.Hello) *wire.Welcome {
					return p.hall(h, keyed("q1", c.Add(-10*time.Second), 10*time.Second))
				}
				defer watch(t, v)()
				time.Sleep(10 * time.Second)
				opened := see(p, func(p *peer) []wire.Opened { return p.opened })
				if got := len(opened) == 1; got != tc.opens {
					t.Fatalf("opened %+v", opened)
				}
				if tc.opens && (!opened[0].Late || opened[0].At > epochStart.Add(100*time.Millisecond)) {
					t.Errorf("opened %+v, want at once and marked late", opened[0])
				}
			})
		})
	}
}

func TestViewerAppliesRevisions(t *testing.T) {
	o := epochStart.Add(4 * time.Second)
	cue := func(rev int, s wire.State, o clock.Instant) wire.Cue {
		c := keyed("q1", o, 20*time.Second)
		c.Rev, c.State = rev, s
		return c
	}
	for _, tc := range []struct {
		name string
		then wire.Cue
		want clock.Instant // of the opening, 0 for none
	}{
		{"W5 a higher revision moves the window", cue(2, wire.StateKeyed, o.Add(time.Second)), o.Add(time.Second)},
		{"W5 a lower one is old news", cue(0, wire.StateVoid, o), o},
		{"W5 the same with an earlier state is old news", cue(1, wire.StateScheduled, o.Add(time.Second)), o},
		{"W5 the same with a later state counts", cue(1, wire.StateCancelled, o), 0},
		{"W5 so does a void", cue(2, wire.StateVoid, o), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := &audience.Viewer{Behaviour: after(time.Second)}
			bubble(t, v, func(t *testing.T, p *peer) {
				defer watch(t, v)()
				time.Sleep(time.Second)
				p.broadcast(&wire.CueChanged{Cue: cue(1, wire.StateKeyed, o)})
				p.broadcast(&wire.CueChanged{Cue: tc.then})
				time.Sleep(15 * time.Second)
				var got clock.Instant
				for _, op := range see(p, func(p *peer) []wire.Opened { return p.opened }) {
					got = op.At
				}
				if got != tc.want {
					t.Errorf("opened at %d, want %d", got, tc.want)
				}
				if n := see(p, func(p *peer) int { return len(p.answers) }); (n == 1) != (tc.want != 0) {
					t.Errorf("%d answers", n)
				}
			})
		})
	}
}

func TestViewerRefused(t *testing.T) {
	for _, tc := range []struct {
		code interact.Code
		want int // answers sent
	}{
		{interact.CodeLate, 1},
		{interact.CodeTooFast, 1},
		{interact.CodeBusy, 3},
		{interact.CodeUnavailable, 3},
	} {
		t.Run(string(tc.code), func(t *testing.T) {
			v := &audience.Viewer{Behaviour: after(time.Second)}
			bubble(t, v, func(t *testing.T, p *peer) {
				receipt := p.answer
				p.answer = func(c *peerConn, a wire.Answer) {
					if len(p.answers) == 3 {
						receipt(c, a)
						return
					}
					c.send(t, &wire.Refused{ID: a.ID, Cue: a.Cue, Code: string(tc.code)})
				}
				defer watch(t, v)()
				time.Sleep(time.Second)
				p.broadcast(&wire.CueChanged{Cue: keyed("q1", epochStart.Add(2*time.Second), 20*time.Second)})
				time.Sleep(30 * time.Second)
				if n := see(p, func(p *peer) int { return len(p.answers) }); n != tc.want {
					t.Errorf("%d answers, want %d", n, tc.want)
				}
			})
		})
	}
}

func TestViewerStatus(t *testing.T) {
	v := &audience.Viewer{}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(500 * time.Millisecond)
		first := see(p, func(p *peer) []wire.Status { return p.status })
		if len(first) != 1 || !first[0].Synced || first[0].Class != wire.ClassNone || first[0].Dispersion <= 0 {
			t.Fatalf("status %+v, want one once synced", first)
		}
		time.Sleep(30 * time.Second)
		if n := see(p, func(p *peer) int { return len(p.status) }); n != 4 {
			t.Errorf("%d heartbeats in 30 s, want one every 10 s", n)
		}
	})
}

// A server with another clock: what was measured of the old one is dropped.
func TestViewerFollowsANewClock(t *testing.T) {
	v := &audience.Viewer{Behaviour: after(time.Second)}
	bubble(t, v, func(t *testing.T, p *peer) {
		defer watch(t, v)()
		time.Sleep(time.Second)
		see(p, func(p *peer) int {
			p.room = clock.NewRoom(time.Now(), epochStart.Add(time.Hour), 8)
			return 0
		})
		p.each(func(c *peerConn) { c.close(wire.CloseRestart) })
		time.Sleep(2 * time.Second)
		o := epochStart.Add(time.Hour + 5*time.Second)
		p.broadcast(&wire.CueChanged{Cue: keyed("q1", o, 10*time.Second)})
		time.Sleep(5 * time.Second)
		if opened := see(p, func(p *peer) []wire.Opened { return p.opened }); len(opened) != 1 || opened[0].At != o {
			t.Errorf("CL2 opened %+v, want at %d", opened, o)
		}
	})
}

func TestViewerClosed(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, c *peerConn)
		code int // of the error; 0: comes back
		wait time.Duration
	}{
		{"a restart", func(_ *testing.T, c *peerConn) { c.close(wire.CloseRestart) }, 0, 0},
		{"a broken connection", func(_ *testing.T, c *peerConn) { c.ws.Close() }, 0, 0},
		{"a refused token", func(_ *testing.T, c *peerConn) { c.close(wire.CloseDenied) }, int(wire.CloseDenied), 0},
		{"bye, not yet", func(t *testing.T, c *peerConn) {
			c.send(t, &wire.Bye{Code: int(wire.CloseBusy), Reconnect: true, After: 5000})
			c.close(wire.CloseBusy)
		}, 0, 5 * time.Second},
		{"bye for good", func(t *testing.T, c *peerConn) {
			c.send(t, &wire.Bye{Code: int(wire.CloseChannel), Reason: "gone"})
			c.ws.Close()
		}, int(wire.CloseChannel), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := &audience.Viewer{BackoffMin: time.Second}
			bubble(t, v, func(t *testing.T, p *peer) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- v.Run(ctx) }()
				time.Sleep(time.Second)
				p.each(func(c *peerConn) { tc.end(t, c) })
				time.Sleep(tc.wait)
				synctest.Wait()
				if n := see(p, func(p *peer) int { return len(p.hellos) }); n != 1 {
					t.Errorf("came back within %v", tc.wait)
				}
				time.Sleep(2 * time.Second)
				if n := see(p, func(p *peer) int { return len(p.hellos) }); (n == 2) != (tc.code == 0) {
					t.Errorf("%d hellos", n)
				}
				if tc.code == 0 {
					cancel()
				}
				err := <-done
				if away, ok := errors.AsType[*audience.TurnedAwayError](err); ok != (tc.code != 0) || ok && away.Code != tc.code {
					t.Errorf("Run = %v", err)
				}
			})
		})
	}
}

func TestViewerHandshake(t *testing.T) {
	for _, tc := range []struct {
		status int
		final  bool
	}{{http.StatusNotFound, true}, {http.StatusForbidden, true}, {http.StatusTooManyRequests, false}, {http.StatusServiceUnavailable, false}} {
		t.Run(http.StatusText(tc.status), func(t *testing.T) {
			v := &audience.Viewer{}
			bubble(t, v, func(t *testing.T, p *peer) {
				p.refuse = tc.status
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := v.Run(ctx); (err != nil) != tc.final {
					t.Errorf("Run = %v", err)
				}
			})
		})
	}
}

// Full jitter: the limit doubles with every attempt, up to the maximum.
func TestViewerBackoff(t *testing.T) {
	v := &audience.Viewer{BackoffMin: time.Second, BackoffMax: 8 * time.Second}
	bubble(t, v, func(t *testing.T, p *peer) {
		p.refuse = http.StatusServiceUnavailable
		attempts := 0
		dial := v.Dial
		v.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			attempts++
			return dial(ctx, network, addr)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := v.Run(ctx); err != nil {
			t.Fatal(err)
		}
		// 8 s at most is 4 s on average: about 150 attempts.
		if attempts < 110 || attempts > 200 {
			t.Errorf("%d attempts in 10 min", attempts)
		}
	})
}
