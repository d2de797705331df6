package gateway_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
)

func shared(cfg *gateway.Config) { cfg.SharedLog = true }

// tape is what a bus has told the viewers of a channel: the same to all nodes.
type tape struct {
	epoch string
	told  []wire.Message // told[i] has offset i+1
}

// newTape is about n different things, so that none takes another's place.
func newTape(epoch string, n int) *tape {
	tp := &tape{epoch: epoch}
	for i := range n {
		if i%2 == 0 {
			tp.told = append(tp.told, &wire.CueChanged{Cue: wire.Cue{ID: fmt.Sprint("c", i), Rev: 1}})
		} else {
			tp.told = append(tp.told, &wire.Tally{Cue: fmt.Sprint("c", i), Version: 1})
		}
	}
	return tp
}

// copyist is a node that follows a tape.
type copyist struct {
	*venue
	tape *tape
	at   int // how far it has followed
}

// note makes what a message says part of what the node knows.
func (n *copyist) note(m wire.Message) {
	n.stage.mu.Lock()
	defer n.stage.mu.Unlock()
	switch m := m.(type) {
	case *wire.CueChanged:
		n.stage.show.Cues[m.Cue.ID] = m.Cue.Rev
	case *wire.Tally:
		n.stage.show.Tallies[m.Cue] = m.Version
	}
}

// follow takes the next messages in.
func (n *copyist) follow(count int) {
	for range min(count, len(n.tape.told)-n.at) {
		m := n.tape.told[n.at]
		n.at++
		n.note(m)
		n.now.Load().Relay("show", n.tape.epoch, uint64(n.at), m)
		synctest.Wait()
	}
}

// lose misses the next messages and repeats what is true after them.
func (n *copyist) lose(count int) {
	for range min(count, len(n.tape.told)-n.at) {
		n.note(n.tape.told[n.at])
		n.at++
	}
	n.now.Load().Relay("show", n.tape.epoch, uint64(n.at), nil)
	for _, m := range n.tape.told[:n.at] {
		n.now.Load().Relay("show", n.tape.epoch, 0, m)
		synctest.Wait()
	}
}

// move takes a guest to a node.
func (c *guest) move(to *copyist) {
	c.cut()
	c.v = to.venue
	c.join()
	synctest.Wait()
}

const (
	opFollow = iota
	opMove
	opLeave
	opLose
	opAgain
)

// wander plays turns on two nodes and returns what is wrong in the end.
func wander(t *testing.T, keys *token.Keys, turns []turn, gaps bool) (wrong []string, resets int) {
	tp := newTape("BUS", 120)
	nodes := []*copyist{
		{venue: openVenueWith(t, keys, gateway.Limits{}, shared), tape: tp},
		{venue: openVenueWith(t, keys, gateway.Limits{}, shared), tape: tp},
	}
	for _, n := range nodes {
		n.now.Load().Relay("show", tp.epoch, 0, nil) // so its first viewers have a place
	}
	all := make([]*guest, guests)
	for i := range all {
		all[i] = nodes[i%2].guest([]wire.Codec{wire.JSON, wire.Msgpack}[i/2%2])
		all[i].bare = gaps
		all[i].join()
	}
	synctest.Wait()
	for _, turn := range turns {
		n, c := nodes[turn.N%2], all[turn.Who%guests]
		switch turn.Op {
		case opFollow:
			n.follow(turn.N / 2)
		case opMove:
			c.move(n)
		case opLeave:
			c.cut()
		case opLose:
			n.lose(turn.N / 2)
		case opAgain: // a bus may bring what it brought before
			if n.at > 0 {
				n.now.Load().Relay("show", tp.epoch, uint64(n.at), tp.told[n.at-1])
			}
		}
	}
	for _, n := range nodes {
		n.follow(len(tp.told))
	}
	end := &copyist{venue: &venue{stage: &stage{show: nothing()}}}
	for _, m := range tp.told {
		end.note(m)
	}
	for i, c := range all {
		c.join()
		synctest.Wait()
		for _, what := range c.judge(end.stage.now()) {
			wrong = append(wrong, fmt.Sprintf("guest %d: %s", i, what))
		}
		if !gaps && c.offset != uint64(len(tp.told)) {
			wrong = append(wrong, fmt.Sprintf("guest %d is at %d", i, c.offset))
		}
		resets += c.resets
	}
	for _, n := range nodes {
		n.halt()
	}
	for _, c := range all {
		<-c.over
	}
	return wrong, resets
}

// TestViewersMoveBetweenNodes: two gateways follow one list of messages, each
// at its own pace, and viewers go from one to the other. Whoever comes back
// somewhere hears everything it has missed, each once, also where the node
// knows less than it does.
func TestViewersMoveBetweenNodes(t *testing.T) {
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, gaps := range []bool{false, true} {
		name, ops := "GW37 without gaps", []int{opFollow, opFollow, opMove, opMove, opMove, opLeave, opAgain}
		if gaps {
			name, ops = "GW38 with gaps", append(ops, opLose)
		}
		t.Run(name, func(t *testing.T) {
			resumed, breaks := uint64(0), uint64(0)
			rapid.Check(t, func(rt *rapid.T) {
				turns := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) turn {
					return turn{
						Op:  rapid.SampledFrom(ops).Draw(rt, "op"),
						Who: rapid.IntRange(0, guests-1).Draw(rt, "who"), N: rapid.IntRange(0, 31).Draw(rt, "n"),
					}
				}), 10, 40).Draw(rt, "turns")
				var wrong []string
				resets := 0
				synctest.Test(t, func(t *testing.T) { wrong, resets = wander(t, keys, turns, gaps) })
				if !gaps && resets > 0 {
					wrong = append(wrong, fmt.Sprint(resets, " were told everything anew"))
				}
				resumed++
				breaks += uint64(resets)
				for _, what := range wrong {
					rt.Error(what)
				}
			})
			if gaps && breaks == 0 {
				t.Error("GW38 nobody ever came back with a place that was gone")
			}
		})
	}
}

func TestRelayedLog(t *testing.T) {
	tp := newTape("BUS", 3000)
	change := func(cfg *gateway.Config) { cfg.SharedLog = true }
	t.Run("GW37 filled before anybody is seated", func(t *testing.T) {
		inRig(t, &room{}, change, func(rig *rig) {
			for i, m := range tp.told {
				rig.g.Relay("show", tp.epoch, uint64(i+1), m)
			}
			_, w := rig.resume("", nil)
			if w.Epoch != tp.epoch || w.Offset != 3000 || w.Resumed {
				t.Errorf("welcome = %+v", w)
			}
			c, w := rig.resume("", &wire.Resume{Epoch: tp.epoch, Offset: 2998})
			if !w.Resumed || w.Offset != 3000 {
				t.Errorf("welcome = %+v", w)
			}
			for want := uint64(2999); want <= 3000; want++ {
				if _, offset := c.offset(); offset != want {
					t.Errorf("offset %d, want %d", offset, want)
				}
			}
			if _, w := rig.resume("", &wire.Resume{Epoch: tp.epoch, Offset: 3000 - 1025}); w.Resumed {
				t.Error("the log goes further back than it may")
			}
			if _, w := rig.resume("", &wire.Resume{Epoch: tp.epoch, Offset: 3000 + 1025}); w.Resumed {
				t.Error("a place far in the future is taken")
			}
			if _, w := rig.resume("", &wire.Resume{}); w.Resumed {
				t.Error("a place of no log is taken")
			}
		})
	})
	t.Run("GW37 who has read further elsewhere hears what comes then", func(t *testing.T) {
		inRig(t, &room{}, change, func(rig *rig) {
			rig.g.Relay("show", tp.epoch, 5, nil)
			c, w := rig.resume("", &wire.Resume{Epoch: tp.epoch, Offset: 7})
			if !w.Resumed || w.Offset != 7 {
				t.Fatalf("welcome = %+v", w)
			}
			for offset := uint64(6); offset <= 9; offset++ {
				rig.g.Relay("show", tp.epoch, offset, tp.told[offset])
			}
			for want := uint64(8); want <= 9; want++ {
				if _, offset := c.offset(); offset != want {
					t.Errorf("offset %d, want %d", offset, want)
				}
			}
		})
	})
	t.Run("GW38 another epoch", func(t *testing.T) {
		inRig(t, &room{}, change, func(rig *rig) {
			rig.g.Relay("show", "OLD", 40, tp.told[0])
			c, w := rig.resume("", nil)
			if w.Epoch != "OLD" || w.Offset != 40 {
				t.Fatalf("welcome = %+v", w)
			}
			rig.g.Relay("show", "NEW", 1, tp.told[1])
			if m, offset := c.offset(); offset != 0 || m.Type() != "tally" {
				t.Errorf("who was seated before hears %+v at %d", m, offset)
			}
			if _, w := rig.resume("", &wire.Resume{Epoch: "OLD", Offset: 40}); w.Resumed || w.Epoch != "NEW" || w.Offset != 1 {
				t.Errorf("welcome = %+v", w)
			}
			if s := rig.g.Stats(); s.Breaks != 1 || s.Relayed != 2 {
				t.Errorf("stats = %+v", s)
			}
		})
	})
	t.Run("GW37 nobody else tells viewers", func(t *testing.T) {
		inRig(t, &room{}, change, func(rig *rig) {
			boss := rig.producer()
			v, _ := rig.viewer("")
			rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
			rig.g.Broadcast("show", wire.Viewers|wire.Producers, cueChanged("c2", wire.StateOpen))
			synctest.Wait()
			v.quiet()
			if got := expect[*wire.CueChanged](boss); got.Cue.ID != "c2" {
				t.Errorf("producers hear %+v", got)
			}
			rig.g.Relay("nowhere", tp.epoch, 1, tp.told[0])
			rig.g.Relay("show", "", 1, tp.told[0])
			if s := rig.g.Stats(); s.Misdirected != 4 || s.Relayed != 0 {
				t.Errorf("stats = %+v", s)
			}
		})
	})
	t.Run("GW37 nor does Relay where the log is this node's own", func(t *testing.T) {
		inRig(t, &room{}, nil, func(rig *rig) {
			v, _ := rig.viewer("")
			rig.g.Relay("show", tp.epoch, 1, tp.told[0])
			v.quiet()
			if s := rig.g.Stats(); s.Misdirected != 1 {
				t.Errorf("stats = %+v", s)
			}
		})
	})
}

// TestRelayIsBounded: who cannot be told in time is sent away, with everything
// it misses in the log.
func TestRelayIsBounded(t *testing.T) {
	tp := newTape("BUS", 600)
	keys, err := token.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		v := openVenueWith(t, keys, gateway.Limits{}, func(cfg *gateway.Config) {
			cfg.SharedLog = true
			cfg.Try = func(channel string) string { return "https://b.example/" + channel }
		})
		idle, err := gateway.New(gateway.Config{
			Rooms: func(string) (gateway.Room, bool) { return v.stage, true }, Clock: v.clock, Tokens: keys, SharedLog: true,
			Try: func(channel string) string { return "https://b.example/" + channel },
		})
		if err != nil {
			t.Fatal(err)
		}
		run := v.now.Swap(idle) // it takes viewers, and spreads nothing yet
		idle.Relay("show", tp.epoch, 10, nil)
		rig := &rig{t: t, g: idle, ln: v.ln, keys: keys}
		c, w := rig.viewer("")
		for i, m := range tp.told[10:] {
			idle.Relay("show", tp.epoch, uint64(i+11), m)
		}
		if bye := c.closed(wire.CloseBusy); bye.Try != "https://b.example/show" || bye.After == 0 {
			t.Errorf("GW39 bye = %+v", bye)
		}
		if s := idle.Stats(); s.Overruns == 0 {
			t.Errorf("GW39 stats = %+v", s)
		}
		back, welcome := rig.resume(w.Token, &wire.Resume{Epoch: w.Epoch, Offset: w.Offset})
		if !welcome.Resumed || welcome.Offset != 600 {
			t.Errorf("GW39 welcome = %+v", welcome)
		}
		for want := uint64(11); want <= 600; want++ {
			if _, offset := back.offset(); offset != want {
				t.Fatalf("GW39 offset %d, want %d", offset, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := idle.Run(ctx); err != nil {
			t.Error(err)
		}
		v.now.Store(run)
	})
}
