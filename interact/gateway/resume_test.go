package gateway_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

// offset reads one message that is not about the line, and its offset.
func (c *client) offset() (wire.Message, uint64) {
	c.t.Helper()
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			c.t.Fatal(err)
		}
		m, offset, err := wire.JSON.DecodeServer(data)
		if err != nil || kind != websocket.TextMessage {
			c.t.Fatalf("%d %q: %v", kind, data, err)
		}
		if _, ok := m.(*wire.Grace); !ok {
			return m, offset
		}
	}
}

// resume opens a socket that comes back from r.
func (r *rig) resume(tok string, at *wire.Resume) (*client, *wire.Welcome) {
	r.t.Helper()
	c := r.dial(nil)
	go c.say(&wire.Hello{Version: 1, Channel: "show", Token: tok, Resume: at})
	m, _ := c.offset()
	w, ok := m.(*wire.Welcome)
	if !ok {
		r.t.Fatalf("got %+v, want welcome", m)
	}
	return c, w
}

func TestMissedMessagesFollowWelcome(t *testing.T) {
	joins := 0
	r := &room{join: func(context.Context, string, string) (wire.Welcome, error) {
		joins++
		return wire.Welcome{
			Title: "Tonight", Timeline: &wire.Timeline{Rev: 1}, Cues: []wire.Cue{{ID: "c1"}}, Tallies: []wire.Tally{{Cue: "c1"}},
			Receipts: []wire.Receipt{{Cue: "c1", Seq: 4}},
		}, nil
	}}
	inRig(t, r, nil, func(rig *rig) {
		first, w := rig.viewer("")
		if w.Epoch == "" || w.Offset != 0 || w.Resumed || w.Grade != wire.GradeDevice || len(w.Cues) != 1 {
			t.Fatalf("GW26 welcome = %+v", w)
		}
		first.ws.Close()
		synctest.Wait()
		for i := range uint64(12) { // four of each: none of them is left out
			switch i % 3 {
			case 0:
				rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: i})
			case 1:
				rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
			default:
				rig.g.Broadcast("show", wire.Viewers|wire.Producers, &wire.Timeline{Rev: int(i)})
			}
			synctest.Wait()
		}
		c, back := rig.resume(w.Token, &wire.Resume{Epoch: w.Epoch, Offset: 3})
		if !back.Resumed || back.Epoch != w.Epoch || back.Offset != 12 || len(back.Cues)+len(back.Tallies) != 0 ||
			back.Timeline != nil || len(back.Receipts) != 1 || back.Participant != w.Participant || back.Title != "Tonight" {
			t.Errorf("GW27 welcome = %+v", back)
		}
		synctest.Wait()
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 99})
		for want := uint64(4); want <= 13; want++ {
			m, offset := c.offset()
			kind := []string{"timeline", "tally", "cue"}[want%3]
			if offset != want || m.Type() != kind {
				t.Fatalf("GW27 got %s at %d, want %s at %d", m.Type(), offset, kind, want)
			}
		}
		if s := rig.g.Stats(); s.Resumed != 1 || s.Reset != 0 || joins != 2 {
			t.Errorf("GW27 stats %+v, %d joins", s, joins)
		}
	})
}

func TestWhoCannotResumeIsToldEverything(t *testing.T) {
	r := &room{join: func(context.Context, string, string) (wire.Welcome, error) {
		return wire.Welcome{Cues: []wire.Cue{{ID: "c1"}}}, nil
	}}
	inRig(t, r, nil, func(rig *rig) {
		_, w := rig.viewer("")
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
		synctest.Wait()
		for name, at := range map[string]*wire.Resume{
			"GW28 another log":   {Epoch: "ANOTHER", Offset: 1},
			"GW28 of the future": {Epoch: w.Epoch, Offset: 2},
		} {
			if _, got := rig.resume("", at); got.Resumed || got.Epoch != w.Epoch || got.Offset != 1 || len(got.Cues) != 1 {
				t.Errorf("%s: welcome = %+v", name, got)
			}
		}
		if _, got := rig.resume("", &wire.Resume{Epoch: w.Epoch}); !got.Resumed {
			t.Error("GW28 a message of this moment is not in the log")
		}
		time.Sleep(5*time.Minute + time.Second)
		if _, got := rig.resume("", &wire.Resume{Epoch: w.Epoch}); got.Resumed || len(got.Cues) != 1 {
			t.Errorf("GW28 six minutes later: welcome = %+v", got)
		}
		if s := rig.g.Stats(); s.Resumed != 1 || s.Reset != 3 {
			t.Errorf("GW28 stats = %+v", s)
		}
		c := rig.dial(nil).listen()
		c.say(&wire.Hello{Version: 1, Channel: "show", Resume: &wire.Resume{Epoch: "longer than sixteen"}})
		c.closed(wire.CloseInvalid)
	})
}

// TestNothingFallsBetween: what is broadcast while a room prepares the welcome
// of somebody who resumes follows what it has missed.
func TestNothingFallsBetween(t *testing.T) {
	r := &room{}
	inRig(t, r, nil, func(rig *rig) {
		first, w := rig.viewer("")
		first.ws.Close()
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 1})
		synctest.Wait()
		joining, release := make(chan struct{}), make(chan struct{})
		r.join = func(context.Context, string, string) (wire.Welcome, error) {
			close(joining)
			<-release
			return wire.Welcome{}, nil
		}
		c := rig.dial(nil)
		c.say(&wire.Hello{Version: 1, Channel: "show", Resume: &wire.Resume{Epoch: w.Epoch}})
		<-joining
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 2})
		synctest.Wait()
		close(release)
		if m, _ := c.offset(); m.(*wire.Welcome).Offset != 1 {
			t.Errorf("GW26 welcome = %+v", m)
		}
		for want := uint64(1); want <= 2; want++ {
			if m, offset := c.offset(); offset != want || m.(*wire.Tally).Version != want {
				t.Errorf("GW26 got %+v at %d", m, offset)
			}
		}
	})
}

func TestProducersHaveNoLog(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		viewer, _ := rig.resume("", nil)
		boss := rig.dial(nil)
		go boss.say(&wire.Hello{Version: 1, Channel: "show", Role: wire.RoleProducer, Token: rig.token(token.RoleProducer, "ann"),
			Resume: &wire.Resume{Epoch: "x"}})
		if m, _ := boss.offset(); m.(*wire.Welcome).Epoch != "" || m.(*wire.Welcome).Resumed || m.(*wire.Welcome).Grade != "" {
			t.Errorf("GW25 welcome = %+v", m)
		}
		synctest.Wait()
		rig.g.Broadcast("show", wire.Viewers|wire.Producers, cueChanged("c1", wire.StateOpen))
		for _, c := range []struct {
			*client
			want uint64
		}{{viewer, 1}, {boss, 0}} {
			for {
				m, offset := c.offset()
				if _, ok := m.(*wire.CueChanged); !ok {
					continue
				}
				if offset != c.want {
					t.Errorf("GW25 offset %d, want %d", offset, c.want)
				}
				break
			}
		}
	})
}
