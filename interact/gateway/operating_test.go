package gateway_test

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestOperatingLoad(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-6 }
	t.Run("GW40 sockets, and its distribution over a minute", func(t *testing.T) {
		inRig(t, &room{}, func(cfg *gateway.Config) { cfg.Limits.Connections = 10 }, func(rig *rig) {
			if l := rig.g.Load(); l.Operating.Now != 0 || l.Connections != 0 {
				t.Errorf("idle: %+v", l)
			}
			time.Sleep(30 * time.Second)
			var all []*client
			for range 5 {
				c, _ := rig.viewer("")
				all = append(all, c)
			}
			time.Sleep(4 * time.Second) // at 34 s, 8 of 68 samples
			l := rig.g.Load()
			if o := l.Operating; !near(o.Now, 0.5) || o.Bound != gateway.BoundSockets || o.P50 != 0 || !near(o.P95, 0.5) || !near(o.Max, 0.5) {
				t.Errorf("half full: %+v", o)
			}
			for _, c := range all {
				c.ws.Close()
			}
			time.Sleep(30 * time.Second)
			l = rig.g.Load()
			if o := l.Operating; o.Now != 0 || o.P50 != 0 || !near(o.Max, 0.5) || l.Connections != 0 || l.MaxConnections != 5 {
				t.Errorf("empty again: %+v", l)
			}
			time.Sleep(31 * time.Second)
			if o := rig.g.Load().Operating; o.Max != 0 {
				t.Errorf("a minute later: %+v", o)
			}
		})
	})
	t.Run("GW40 answers against the capacity, and rates", func(t *testing.T) {
		change := func(cfg *gateway.Config) {
			cfg.Limits = gateway.Limits{Capacity: 40, AnswerRate: 100, AnswerBurst: 100, MessageRate: 100, MessageBurst: 100}
		}
		inRig(t, &room{}, change, func(rig *rig) {
			c, _ := rig.viewer("")
			time.Sleep(5*time.Second + time.Millisecond)
			for range 20 {
				c.say(answer("a", 0))
				expect[*wire.Receipt](c)
			}
			time.Sleep(999 * time.Millisecond)
			l := rig.g.Load()
			if o := l.Operating; !near(o.Now, 0.5) || o.Bound != gateway.BoundAnswers {
				t.Errorf("operating %+v", o)
			}
			if r := l.Rates; !near(r.Answers, 20) || !near(r.In, 20) || !near(r.Out, 20) {
				t.Errorf("rates %+v", r)
			}
			time.Sleep(5 * time.Second)
			if l := rig.g.Load(); l.Rates != (gateway.Rates{}) || !near(l.MaxRates.Answers, 20) || l.MaxRates.Handshakes < 1 {
				t.Errorf("later: rates %+v, highest %+v", l.Rates, l.MaxRates)
			}
		})
	})
	t.Run("GW40 the line of joins", func(t *testing.T) {
		joining, release := make(chan struct{}, 8), make(chan struct{})
		r := &room{join: func(ctx context.Context, _, _ string) (wire.Welcome, error) {
			joining <- struct{}{}
			<-release
			return wire.Welcome{}, nil
		}}
		change := func(cfg *gateway.Config) { cfg.Limits.Joins, cfg.Limits.JoinLine = 1, 4 }
		inRig(t, r, change, func(rig *rig) {
			release = make(chan struct{})
			for range 3 {
				c := rig.dial(nil).listen()
				c.say(&wire.Hello{Version: 1, Channel: "show"})
			}
			synctest.Wait()
			if o := rig.g.Load().Operating; !near(o.Now, 0.5) || o.Bound != gateway.BoundLine {
				t.Errorf("operating %+v", o)
			}
			close(release)
		})
	})
}

func TestFullNodeNamesAnother(t *testing.T) {
	asked := ""
	change := func(cfg *gateway.Config) {
		cfg.Limits.Connections = 1
		cfg.Try = func(channel string) string { asked = channel; return "https://b.example" }
	}
	inRig(t, &room{}, change, func(rig *rig) {
		rig.viewer("")
		_, answer, err := rig.handshake(nil)
		if err == nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Fatalf("GW42 handshake: %+v, %v", answer, err)
		}
		if got := answer.Header.Get(gateway.TryHeader); got != "https://b.example" || asked != "" {
			t.Errorf("GW42 another node: %q, asked for %q", got, asked)
		}
	})
	for name, where := range map[string]string{
		"GW42 none":               "",
		"GW42 no address":         "b.example",
		"GW42 another scheme":     "javascript://b.example",
		"GW42 more than a header": "https://b.example\r\nX: y",
	} {
		t.Run(name, func(t *testing.T) {
			change := func(cfg *gateway.Config) {
				cfg.Limits.Connections = 1
				cfg.Try = func(string) string { return where }
			}
			inRig(t, &room{}, change, func(rig *rig) {
				c, _ := rig.viewer("")
				_, answer, err := rig.handshake(nil)
				if err == nil || answer.Header.Values(gateway.TryHeader) != nil {
					t.Errorf("%q is named (%v)", answer.Header, err)
				}
				go rig.stop()
				if bye := c.closed(wire.CloseRestart); bye.Try != "" {
					t.Errorf("bye = %+v", bye)
				}
			})
		})
	}
}

func TestDrain(t *testing.T) {
	change := func(cfg *gateway.Config) {
		cfg.Limits.Notice, cfg.Limits.ComeBack = 5*time.Second, 2
		cfg.Try = func(channel string) string { return "https://b.example/" + channel }
	}
	inRig(t, &room{}, change, func(rig *rig) {
		var all []*client
		for range 5 {
			c, _ := rig.viewer("")
			all = append(all, c)
		}
		if rig.g.Draining() {
			t.Error("GW41 draining while it runs")
		}
		start := time.Now()
		go rig.stop()
		synctest.Wait()
		if !rig.g.Draining() {
			t.Error("GW41 ready while it stops")
		}
		late, _ := rig.viewer("") // whoever did not notice yet is served
		late.say(answer("a", 0))
		expect[*wire.Receipt](late)
		rig.g.Broadcast("show", wire.Viewers, cueChanged("c1", wire.StateOpen))
		longest := int64(0)
		for _, c := range append(all, late) {
			expect[*wire.CueChanged](c)
			bye := c.closed(wire.CloseRestart)
			if bye.Try != "https://b.example/show" {
				t.Errorf("GW42 bye = %+v", bye)
			}
			longest = max(longest, bye.After)
		}
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("GW41 told to leave after %v", took)
		}
		if longest != 500+2500 {
			t.Errorf("GW35 the last of six is told to wait %d ms, at two a second", longest)
		}
	})
}

func TestPresenceOverAllNodes(t *testing.T) {
	var told atomic.Pointer[wire.Presence]
	there := wire.Presence{Viewers: 40, Synced: 30, In: 20, Near: 5, Far: 5, Stuck: 2, Joins: 1, Leaves: 0.5, Grades: wire.Grades{Device: 39, PIN: 1}}
	told.Store(&there)
	change := func(cfg *gateway.Config) {
		cfg.Elsewhere = func(channel string) wire.Presence {
			if channel != "show" {
				return wire.Presence{}
			}
			return *told.Load()
		}
	}
	inRig(t, &room{}, change, func(rig *rig) {
		boss := rig.producer()
		viewer, _ := rig.viewer("")
		viewer.say(&wire.Status{Synced: true, Class: wire.ClassIn})
		time.Sleep(1100 * time.Millisecond)
		got := await[*wire.Presence](boss)
		want := there
		want.Viewers, want.Synced, want.In, want.Joins, want.Grades.Device = 41, 31, 21, 1.1, 40
		if *got != want {
			t.Errorf("GW30 presence = %+v, want %+v", *got, want)
		}
		if r := await[*wire.Roster](boss); r.Total != 41 || len(r.Viewers) != 1 {
			t.Errorf("GW31 roster = %+v", r)
		}
		if p := rig.g.Presence("show"); p.Viewers != 1 || rig.g.Viewers("show") != 1 || p.Stuck != 0 || rig.g.Stuck("show") != 0 {
			t.Errorf("GW30 here: %+v", p)
		}
		more := there // it alone changes
		more.Viewers, more.Grades.Device = 50, 49
		told.Store(&more)
		for await[*wire.Presence](boss).Viewers != 51 { // a later one has it
		}
		if r := rig.g.Roster("nobody-here", 5); r.Total != 0 || len(r.Viewers) != 0 {
			t.Errorf("GW31 roster = %+v", r)
		}
	})
}

func TestRosterOfAllNodes(t *testing.T) {
	var asked atomic.Int32
	change := func(cfg *gateway.Config) {
		cfg.WholeRoster = func(ctx context.Context, channel string, n int) *wire.Roster {
			if channel != "show" || n != wire.MaxRoster {
				t.Errorf("GW31 asked for %d of %s", n, channel)
			}
			if asked.Add(1) > 1 { // another node does not answer any more
				<-ctx.Done()
			}
			return &wire.Roster{Total: 2, Viewers: []wire.RosterViewer{{Participant: "here"}, {Participant: "there"}}}
		}
	}
	inRig(t, &room{}, change, func(rig *rig) {
		boss := rig.producer()
		if r := await[*wire.Roster](boss); r.Total != 2 || len(r.Viewers) != 2 || r.Viewers[1].Participant != "there" {
			t.Errorf("GW31 roster = %+v", r)
		}
		time.Sleep(rosterAgain)
		viewer, _ := rig.viewer("") // while the roster waits all else goes on
		viewer.say(answer("a", 0))
		expect[*wire.Receipt](viewer)
		for await[*wire.Presence](boss).Viewers != 1 { // a later one has it
		}
	})
}

// rosterAgain is longer than it takes until a roster is due again.
const rosterAgain = 6 * time.Second
