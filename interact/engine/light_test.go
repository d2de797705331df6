package engine_test

import (
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func (s *show) opens(c wire.Cue, who string, at clock.Instant) {
	s.room.Opened(interact.Opening{Cue: c.ID, Rev: c.Rev, Participant: who, At: at, Class: "in", Dispersion: 2 * ms})
}

func (s *show) closes(c wire.Cue, who string, at clock.Instant) {
	s.room.Closed(interact.Closing{Cue: c.ID, Rev: c.Rev, Participant: who, At: at})
}

// light returns the last openings that producers heard of.
func (s *show) light() wire.Openings {
	s.Helper()
	s.until(s.now().Add(300 * ms))
	o, _ := s.lastOpenings()
	return o
}

func TestWhoIsOut(t *testing.T) {
	bubble(t, "EN16 histogram, classes, and who is out and why", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(5 * time.Second))
		for i := range 30 {
			s.opens(c, participant(i), c.Open.Add(time.Duration(i)*ms))
		}
		report := func(who, class, why string, away time.Duration, late bool) {
			s.room.Opened(interact.Opening{Cue: c.ID, Participant: who, At: c.Open.Add(away), Class: class, Why: why, Late: late, Dispersion: 30 * ms})
		}
		report("asleep", "none", "hidden", 4*ms, false)
		report("lagging", "far", "behind", 6*ms, false)
		report("stuttering", "near", "", 180*ms, false)
		report("fast", "in", "", -150*ms, false)
		report("guest", "in", "", 4*time.Second, true)
		got := s.light()
		bars := make([]int, 20)
		bars[10], bars[11], bars[12] = 12, 10, 10
		want := wire.Openings{
			Cue: c.ID, Rev: 2, Reported: 35, Late: 1, Expected: 100, InTime: 31, P50: 15_000, P95: 150_000, Max: 180_000,
			Spread: 330_000, DispersionP95: 30_000,
			Histogram: wire.Histogram{From: -100_000, Step: 10_000, Counts: bars, Below: 1, Above: 1},
			Classes:   wire.Classes{In: 32, Near: 1, Far: 1, None: 1},
			Out:       []wire.OutCount{{Why: "slow", Count: 2}, {Why: "behind", Count: 1}, {Why: "hidden", Count: 1}, {Why: "late", Count: 1}},
			Who: []wire.OutWho{
				{Participant: "guest", Class: "in", Why: "late", Away: 4_000_000},
				{Participant: "stuttering", Class: "near", Why: "slow", Away: 180_000},
				{Participant: "fast", Class: "in", Why: "slow", Away: -150_000},
				{Participant: "lagging", Class: "far", Why: "behind", Away: 6000},
				{Participant: "asleep", Class: "none", Why: "hidden", Away: 4000},
			},
		}
		if !reflect.DeepEqual(got, want) {
			s.Errorf("producers heard\n%+v, want\n%+v", got, want)
		}
	})
	bubble(t, "EN16 the worst twenty are named", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(3 * time.Second))
		for i := range 50 {
			s.opens(c, fmt.Sprintf("p%02d", i), c.Open.Add(time.Duration(200+(i*37)%50)*ms))
		}
		got := s.light()
		if len(got.Who) != 20 || got.Who[0].Away != 249_000 || got.Who[19].Away != 230_000 || got.Out[0].Count != 50 {
			s.Errorf("who = %+v", got.Who)
		}
	})
}

func TestGreenLight(t *testing.T) {
	ready := func(s *show, viewers int) wire.Cue {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		for i := range viewers {
			s.opens(c, participant(i), c.Open.Add(4*ms))
		}
		s.until(c.Close.Add(-2 * time.Second))
		s.closes(c, participant(0), c.Close) // it says so before it can be
		s.until(c.Close)
		return c
	}
	bubble(t, "EN23 green when 99.5 % have closed", func(s *show) {
		c := ready(s, 400)
		for i := range 397 {
			s.closes(c, participant(i), c.Close.Add(3*ms))
			s.closes(c, participant(i), c.Close.Add(3*ms)) // twice
		}
		if got := s.light(); got.Closed != 397 || got.Clear {
			s.Errorf("closed %d, clear %v", got.Closed, got.Clear)
		}
		s.closes(c, participant(398), c.Close.Add(300*ms))
		if got := s.light(); got.Closed != 398 || !got.Clear {
			s.Errorf("closed %d, clear %v", got.Closed, got.Clear)
		}
	})
	bubble(t, "EN23 who has left is not waited for, who is back is", func(s *show) {
		c := ready(s, 10)
		for i := range 9 {
			s.closes(c, participant(i), c.Close.Add(3*ms))
		}
		if s.light().Clear {
			s.Error("clear with one open")
		}
		s.room.Left(participant(9))
		if !s.light().Clear {
			s.Error("not clear although the last one left")
		}
		s.welcome(participant(9), wire.RoleViewer)
		if s.light().Clear {
			s.Error("clear although it came back, open")
		}
		s.closes(c, participant(9), s.now())
		if !s.light().Clear {
			s.Error("not clear in the end")
		}
	})
	bubble(t, "EN23 with nobody there it is green from C + G_max on", func(s *show) {
		c := ready(s, 0)
		if s.light().Clear {
			s.Error("clear in the grace")
		}
		s.until(c.Close.Add(500 * ms))
		if got := s.light(); !got.Clear || got.Who == nil || got.Out == nil {
			s.Errorf("after it %+v", got)
		}
	})
	bubble(t, "EN23 an extension opens the windows again", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		s.opens(c, "ann", c.Open)
		s.until(c.Close.Add(-600 * ms))
		s.closes(c, "ann", c.Close.Add(-700*ms)) // a clock that is off
		c, err := s.room.Extend(s.Context(), c.ID, 10*time.Second, "")
		s.must(err)
		if got := s.light(); got.Closed != 0 || got.Clear {
			s.Errorf("extended: %+v", got)
		}
		s.until(c.Close)
		s.closes(c, "ann", c.Close)
		if got := s.light(); got.Closed != 1 || !got.Clear {
			s.Errorf("closed: %+v", got)
		}
	})
	bubble(t, "EN23 reports are taken until a minute after C", func(s *show) {
		c := ready(s, 1)
		s.until(c.Close.Add(time.Minute + time.Second))
		s.closes(c, participant(0), s.now())
		s.light()
		if counts, err := s.room.Counts(s.Context()); err != nil || counts.ClosingsIgnored != 2 {
			s.Errorf("counts %+v, %v", counts, err)
		}
	})
}

func TestRevealWhenClear(t *testing.T) {
	armed := func(s *show) wire.Cue {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		s.opens(c, "ann", c.Open)
		s.opens(c, "bob", c.Open)
		got, err := s.room.RevealWhenClear(s.Context(), c.ID, "")
		s.must(err)
		if !got.RevealArmed || got.State != wire.StateOpen {
			s.Errorf("armed = %+v", got)
		}
		s.until(c.Close.Add(100 * ms))
		s.closes(c, "ann", c.Close)
		return c
	}
	bubble(t, "EN23 the result comes with the green light", func(s *show) {
		c := armed(s)
		s.until(c.Close.Add(10 * time.Second))
		if got := s.cue(c.ID); got.State != wire.StateClosed {
			s.Errorf("before it is clear %+v", got)
		}
		s.closes(c, "bob", s.now())
		s.until(s.now().Add(300 * ms))
		if got := s.cue(c.ID); got.State != wire.StateRevealed || got.RevealArmed {
			s.Errorf("clear: %+v", got)
		}
	})
	bubble(t, "EN23 never before the tally is final", func(s *show) {
		c := armed(s)
		s.closes(c, "bob", c.Close)
		s.until(c.Close.Add(499 * ms))
		if got := s.cue(c.ID); got.State != wire.StateClosing {
			s.Errorf("in the grace %+v", got)
		}
		s.until(c.Close.Add(time.Second))
		if got := s.cue(c.ID); got.State != wire.StateRevealed {
			s.Errorf("after it %+v", got)
		}
	})
	bubble(t, "EN23 a minute after C at the latest", func(s *show) {
		c := armed(s)
		s.until(c.Close.Add(time.Minute - time.Second))
		if got := s.cue(c.ID); got.State != wire.StateClosed {
			s.Errorf("before %+v", got)
		}
		s.until(c.Close.Add(time.Minute + time.Second))
		if got := s.cue(c.ID); got.State != wire.StateRevealed || got.Note == "" {
			s.Errorf("after %+v", got)
		}
	})
	bubble(t, "EN23 or when the producer says so", func(s *show) {
		c := armed(s)
		s.until(c.Close.Add(5 * time.Second))
		got, err := s.room.Reveal(s.Context(), c.ID, "")
		if err != nil || got.State != wire.StateRevealed {
			s.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("EN3 a restart forgets neither", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			c := armed(s)
			s.stop()
			back := resume(t, s.store, s.clock)
			back.until(c.Close.Add(5 * time.Second))
			if got := back.cue(c.ID); got.State != wire.StateRevealed {
				t.Errorf("with nobody there %+v", got)
			}
		})
	})
}

// TestOutage: the room clock did not survive, so nobody could answer meanwhile.
func TestOutage(t *testing.T) {
	for name, epoch := range map[string]uint32{"EN24 the same clock: C stays": 7, "EN24 another clock: the outage is given back": 8} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := onAir(t, new(interacttest.Memory))
				c := s.take(poll)
				s.until(c.Open.Add(5 * time.Second))
				s.counted(s.answer(c.ID, "ann", 0))
				s.stop()
				time.Sleep(9 * time.Second)
				back := resume(t, s.store, clock.NewRoom(time.Now(), s.now(), epoch))
				got, want := back.cue(c.ID), c.Close
				if epoch != 7 {
					want = want.Add(9 * time.Second)
					if got.Rev != 3 || got.Note == "" {
						t.Errorf("mended = %+v", got)
					}
				}
				if got.Close != want || got.State != wire.StateOpen {
					t.Errorf("C%+v: %+v", got.Close.Sub(c.Close), got)
				}
				back.stop()
				again := resume(t, s.store, clock.NewRoom(time.Now(), s.now(), epoch))
				if twice := again.cue(c.ID); twice.Close != want {
					t.Errorf("after another restart C%+v", twice.Close.Sub(c.Close))
				}
				again.until(want.Add(-time.Second))
				again.counted(again.answer(c.ID, "bob", 0))
			})
		})
	}
}
