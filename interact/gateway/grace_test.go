package gateway_test

import (
	"encoding/base64"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

// never is the delay of a line that answers no ping.
const never = time.Duration(-1)

// hello opens a socket that answers pings after delay, and joins with a grace
// token.
func (r *rig) hello(channel, tok, grace string, delay time.Duration) (*client, *wire.Welcome) {
	r.t.Helper()
	c := r.dial(nil)
	c.ws.SetPingHandler(func(payload string) error {
		if delay == never {
			return nil
		}
		time.Sleep(delay)
		return c.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
	})
	c.listen()
	c.say(&wire.Hello{Version: wire.Version, Channel: channel, Token: tok, Grace: grace})
	return c, expect[*wire.Welcome](c)
}

// grace waits for what the client is told of its line.
func (c *client) grace() (*wire.Grace, time.Time) {
	c.t.Helper()
	f := <-c.graces
	return f.msg.(*wire.Grace), f.at
}

// lines is a room that writes down with which line answers came.
func lines() (*room, *[]interact.Line) {
	var got []interact.Line
	return &room{answer: func(a interact.Answer, done func(interact.Receipt, error)) {
		got = append(got, a.Line)
		done(receiptFor(a), nil)
	}}, &got
}

func TestGraceComesBack(t *testing.T) {
	r, got := lines()
	inRig(t, r, nil, func(rig *rig) {
		began := time.Now()
		slow, w := rig.hello("show", "", "", 200*time.Millisecond)
		g, at := slow.grace()
		if at.Sub(began) != 600*time.Millisecond || g.Until <= base || g.Token == "" {
			t.Errorf("GW13 told %+v after %v, want after three pings", g, at.Sub(began))
		}
		// Its new connection has measured nothing yet.
		c, again := rig.hello("show", w.Token, g.Token, never)
		if again.Participant != w.Participant {
			t.Fatal("another participant")
		}
		c.say(answer("a1", 0))
		expect[*wire.Receipt](c)
		if l := (*got)[0]; l.RTTMin != 200*time.Millisecond || l.Jitter != 0 {
			t.Errorf("GW13 line = %+v, want what was measured before", l)
		}
		if s := rig.g.Stats(); s.GoodGraces != 1 || s.BadGraces != 0 {
			t.Errorf("GW13 counted %d good, %d bad", s.GoodGraces, s.BadGraces)
		}
		fast, _ := rig.hello("show", w.Token, g.Token, time.Millisecond)
		fast.grace()
		fast.say(answer("a2", 0))
		expect[*wire.Receipt](fast)
		if l := (*got)[1]; l.RTTMin != time.Millisecond {
			t.Errorf("GW13 line = %+v, want its own", l)
		}
	})
}

// TestGraceIsRefused shows tokens that are worth nothing: the viewer joins as if
// it had none.
func TestGraceIsRefused(t *testing.T) {
	flip := func(tok string, at int) string {
		raw, err := base64.RawURLEncoding.DecodeString(tok)
		if err != nil {
			t.Fatal(err)
		}
		raw[at] ^= 1
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	for _, tc := range []struct {
		name, channel string
		same          bool // the same participant
		wait          time.Duration
		change        func(string) string
	}{
		{"a longer round trip than was signed", "show", true, 0, func(s string) string { return flip(s, 7) }},
		{"a later end", "show", true, 0, func(s string) string { return flip(s, 2) }},
		{"another version", "show", true, 0, func(s string) string { return flip(s, 0) }},
		{"another signature", "show", true, 0, func(s string) string { return flip(s, 28) }},
		{"a byte less", "show", true, 0, func(s string) string { return s[:len(s)-2] }},
		{"a byte more", "show", true, 0, func(s string) string { return s + "AA" }},
		{"no base64", "show", true, 0, func(s string) string { return "?" + s }},
		{"of another participant", "show", false, 0, nil},
		{"of another channel", "other", true, 0, nil},
		{"expired", "show", true, 10 * time.Minute, nil},
	} {
		t.Run("GW13 "+tc.name, func(t *testing.T) {
			r, got := lines()
			inRig(t, r, nil, func(rig *rig) {
				first, w := rig.hello("show", "", "", 200*time.Millisecond)
				g, _ := first.grace()
				time.Sleep(tc.wait)
				tok, grace := "", g.Token
				if tc.same {
					tok = w.Token
				}
				if tc.change != nil {
					grace = tc.change(grace)
				}
				c, _ := rig.hello(tc.channel, tok, grace, never)
				c.say(answer("a1", 0))
				expect[*wire.Receipt](c)
				if l := (*got)[0]; l.RTTMin != 0 || l.Jitter != 0 {
					t.Errorf("line = %+v, want nothing", l)
				}
				if s := rig.g.Stats(); s.BadGraces != 1 || s.GoodGraces != 0 {
					t.Errorf("counted %d good, %d bad", s.GoodGraces, s.BadGraces)
				}
			})
		})
	}
	t.Run("GW13 of another server", func(t *testing.T) {
		var foreign string
		inRig(t, &room{}, func(c *gateway.Config) { c.GraceKey = make([]byte, 32) }, func(rig *rig) {
			c, _ := rig.hello("show", "", "", 200*time.Millisecond)
			g, _ := c.grace()
			foreign = g.Token
		})
		r, got := lines()
		inRig(t, r, nil, func(rig *rig) {
			c, _ := rig.hello("show", "", foreign, never)
			c.say(answer("a1", 0))
			expect[*wire.Receipt](c)
			if (*got)[0].RTTMin != 0 || rig.g.Stats().BadGraces != 1 {
				t.Errorf("line = %+v", (*got)[0])
			}
		})
	})
}

func TestGracePace(t *testing.T) {
	t.Run("GW13 a steady line is told again after five minutes", func(t *testing.T) {
		inRig(t, &room{}, nil, func(rig *rig) {
			c, _ := rig.hello("show", "", "", 200*time.Millisecond)
			g, first := c.grace()
			again, second := c.grace()
			if d := second.Sub(first); d < 5*time.Minute || d > 6*time.Minute || again.Token == g.Token {
				t.Errorf("after %v", d)
			}
		})
	})
	t.Run("GW13 a line that changes is told, at most every 30 s", func(t *testing.T) {
		inRig(t, &room{}, nil, func(rig *rig) {
			c := rig.dial(nil)
			delay := 100 * time.Millisecond
			c.ws.SetPingHandler(func(payload string) error {
				time.Sleep(delay)
				delay += 40 * time.Millisecond // the jitter grows with every ping
				return c.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
			})
			c.listen()
			c.say(&wire.Hello{Version: wire.Version, Channel: "show"})
			expect[*wire.Welcome](c)
			_, last := c.grace()
			for range 3 {
				_, at := c.grace()
				if d := at.Sub(last); d < 30*time.Second || d > time.Minute {
					t.Errorf("told after %v", d)
				}
				last = at
			}
		})
	})
	t.Run("GW13 producers have no grace", func(t *testing.T) {
		inRig(t, &room{}, nil, func(rig *rig) {
			c := rig.producer()
			time.Sleep(time.Second)
			synctest.Wait()
			if len(c.graces) != 0 {
				t.Error("a producer was told of its line")
			}
		})
	})
}

func TestClosingsAndLeaving(t *testing.T) {
	var closed []interact.Closing
	var left []string
	r := &room{
		closed: func(c interact.Closing) { closed = append(closed, c) },
		left:   func(p string) { left = append(left, p) },
	}
	inRig(t, r, nil, func(rig *rig) {
		a, w := rig.viewer("")
		b, _ := rig.viewer(w.Token)
		a.say(&wire.Closed{Cue: "c1", Rev: 4, At: base.Add(3 * time.Millisecond)})
		a.say(&wire.Closed{Cue: "", Rev: 4, At: base})
		a.say(&wire.Closed{Cue: "c1", Rev: 4, At: 7}) // 1970
		rig.producer().say(&wire.Closed{Cue: "c1", At: base})
		synctest.Wait()
		want := interact.Closing{Cue: "c1", Rev: 4, Participant: w.Participant, At: base.Add(3 * time.Millisecond)}
		if len(closed) != 1 || closed[0] != want {
			t.Errorf("closings = %+v, want only %+v", closed, want)
		}
		a.ws.Close()
		synctest.Wait()
		if len(left) != 0 {
			t.Errorf("%v left, with a socket open", left)
		}
		b.ws.Close()
		synctest.Wait()
		if len(left) != 1 || left[0] != w.Participant {
			t.Errorf("left = %v", left)
		}
	})
}

func TestStuckViewers(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		p := rig.producer()
		a, _ := rig.viewer("")
		a.say(&wire.Status{Synced: true, Class: wire.ClassFar, Visible: true, Stuck: true})
		b, _ := rig.viewer("")
		b.say(&wire.Status{Synced: true, Class: wire.ClassFar, Stuck: true}) // nobody looks
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if n := rig.g.Stuck("show"); n != 1 {
			t.Errorf("%d stuck, want 1", n)
		}
		var last wire.Presence
		for len(p.got) > 0 {
			if m, ok := (<-p.got).msg.(*wire.Presence); ok {
				last = *m
			}
		}
		if last.Stuck != 1 || last.Far != 2 {
			t.Errorf("presence = %+v", last)
		}
		a.say(&wire.Status{Synced: true, Class: wire.ClassIn, Visible: true})
		synctest.Wait()
		if n := rig.g.Stuck("show"); n != 0 {
			t.Errorf("%d stuck, want none", n)
		}
	})
}

func TestKeyDoesNotReplaceItsCue(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c := rig.stuck()
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateArmed))
		rig.g.Broadcast("show", wire.Viewers, &wire.Key{Cue: "c1", Rev: 1, KeyID: "k"})
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
		synctest.Wait()
		c.listen()
		if got := expect[*wire.CueChanged](c); got.Cue.State != wire.StateOpen {
			t.Errorf("GW2 cue = %+v", got.Cue)
		}
		if got := expect[*wire.Key](c); got.KeyID != "k" {
			t.Errorf("GW2 key = %+v", got)
		}
	})
}

func TestGraceKeyIsChecked(t *testing.T) {
	if _, err := gateway.New(gateway.Config{GraceKey: []byte("short")}); err == nil {
		t.Error("a short key was taken")
	}
}
