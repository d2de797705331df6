package gateway_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func TestBannedAreRefused(t *testing.T) {
	var banned string
	r := &room{join: func(_ context.Context, participant, _ string) (wire.Welcome, error) {
		if participant == banned {
			return wire.Welcome{}, interact.Errorf(interact.CodeBanned, "You have been removed from this channel.")
		}
		return wire.Welcome{}, nil
	}}
	inRig(t, r, nil, func(rig *rig) {
		c, w := rig.viewer("")
		banned = w.Participant
		if n := rig.g.Remove("show", banned, wire.CloseBanned); n != 1 {
			t.Errorf("GW32 removed %d sockets, want 1", n)
		}
		c.closed(wire.CloseBanned)
		again := rig.dial(nil).listen()
		again.say(&wire.Hello{Version: 1, Channel: "show", Token: w.Token})
		again.closed(wire.CloseBanned)
		rig.viewer("")
		synctest.Wait()
		if n := rig.g.Viewers("show"); n != 1 {
			t.Errorf("GW32 %d viewers", n)
		}
	})
}

// TestRemovedWhileJoining: whoever is removed while its room prepares the
// welcome, is not let in by a snapshot that was on its way.
func TestRemovedWhileJoining(t *testing.T) {
	joining := make(chan string)
	r := &room{join: func(ctx context.Context, participant, _ string) (wire.Welcome, error) {
		joining <- participant
		<-ctx.Done()
		return wire.Welcome{}, ctx.Err()
	}}
	inRig(t, r, nil, func(rig *rig) {
		joining = make(chan string)
		c := rig.dial(nil).listen()
		c.say(&wire.Hello{Version: 1, Channel: "show"})
		if n := rig.g.Remove("show", <-joining, wire.CloseBanned); n != 1 {
			t.Errorf("GW32 removed %d sockets, want 1", n)
		}
		c.closed(wire.CloseBanned)
	})
}

// withPIN has a desk that lets in who knows the PIN 2468.
func withPIN(t *testing.T) func(*gateway.Config) {
	return func(c *gateway.Config) {
		desk, err := admission.New(admission.Config{
			Keys: c.Tokens.(*token.Keys), Channels: map[string]admission.Rules{"show": {Require: wire.GradePIN, PIN: "2468"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Desk = desk
	}
}

func TestDeskAdmits(t *testing.T) {
	inRig(t, &room{}, withPIN(t), func(rig *rig) {
		hello := func(h wire.Hello) *client {
			h.Version, h.Channel = wire.Version, "show"
			c := rig.dial(nil).listen()
			c.say(&h)
			return c
		}
		hello(wire.Hello{}).closed(wire.ClosePIN)
		hello(wire.Hello{PIN: "1357"}).closed(wire.ClosePIN)
		hello(wire.Hello{Link: "bogus"}).closed(wire.CloseLink)
		hello(wire.Hello{PIN: string(make([]byte, wire.MaxPIN+1))}).closed(wire.CloseInvalid)
		w := expect[*wire.Welcome](hello(wire.Hello{PIN: "2468"}))
		if w.Grade != wire.GradePIN || w.Token == "" {
			t.Errorf("GW33 welcome = %+v", w)
		}
		back := expect[*wire.Welcome](hello(wire.Hello{Token: w.Token}))
		if back.Grade != wire.GradePIN || back.Participant != w.Participant {
			t.Errorf("GW33 came back as %+v", back)
		}
		if p := rig.g.Presence("show"); p.Grades != (wire.Grades{PIN: 2}) {
			t.Errorf("GW33 presence = %+v", p)
		}
		got := closedOf(rig, wire.ClosePIN, wire.CloseLink)
		if s := rig.g.Stats(); s.Guesses != 2 || !slices.Equal(got, []uint64{2, 1}) {
			t.Errorf("GW33 %d guesses, closed %v", s.Guesses, got)
		}
		boss := rig.producer() // producers have no PIN
		await[*wire.Presence](boss)
	})
}

func TestGuessing(t *testing.T) {
	inRig(t, &room{}, withPIN(t), func(rig *rig) {
		hello := func(pin, tok string) *client {
			c := rig.dial(nil).listen()
			c.say(&wire.Hello{Version: wire.Version, Channel: "show", PIN: pin, Token: tok})
			return c
		}
		w := expect[*wire.Welcome](hello("2468", ""))
		for range 10 {
			hello("1357", "").closed(wire.ClosePIN)
		}
		hello("2468", "").closed(wire.CloseTooMany)
		expect[*wire.Welcome](hello("", w.Token)) // it need not guess
		synctest.Wait()
		if s := rig.g.Stats(); s.Guesses != 10 || s.GuessesBarred != 1 {
			t.Errorf("GW34 stats = %+v", s)
		}
		time.Sleep(time.Minute)
		expect[*wire.Welcome](hello("2468", ""))
	})
}
