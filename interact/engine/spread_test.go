package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestSpreadOf(t *testing.T) {
	for _, tc := range []struct {
		name              string
		viewers, capacity int
		want              time.Duration
	}{
		{"EN26 nobody", 0, 20_000, 0},
		{"EN26 a small audience", 1000, 20_000, 0},
		{"EN26 just under capacity", 4700, 20_000, 0},
		{"EN26 a little more", 4800, 20_000, 10 * ms},
		{"EN26 as wide as it takes", 10_000, 20_000, 230 * ms},
		{"EN26 half a second at most", 19_000, 20_000, 500 * ms},
		{"EN26 any crowd", 10_000_000, 20_000, 500 * ms},
		{"EN26 a large machine", 19_000, 100_000, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := engine.SpreadOf(tc.viewers, tc.capacity)
			if got != tc.want {
				t.Errorf("%d viewers at %d/s: %v, want %v", tc.viewers, tc.capacity, got, tc.want)
			}
			peak := 0.85 * float64(tc.viewers) / (200*ms + got).Seconds()
			if got < interact.MaxSpread && peak > float64(tc.capacity) {
				t.Errorf("the peak is %.0f/s with a capacity of %d", peak, tc.capacity)
			}
		})
	}
}

func TestSpread(t *testing.T) {
	bubble(t, "EN26 a cue for many says over how long to spread", func(s *show) {
		s.crowd.come(10_000)
		c := s.take(poll)
		if c.Spread != 230 {
			s.Errorf("spread %d ms", c.Spread)
		}
		if w := s.welcome("ann", wire.RoleViewer); w.Cues[0].Spread != 230 {
			s.Errorf("welcomed with %+v", w.Cues[0])
		}
		back := resume(s.T, s.store, s.clock)
		if got := back.cue(c.ID); got.Spread != 230 {
			s.Errorf("EN3 after a restart %d ms", got.Spread)
		}
	})
	bubble(t, "EN26 who comes between taking and announcing counts", func(s *show) {
		draft := s.prepare(poll)
		c, err := s.room.TakeAt(s.Context(), draft.ID, interact.Spot{Open: s.now().Add(time.Minute)}, "")
		s.must(err)
		if c.Spread != 0 {
			s.Errorf("spread %d ms", c.Spread)
		}
		s.crowd.come(19_000)
		s.until(c.Open.Add(-10 * time.Second))
		told := s.crowd.cues(wire.Viewers)
		if len(told) != 1 || told[0].message.(*wire.CueChanged).Cue.Spread != 500 {
			s.Fatalf("viewers heard %+v", told)
		}
		s.crowd.come(10) // too late to tell anybody
		s.until(c.Open)
		if got := s.cue(c.ID); got.Spread != 500 {
			s.Errorf("spread %d ms at O", got.Spread)
		}
	})
	bubble(t, "EN26 an answer is credited as if it had not waited", func(s *show) {
		s.crowd.come(19_000)
		q := poll
		q.Window = 5 * time.Minute
		c := s.take(q)
		spread := time.Duration(c.Spread) * ms
		tapped := c.Open.Add(time.Second)
		for i := range 500 {
			who := participant(i)
			s.until(tapped.Add(interact.SendDelay(c.ID, who, spread) + 40*ms))
			got := s.counted(s.send(interact.Answer{
				ID: "a1", Cue: c.ID, Participant: who, Choice: []int{i % 2}, Stamp: tapped, Received: s.now(),
				Line: interact.Line{RTTMin: 60 * ms, Jitter: 5 * ms, Dispersion: 2 * ms},
			}))
			if got.Credited != tapped {
				s.Fatalf("%s waited %v and was credited with its tap%+v", who, interact.SendDelay(c.ID, who, spread), got.Credited.Sub(tapped))
			}
			tapped = s.now()
		}
	})
	t.Run("EN26 the audience and the capacity can be said", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			e, err := engine.New(t.Context(), engine.Config{
				Store: new(interacttest.Memory), Clock: s.clock, Broadcaster: s.crowd, Capacity: 1000,
				Audience: func(channel string) int { return 300 + len(channel) },
				Channels: []engine.Channel{{Name: "show", Latency: latency}},
			})
			if err != nil {
				t.Fatal(err)
			}
			s.room, _ = e.Room("show")
			defer run(t, e)()
			if c := s.take(poll); c.Spread != 60 {
				t.Errorf("spread %d ms", c.Spread)
			}
		})
	})
}
