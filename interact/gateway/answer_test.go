package gateway_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// slowPong makes a client answer WebSocket pings after the given waits, the
// last one for all further pings.
func slowPong(c *client, waits ...time.Duration) {
	c.ws.SetPingHandler(func(payload string) error {
		time.Sleep(waits[0])
		if len(waits) > 1 {
			waits = waits[1:]
		}
		return c.ws.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(time.Second))
	})
}

func TestAnswerIsStamped(t *testing.T) {
	got := make(chan interact.Answer, 1)
	r := &room{}
	inRig(t, r, nil, func(rig *rig) {
		got = make(chan interact.Answer, 1)
		r.answer = func(a interact.Answer, done func(interact.Receipt, error)) {
			got <- a
			done(receiptFor(a), nil)
		}
		c := rig.dial(nil)
		slowPong(c, 40*time.Millisecond, 30*time.Millisecond, 90*time.Millisecond)
		c.listen()
		c.say(&wire.Hello{Version: 1, Channel: "show"})
		w := expect[*wire.Welcome](c)
		time.Sleep(time.Second)

		c.say(&wire.Answer{ID: "a1", Cue: "c1", Choice: []int{0, 3}, At: base.Add(900 * time.Millisecond), Dispersion: 1800})
		want := interact.Answer{
			ID: "a1", Cue: "c1", Participant: w.Participant, Choice: []int{0, 3},
			Stamp: base.Add(900 * time.Millisecond), Received: base.Add(time.Second),
			Line: interact.Line{RTTMin: 30 * time.Millisecond, Jitter: 60 * time.Millisecond, Dispersion: 1800 * time.Microsecond},
		}
		a, _ := json.Marshal(<-got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("GW7 the room got\n%s, want\n%s", a, b)
		}
		rec := expect[*wire.Receipt](c)
		if rec.ID != "a1" || rec.Cue != "c1" || rec.Seq != 1 || rec.At != want.Received || rec.Level != "log" || len(rec.Choice) != 2 {
			t.Errorf("GW7 receipt = %+v", rec)
		}

		c.say(&wire.Answer{ID: "a2", Cue: "c1", Choice: []int{1}, At: base.Add(-time.Hour), Dispersion: -5})
		if a := <-got; a.Stamp != 0 || a.Line.Dispersion != 0 {
			t.Errorf("GW7 believed a clock an hour off: %+v", a)
		}
		expect[*wire.Receipt](c)
	})
}

func TestAnswerRefusedHere(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer wire.Answer
	}{
		{"GW7 no id", wire.Answer{Cue: "c1", Choice: []int{0}}},
		{"GW7 a long id", wire.Answer{ID: strings.Repeat("x", 33), Cue: "c1", Choice: []int{0}}},
		{"GW7 an id with a newline", wire.Answer{ID: "a\n", Cue: "c1", Choice: []int{0}}},
		{"GW7 no cue", wire.Answer{ID: "a", Choice: []int{0}}},
		{"GW7 a long cue", wire.Answer{ID: "a", Cue: strings.Repeat("x", 65), Choice: []int{0}}},
		{"GW7 no choice", wire.Answer{ID: "a", Cue: "c1"}},
		{"GW7 too many choices", wire.Answer{ID: "a", Cue: "c1", Choice: []int{0, 1, 2, 3, 4, 5, 6, 7, 8}}},
		{"GW7 a choice twice", wire.Answer{ID: "a", Cue: "c1", Choice: []int{1, 1}}},
		{"GW7 descending", wire.Answer{ID: "a", Cue: "c1", Choice: []int{2, 1}}},
		{"GW7 negative", wire.Answer{ID: "a", Cue: "c1", Choice: []int{-1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &room{answer: func(a interact.Answer, _ func(interact.Receipt, error)) { t.Errorf("the room got %+v", a) }}
			inRig(t, r, nil, func(rig *rig) {
				c, _ := rig.viewer("")
				c.say(&tc.answer)
				m := expect[*wire.Refused](c)
				if m.Code != string(interact.CodeInvalid) || m.Message == "" || !strings.HasPrefix(tc.answer.ID, m.ID) {
					t.Errorf("refused = %+v", m)
				}
			})
		})
	}
}

func TestRoomRefusesAnswer(t *testing.T) {
	for _, tc := range []struct {
		err     error
		code    interact.Code
		message string
	}{
		{interact.Errorf(interact.CodeLate, "The window has closed."), interact.CodeLate, "The window has closed."},
		{errors.New("write /var/lib/secret: disk full"), interact.CodeInternal, "Something went wrong here, so this answer was not counted. Please try again."},
	} {
		r := &room{answer: func(_ interact.Answer, done func(interact.Receipt, error)) { done(interact.Receipt{}, tc.err) }}
		inRig(t, r, nil, func(rig *rig) {
			c, _ := rig.viewer("")
			c.say(answer("a1", 0))
			m := expect[*wire.Refused](c)
			if m.ID != "a1" || m.Cue != "c1" || m.Code != string(tc.code) || m.Message != tc.message {
				t.Errorf("GW7 refused = %+v, want %s", m, tc.code)
			}
		})
	}
}

func TestProducersDoNotAnswer(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c := rig.producer()
		c.say(answer("a1", 0))
		if m := expect[*wire.Refused](c); m.Code != string(interact.CodeNotAdmitted) {
			t.Errorf("refused = %+v", m)
		}
	})
}

func TestReceiptForSomebodyGone(t *testing.T) {
	var late func(interact.Receipt, error)
	r := &room{answer: func(_ interact.Answer, done func(interact.Receipt, error)) { late = done }}
	inRig(t, r, nil, func(rig *rig) {
		c, _ := rig.viewer("")
		c.say(answer("a1", 0))
		synctest.Wait()
		c.ws.Close()
		synctest.Wait()
		late(interact.Receipt{}, nil) // must neither panic nor block
		if n := rig.g.Viewers("show"); n != 0 {
			t.Errorf("%d viewers left", n)
		}
	})
}

func TestTooManyAnswers(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c, _ := rig.viewer("")
		for i := range 13 {
			c.say(answer("a", i%2))
		}
		for range 8 {
			expect[*wire.Receipt](c)
		}
		for range 5 {
			if m := expect[*wire.Refused](c); m.Code != string(interact.CodeTooMany) {
				t.Errorf("GW8 refused = %+v", m)
			}
		}
		c.closed(wire.CloseTooMany)
	})
}

func TestAnswersAtTheAllowedRate(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c, _ := rig.viewer("")
		for range 60 {
			c.say(answer("a", 0))
			expect[*wire.Receipt](c)
			time.Sleep(500 * time.Millisecond)
		}
		c.quiet()
	})
}

func TestFloodIsClosed(t *testing.T) {
	for name, send := range map[string]func(*client){
		"GW8 clock pings":     func(c *client) { c.write(websocket.BinaryMessage, wire.Ping{}.Append(nil)) },
		"GW8 status":          func(c *client) { c.say(&wire.Status{Class: wire.ClassIn}) },
		"GW8 WebSocket pings": func(c *client) { c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) },
		"GW8 WebSocket pongs": func(c *client) { c.ws.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, &room{}, nil, func(rig *rig) {
				calm, _ := rig.viewer("")
				c, _ := rig.viewer("")
				for range 100 {
					send(c)
				}
				for f := range c.got {
					if bye, ok := f.msg.(*wire.Bye); ok && bye.Code != int(wire.CloseTooMany) {
						t.Errorf("bye = %+v", bye)
					}
				}
				synctest.Wait()
				if n := rig.g.Stats().Closed[wire.CloseTooMany]; n != 1 {
					t.Errorf("closed %d for flooding, want 1", n)
				}
				calm.say(answer("a1", 0))
				expect[*wire.Receipt](calm)
			})
		})
	}
}

func TestOpenedReachesTheRoom(t *testing.T) {
	var got []interact.Opening
	r := &room{opened: func(o interact.Opening) { got = append(got, o) }}
	inRig(t, r, nil, func(rig *rig) {
		c, w := rig.viewer("")
		at, frame := base.Add(8*time.Millisecond), base.Add(-3*time.Second)
		c.say(&wire.Opened{Cue: "c1", Rev: 2, At: at, Frame: frame, Dispersion: 1800, Class: wire.ClassIn, Late: true})
		c.say(&wire.Opened{Cue: "c1", Rev: 2, At: 5, Class: wire.ClassIn}) // 1970
		c.say(&wire.Opened{Cue: "", Rev: 2, At: at, Class: wire.ClassIn})
		synctest.Wait()
		want := interact.Opening{Cue: "c1", Rev: 2, Participant: w.Participant, At: at, Frame: frame, Dispersion: 1800 * time.Microsecond, Late: true, Class: "in"}
		if len(got) != 1 || got[0] != want {
			t.Errorf("openings = %+v, want only %+v", got, want)
		}
	})
}

func TestClockPing(t *testing.T) {
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.PingEvery = 50 * time.Second }, func(rig *rig) {
		c := rig.dial(nil)
		c.say(&wire.Hello{Version: 1, Channel: "show"})
		if f := c.read(); f.err != nil {
			t.Fatal(f.err)
		}
		// The gateway is now stuck writing a WebSocket ping that nobody reads.
		time.Sleep(time.Second)
		c.write(websocket.BinaryMessage, wire.Ping{Seq: 9, Sent: 1.5}.Append(nil))
		time.Sleep(3 * time.Second)
		f := c.read()
		want := wire.Pong{
			Ping: wire.Ping{Seq: 9, Sent: 1.5}, Received: base.Add(time.Second), Replied: base.Add(4 * time.Second), ClockEpoch: 7,
		}
		if f.pong == nil || *f.pong != want {
			t.Errorf("GW4 pong = %+v (%v), want %+v", f.pong, f.err, want)
		}
		if f.pong != nil && f.pong.Received == clock.Instant(0) {
			t.Error("GW4 no t2")
		}
	})
}
