package gateway_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// stuck joins a viewer that then stops reading.
func (r *rig) stuck() *client {
	r.t.Helper()
	c := r.dial(nil)
	c.say(&wire.Hello{Version: 1, Channel: "show"})
	if f := c.read(); f.err != nil {
		r.t.Fatal(f.err)
	}
	synctest.Wait()
	return c
}

func TestNobodyWaitsForASlowReader(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		rig.stuck()
		brisk, _ := rig.viewer("")
		start := time.Now()
		for i := range 10 {
			rig.g.Broadcast("show", wire.Viewers, cueChanged(fmt.Sprint("c", i), wire.StateArmed))
		}
		for range 10 {
			expect[*wire.CueChanged](brisk)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("GW2 the brisk viewer waited %v", took)
		}
		time.Sleep(11 * time.Second) // longer than one write may take
		synctest.Wait()
		if s := rig.g.Stats(); s.Closed[wire.CloseSlow] != 1 || s.Viewers != 1 {
			t.Errorf("GW2 stats = %+v, want the slow viewer closed and the other here", s)
		}
	})
}

func TestFullOutboxCloses(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.Outbox = 4 }, func(rig *rig) {
		c := rig.stuck()
		for i := range 10 {
			rig.g.Broadcast("show", wire.Viewers, cueChanged(fmt.Sprint("c", i), wire.StateArmed))
		}
		synctest.Wait()
		time.Sleep(500 * time.Millisecond) // reads again before it is given up
		c.listen()
		c.closed(wire.CloseSlow)
	})
}

func TestFullOutboxOfADeafReader(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.Outbox = 4 }, func(rig *rig) {
		rig.stuck()
		start := time.Now()
		for i := range 10 {
			rig.g.Broadcast("show", wire.Viewers, cueChanged(fmt.Sprint("c", i), wire.StateArmed))
		}
		for rig.g.Viewers("show") > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(start); took > 1500*time.Millisecond {
			t.Errorf("GW2 held a deaf reader for %v", took)
		}
		if n := rig.g.Stats().Closed[wire.CloseSlow]; n != 1 {
			t.Errorf("GW2 closed %d as slow, want 1", n)
		}
	})
}

func TestNewestReplacesUnsent(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.Outbox = 2 }, func(rig *rig) {
		c := rig.stuck()
		for i := range uint64(50) {
			rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: i, Counts: []uint64{i}, Total: i})
			rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateArmed))
			synctest.Wait()
		}
		c.listen()
		if m := expect[*wire.Tally](c); m.Version != 49 {
			t.Errorf("GW2 tally version %d, want the newest", m.Version)
		}
		expect[*wire.CueChanged](c)
		c.quiet()
		if n := rig.g.Stats().Shed; n != 0 {
			t.Errorf("GW25 shed = %d, want none", n)
		}
	})
}

// TestNoGapInTheLog: a viewer without room for a message about something else
// is closed, so that it comes back and asks for what it has missed.
func TestNoGapInTheLog(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.Outbox = 2 }, func(rig *rig) {
		c := rig.stuck()
		for i := range 3 {
			rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: fmt.Sprint("c", i), Version: 1})
		}
		synctest.Wait()
		c.listen()
		c.closed(wire.CloseSlow)
		if n := rig.g.Stats().Shed; n != 0 {
			t.Errorf("GW25 shed = %d, want none", n)
		}
	})
}

func TestPriority(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		order := func(c *client, want ...string) {
			t.Helper()
			synctest.Wait()
			c.say(answer("a1", 0))
			c.write(websocket.BinaryMessage, wire.Ping{Seq: 1}.Append(nil))
			synctest.Wait()
			var got []string
			for len(got) < len(want) {
				f := c.read()
				switch {
				case f.err != nil:
					t.Fatal(f.err)
				case f.pong == nil && f.msg.Type() == "grace": // comes when the line was measured
				case f.pong != nil:
					got = append(got, "clock")
				default:
					got = append(got, f.msg.Type())
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("GW3 order = %v, want %v", got, want)
			}
		}
		viewer := rig.stuck()
		boss := rig.dial(nil)
		boss.say(&wire.Hello{Version: 1, Channel: "show", Role: wire.RoleProducer, Token: rig.token(token.RoleProducer, "ann")})
		if f := boss.read(); f.err != nil {
			t.Fatal(f.err)
		}
		synctest.Wait()
		rig.g.Broadcast("show", wire.Viewers|wire.Producers, &wire.Tally{Cue: "c1", Version: 1})
		rig.g.Broadcast("show", wire.Viewers|wire.Producers, cueChanged("c1", wire.StateArmed))
		order(viewer, "clock", "receipt", "tally", "cue") // as in the log
		order(boss, "clock", "refused", "cue", "tally")
	})
}

func TestSilenceCloses(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c := rig.dial(nil)
		c.ws.SetPingHandler(func(string) error { return nil })
		c.listen()
		c.say(&wire.Hello{Version: 1, Channel: "show"})
		expect[*wire.Welcome](c)
		start := time.Now()
		c.closed(wire.CloseIdle)
		if took := time.Since(start); took < time.Minute || took > 66*time.Second {
			t.Errorf("GW10 closed after %v, want a minute", took)
		}
	})
}

func TestQuietViewerStays(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c, _ := rig.viewer("") // it does no more than answer WebSocket pings
		time.Sleep(10 * time.Minute)
		c.say(answer("a1", 0))
		expect[*wire.Receipt](c)
	})
}

func TestBadMessageCloses(t *testing.T) {
	for name, send := range map[string]func(*client){
		"GW9 not JSON":         func(c *client) { c.write(websocket.TextMessage, []byte("{")) },
		"GW9 unknown type":     func(c *client) { c.write(websocket.TextMessage, []byte(`{"t":"shrug"}`)) },
		"GW9 hello again":      func(c *client) { c.say(&wire.Hello{Version: 1, Channel: "show"}) },
		"GW9 too long":         func(c *client) { c.write(websocket.TextMessage, make([]byte, wire.MaxClientMessage+1)) },
		"GW9 binary of others": func(c *client) { c.write(websocket.BinaryMessage, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, &room{}, nil, func(rig *rig) {
				c, _ := rig.viewer("")
				send(c)
				c.closed(wire.CloseInvalid)
			})
		})
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	var log bytes.Buffer
	r := &room{answer: func(a interact.Answer, done func(interact.Receipt, error)) {
		if a.ID == "bad" {
			panic("boom")
		}
		done(receiptFor(a), nil)
	}}
	inRig(t, r, func(c *gateway.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) }, func(rig *rig) {
		good, _ := rig.viewer("")
		bad, _ := rig.viewer("")
		bad.say(answer("bad", 0))
		bad.closed(wire.CloseError)
		good.say(answer("a1", 0))
		expect[*wire.Receipt](good)
		synctest.Wait()
		if !bytes.Contains(log.Bytes(), []byte("boom")) || rig.g.Stats().Panics != 1 {
			t.Errorf("GW11 not logged: %s", log.Bytes())
		}
	})
}

func TestStopSaysBye(t *testing.T) {
	var pending []func()
	r := &room{answer: func(a interact.Answer, done func(interact.Receipt, error)) {
		pending = append(pending, func() { done(receiptFor(a), nil) })
	}}
	inRig(t, r, nil, func(rig *rig) {
		c, _ := rig.viewer("")
		c.say(answer("a1", 0))
		synctest.Wait()
		time.AfterFunc(300*time.Millisecond, pending[0])
		start := time.Now()
		if err := rig.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("GW12 stopped after %v, want as long as the receipt took", took)
		}
		expect[*wire.Receipt](c)
		if bye := c.closed(wire.CloseRestart); bye.After == 0 {
			t.Errorf("bye = %+v, want a wait before coming back", bye)
		}
		if _, resp, err := rig.handshake(nil); err == nil || resp.StatusCode != 503 {
			t.Errorf("handshake after stop: %v, want 503", err)
		}
	})
}

func TestStopWithADeafReader(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		rig.stuck()
		start := time.Now()
		if err := rig.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("GW12 stop took %v", took)
		}
	})
}
