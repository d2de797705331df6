package gateway_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// await waits for the next message of a kind and passes over others.
func await[M wire.Message](c *client) M {
	c.t.Helper()
	for {
		if m, ok := c.next().(M); ok {
			return m
		}
	}
}

func TestPresence(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		boss := rig.producer()
		if m := await[*wire.Presence](boss); *m != (wire.Presence{}) {
			t.Errorf("GW30 presence of an empty room = %+v", m)
		}
		a, _ := rig.viewer("")
		b, _ := rig.viewer("")
		a.say(&wire.Status{Synced: true, Class: wire.ClassIn})
		b.say(&wire.Status{Synced: true, Class: wire.ClassFar})
		b.say(&wire.Status{Synced: false, Class: wire.ClassNear, Stuck: true, Visible: true})
		want := wire.Presence{Viewers: 2, Synced: 1, In: 1, Near: 1, Stuck: 1, Joins: 0.2, Grades: wire.Grades{Device: 2}}
		if m := await[*wire.Presence](boss); *m != want {
			t.Errorf("GW30 presence = %+v, want %+v", m, want)
		}
		if n := rig.g.Viewers("show"); n != 2 {
			t.Errorf("GW30 viewers = %d, want 2", n)
		}
		a.ws.Close()
		want = wire.Presence{Viewers: 1, Near: 1, Stuck: 1, Joins: 0.2, Leaves: 0.1, Grades: wire.Grades{Device: 1}}
		if m := await[*wire.Presence](boss); *m != want {
			t.Errorf("GW30 presence after one left = %+v, want %+v", m, want)
		}
		if got := rig.g.Presence("show"); got != want {
			t.Errorf("GW30 asked: %+v, want %+v", got, want)
		}
		before := time.Now()
		await[*wire.Presence](boss)
		if took := time.Since(before); took != 5*time.Second {
			t.Errorf("GW30 repeated after %v, want 5s", took)
		}
		await[*wire.Presence](boss) // the rates have changed
		if got := rig.g.Presence("show"); got.Joins != 0 || rig.g.Presence("nowhere") != (wire.Presence{}) {
			t.Errorf("GW30 ten seconds later %+v", got)
		}
		b.quiet() // viewers are not told
	})
}

func TestRoster(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		here := make(map[string]bool)
		for range 119 {
			_, w := rig.viewer("")
			here[w.Participant] = true
		}
		time.Sleep(time.Second)
		last, w := rig.viewer("")
		here[w.Participant] = true
		last.say(&wire.Status{Synced: true, Class: wire.ClassNear})
		for i := range 10 { // two more than may come at once
			last.say(answer("a", i))
		}
		synctest.Wait()

		boss := rig.producer()
		m := await[*wire.Roster](boss)
		if m.Total != 120 || len(m.Viewers) != wire.MaxRoster {
			t.Errorf("GW31 roster of %d has %d viewers", m.Total, len(m.Viewers))
		}
		seen := make(map[string]bool)
		for _, v := range m.Viewers {
			if !here[v.Participant] || seen[v.Participant] || v.Grade != wire.GradeDevice || v.RTT <= 0 {
				t.Errorf("GW31 viewer %+v", v)
			}
			seen[v.Participant] = true
		}
		before := time.Now()
		await[*wire.Roster](boss)
		if took := time.Since(before); took != 5*time.Second {
			t.Errorf("GW31 repeated after %v, want 5s", took)
		}
		all := make(map[string]wire.RosterViewer)
		for range 1000 { // each has one chance in 12
			r := rig.g.Roster("show", 10)
			for _, v := range r.Viewers {
				all[v.Participant] = v
			}
			if len(r.Viewers) != 10 || len(all) == 120 {
				break
			}
		}
		got := all[w.Participant]
		want := wire.RosterViewer{
			Participant: w.Participant, Grade: wire.GradeDevice, Class: wire.ClassNear, Synced: true,
			Since: base.Add(time.Second), RTT: 1, Strikes: 2,
		}
		if len(all) != 120 || got != want {
			t.Errorf("GW31 %d viewers seen, one of them %+v, want %+v", len(all), got, want)
		}
		if r := rig.g.Roster("nowhere", 10); r.Total != 0 || r.Viewers == nil {
			t.Errorf("GW31 roster of nowhere = %+v", r)
		}
	})
}

func TestNoProducerNoRoster(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		c, _ := rig.viewer("")
		time.Sleep(20 * time.Second)
		if n := rig.g.Stats().Broadcasts; n != 0 {
			t.Errorf("GW31 %d broadcasts for nobody", n)
		}
		c.quiet()
	})
}

// closedOf counts closes by code.
func closedOf(rig *rig, codes ...wire.CloseCode) []uint64 {
	synctest.Wait()
	var n []uint64
	for _, code := range codes {
		n = append(n, rig.g.Stats().Closed[code])
	}
	return n
}

func TestKick(t *testing.T) {
	inRig(t, &room{}, nil, func(rig *rig) {
		one, w := rig.viewer("")
		two, _ := rig.viewer(w.Token)
		three, _ := rig.viewer(w.Token)
		other, _ := rig.viewer("")
		three.ws.Close()
		synctest.Wait()
		if n := rig.g.Kick("show", w.Participant); n != 2 {
			t.Errorf("GW32 kicked %d sockets, want 2", n)
		}
		one.closed(wire.CloseKicked)
		two.closed(wire.CloseKicked)
		other.say(answer("a1", 0))
		expect[*wire.Receipt](other)
		if _, again := rig.viewer(w.Token); again.Participant != w.Participant {
			t.Errorf("GW32 came back as %+v", again)
		}
		if rig.g.Kick("show", "nobody")+rig.g.Kick("nowhere", w.Participant) != 0 {
			t.Error("GW32 kicked somebody who is not here")
		}
		if got := closedOf(rig, wire.CloseKicked); !slices.Equal(got, []uint64{2}) {
			t.Errorf("GW32 closed %v", got)
		}
	})
}
