package gateway_test

import (
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

// tiredConn takes a while for every write: it is what a node looks like whose
// processor does not keep up.
type tiredConn struct {
	net.Conn
	each *atomic.Int64
}

func (c tiredConn) TryWrite(b []byte) (int, error) {
	time.Sleep(time.Duration(c.each.Load()))
	return c.Conn.Write(b)
}

// TestShedding: with the writing further and further behind, presence is put
// off first, tallies next, cues and receipts never. Soon after the peak everybody
// has the newest of what was put off.
func TestShedding(t *testing.T) {
	const viewers = 64
	var each atomic.Int64
	inRig(t, &room{}, func(c *gateway.Config) { c.Limits.Silence = time.Hour; c.Limits.PingEvery = time.Hour }, func(rig *rig) {
		rig.ln.wrap = func(far net.Conn) net.Conn { return tiredConn{far, &each} }
		boss := rig.producer()
		await[*wire.Presence](boss)
		all := make([]*client, viewers)
		for i := range all {
			all[i], _ = rig.viewer("")
		}
		time.Sleep(time.Minute) // everything has been told
		synctest.Wait()
		drop(boss)
		writers := min(runtime.GOMAXPROCS(0), 16)
		each.Store(int64(1200 * time.Millisecond * time.Duration(writers) / viewers)) // a broadcast takes 1.2 s

		start := time.Now()
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
		time.Sleep(300 * time.Millisecond)
		rig.g.Broadcast("show", wire.Producers, &wire.Health{Uptime: 1})
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 1})
		synctest.Wait()
		if l := rig.g.Load(); l.ShedPresence != 1 || l.ShedTallies != 0 {
			t.Errorf("GW19 300 ms behind: %+v, want presence put off and tallies sent", l)
		}
		time.Sleep(300 * time.Millisecond)
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: 2})
		rig.g.Broadcast("show", wire.Producers, &wire.Health{Uptime: 2})
		synctest.Wait()
		if l := rig.g.Load(); l.ShedPresence != 2 || l.ShedTallies != 1 {
			t.Errorf("GW19 600 ms behind: %+v, want tallies put off too", l)
		}
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateClosing))
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c9", Version: 9, Final: true})
		all[7].say(answer("a1", 0))
		synctest.Wait()
		if l := rig.g.Load(); l.ShedPresence != 2 || l.ShedTallies != 1 {
			t.Errorf("GW19 %+v: a cue, a final count or an answer was put off", l)
		}

		for rig.g.Load().Lag > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		peak := time.Since(start)
		each.Store(0)
		time.Sleep(time.Second)
		synctest.Wait()
		for i, c := range all {
			held := map[string]uint64{}
			for _, m := range drop(c) {
				switch m := m.(type) {
				case *wire.Tally:
					held[m.Cue] = m.Version
				case *wire.CueChanged:
					held[string(m.Cue.State)]++
				case *wire.Receipt:
					held["receipt"]++
				}
			}
			if held["closing"] != 1 || held["c9"] != 9 || held["c1"] != 2 || i == 7 && held["receipt"] != 1 {
				t.Fatalf("GW19 viewer %d has %v after a peak of %v", i, held, peak)
			}
		}
		last := 0.0
		for _, m := range drop(boss) {
			if h, ok := m.(*wire.Health); ok {
				last = h.Uptime
			}
		}
		if last != 2 {
			t.Errorf("GW19 the producer has health %v, want the newest", last)
		}
	})
}

// drop returns what has come and takes it away.
func drop(c *client) (all []wire.Message) {
	for {
		select {
		case f, ok := <-c.got:
			if !ok || f.err != nil {
				c.t.Fatalf("socket ended: %v", f.err)
			}
			all = append(all, f.msg)
		default:
			return all
		}
	}
}

// TestReceiptsFirst: while thousands of answers wait for receipts, counts wait for
// them, and come when they are told.
func TestReceiptsFirst(t *testing.T) {
	const viewers = 64
	var held []func()
	r := &room{answer: func(_ interact.Answer, done func(interact.Receipt, error)) {
		held = append(held, func() { done(interact.Receipt{Seq: 1, Choice: []int{0}, Level: interact.LevelLog}, nil) })
	}}
	inRig(t, r, func(c *gateway.Config) {
		c.Limits.MessageRate, c.Limits.MessageBurst, c.Limits.AnswerRate, c.Limits.AnswerBurst = 1<<20, 1<<20, 1<<20, 1<<20
	}, func(rig *rig) {
		all := make([]*client, viewers)
		for i := range all {
			all[i], _ = rig.viewer("")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		ask := func(times int) {
			for i := range times {
				all[i%viewers].say(answer("a1", 0))
				synctest.Wait()
			}
		}
		counts := func(version uint64) {
			rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c1", Version: version})
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		tallies := func() (got []uint64) {
			for _, m := range drop(all[0]) {
				if m, ok := m.(*wire.Tally); ok {
					got = append(got, m.Version)
				}
			}
			return got
		}
		ask(4095)
		counts(1)
		ask(1)
		counts(2)
		counts(3)
		rig.g.Broadcast("show", wire.Viewers, &wire.Tally{Cue: "c9", Version: 9, Final: true})
		synctest.Wait()
		if got := tallies(); !slices.Equal(got, []uint64{1, 9}) || rig.g.Load().ShedTallies != 2 {
			t.Errorf("GW19 with 4,096 answers without receipts: counts %v, %+v", got, rig.g.Load())
		}
		for i, settle := range held {
			if settle(); i%viewers == 0 {
				synctest.Wait()
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := tallies(); !slices.Equal(got, []uint64{3}) {
			t.Errorf("GW19 after the receipts: counts %v", got)
		}
	})
}
