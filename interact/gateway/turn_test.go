package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// threeTenants is a gateway that does not run, with tenants "", "a" and "b".
func threeTenants(t *testing.T) *Gateway {
	t.Helper()
	g, err := New(Config{
		Rooms: func(string) (Room, bool) { return nil, true }, Clock: clock.NewRoom(time.Now(), 1, 1), Tokens: noTokens{},
		Tenant: func(channel string) string { return channel }, Tenants: map[string]TenantLimits{"a": {}, "b": {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type noTokens struct{ Tokens }

// TestScribeTakesTurns: whoever comes while thousands of another tenant wait is
// written to after one turn of them.
func TestScribeTakesTurns(t *testing.T) {
	g := threeTenants(t)
	s := &scribe{g: g, rows: make([]row, len(g.lanes)), running: true}
	for range 10_000 {
		s.add(&conn{tenant: g.tenants["a"]})
	}
	for batch, first := s.next(), true; first; batch, first = s.next(), false {
		if len(batch) != scribeTurn {
			t.Errorf("GW44 a turn of %d", len(batch))
		}
	}
	mine := &conn{tenant: g.tenants["b"]}
	s.add(mine)
	before := 0
	for batch := s.next(); batch[0] != mine; batch = s.next() {
		before += len(batch)
	}
	if before > scribeTurn {
		t.Errorf("GW44 %d of another tenant come first", before)
	}
	written := before + 2*scribeTurn + 1
	for batch := s.next(); batch != nil; batch = s.next() {
		written += len(batch)
	}
	if written != 10_001 || s.running {
		t.Errorf("GW44 %d written to, running %v", written, s.running)
	}
}

// TestFanoutTakesTurns: a broadcast is given to its first readers after one turn
// of each other tenant, however many and large theirs are.
func TestFanoutTakesTurns(t *testing.T) {
	g := threeTenants(t)
	seat := func(name string, n int) {
		h := g.openHall(name)
		for range n {
			h.viewers = append(h.viewers, &conn{g: g, gone: true})
		}
	}
	seat("a", 5000)
	seat("b", 300)
	for i := range maxPosts + 5 { // more than wait
		g.Broadcast("a", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: fmt.Sprint(i)}})
	}
	rounds := make([]round, len(g.lanes))
	a, b := g.tenants["a"].lane, g.tenants["b"].lane
	for range 3 {
		g.turn(&rounds[a], a)
	}
	g.Broadcast("b", wire.Viewers, &wire.CueChanged{Cue: wire.Cue{ID: "b"}})
	if g.Stats().Shed != 5 {
		t.Errorf("GW44 %d shed: a full queue of one tenant is another's too", g.Stats().Shed)
	}
	turns := 0 // of the other tenant, until all have it
	for spread := false; !spread; {
		for lane := range rounds {
			g.turn(&rounds[lane], lane)
			if lane == a {
				turns++
			}
		}
		spread = g.openHall("b").log.last == 1 && len(rounds[b].left) == 0
	}
	if turns > 2 { // 300 readers are two turns
		t.Errorf("GW44 %d turns of another tenant come first", turns)
	}
}

// TestLagIsATenantsOwn: what one tenant has waiting puts off nothing of another.
func TestLagIsATenantsOwn(t *testing.T) {
	g := threeTenants(t)
	for i := range g.load.scribes {
		g.load.scribes[i].running = true // nobody writes
		g.load.scribes[i].add(&conn{tenant: g.tenants["a"]})
	}
	later := time.Now().Add(time.Second)
	if g.affords(g.tenants["a"], worthTally, later) || g.lag(later) < time.Second {
		t.Error("GW19 the lag of a is not seen")
	}
	if !g.affords(g.tenants["b"], worthPresence, later) {
		t.Error("GW44 b waits for a")
	}
}
