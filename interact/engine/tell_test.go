package engine_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestTallyPace(t *testing.T) {
	steady := func(s *show, q interact.Question) wire.Cue {
		c := s.take(q)
		s.until(c.Open.Add(time.Second))
		for i := range 1000 {
			s.answer(c.ID, participant(i), i%2)
			time.Sleep(3 * ms)
		}
		s.until(c.Close.Add(time.Second))
		return c
	}
	apart := func(s *show, name string, got []heard, least time.Duration) {
		s.Helper()
		for i := 1; i < len(got); i++ {
			final := got[i].message.(*wire.Tally).Final
			if d := got[i].at.Sub(got[i-1].at); d < least && !final {
				s.Errorf("%s: tallies %v apart", name, d)
			}
			if got[i].message.(*wire.Tally).Version <= got[i-1].message.(*wire.Tally).Version {
				s.Errorf("IN4 %s: version %+v after %+v", name, got[i].message, got[i-1].message)
			}
		}
		last := got[len(got)-1].message.(*wire.Tally)
		if !last.Final || last.Total != 1000 {
			s.Errorf("%s: ended with %+v", name, last)
		}
	}
	bubble(t, "EN15 live: producers every 200 ms, viewers every 500 ms", func(s *show) {
		steady(s, poll)
		producers, viewers := s.crowd.tallies(wire.Producers), s.crowd.tallies(wire.Viewers)
		apart(s, "producers", producers, 200*ms)
		apart(s, "viewers", viewers, 500*ms)
		if n := len(producers); n < 14 || n > 18 {
			s.Errorf("producers heard %d tallies in 3 s", n)
		}
		if n := len(viewers); n < 6 || n > 9 {
			s.Errorf("viewers heard %d tallies in 3 s", n)
		}
	})
	bubble(t, "EN15 at reveal: viewers see nothing before", func(s *show) {
		c := steady(s, trivia)
		apart(s, "producers", s.crowd.tallies(wire.Producers), 200*ms)
		if got := s.crowd.tallies(wire.Viewers); len(got) != 0 {
			s.Errorf("viewers heard %d tallies", len(got))
		}
		if _, err := s.room.Reveal(s.Context(), c.ID, ""); err != nil {
			s.Fatal(err)
		}
		if got := s.crowd.tallies(wire.Viewers); len(got) != 1 || !got[0].message.(*wire.Tally).Final {
			s.Errorf("viewers heard %+v", got)
		}
	})
	bubble(t, "EN15 one answer reaches the producer within 250 ms", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		for i := range 5 {
			s.counted(s.answer(c.ID, participant(i), 0))
			answered := s.now()
			s.until(answered.Add(250 * ms))
			got := s.crowd.tallies(wire.Producers)
			if len(got) != i+1 || got[i].message.(*wire.Tally).Total != uint64(i+1) {
				s.Errorf("after answer %d producers heard %d tallies", i+1, len(got))
			}
			s.until(answered.Add(time.Duration(i) * 70 * ms))
		}
	})
}

func (s *show) lastOpenings() (wire.Openings, int) {
	var last wire.Openings
	n := 0
	for _, h := range s.crowd.hears(wire.Producers) {
		if o, ok := h.message.(*wire.Openings); ok {
			last = *o
			n++
		}
	}
	return last, n
}

func TestOpenings(t *testing.T) {
	report := func(s *show, c wire.Cue, who string, at clock.Instant, late bool) {
		s.room.Opened(interact.Opening{Cue: c.ID, Rev: c.Rev, Participant: who, At: at, Late: late})
	}
	bubble(t, "EN16 quantiles, spread and who was expected", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(500 * ms))
		for i := range 100 { // −9.8 … +10 ms
			report(s, c, participant(i), c.Open.Add(time.Duration(i-49)*200*time.Microsecond), false)
		}
		report(s, c, "late", c.Open.Add(400*ms), true)
		report(s, c, "late", c.Open.Add(300*ms), false)         // again
		report(s, c, "liar", c.Open.Add(-time.Minute), false)   // before it was known
		report(s, c, "seer", s.now().Add(5*time.Second), false) // after now
		report(s, wire.Cue{ID: "c0"}, "other", c.Open, false)   // of another cue
		s.until(c.Open.Add(time.Second))
		got, n := s.lastOpenings()
		bars := make([]int, 20)
		bars[9], bars[10], bars[11] = 49, 50, 1
		want := wire.Openings{
			Cue: c.ID, Rev: c.Rev, Reported: 101, Late: 1, Expected: 100, InTime: 100, P50: 5000, P95: 9600, Max: 10_000, Spread: 19_800,
			Histogram: wire.Histogram{From: -100_000, Step: 10_000, Counts: bars}, Classes: wire.Classes{None: 101},
			Out: []wire.OutCount{{Why: "late", Count: 1}}, Who: []wire.OutWho{{Participant: "late", Class: "none", Why: "late", Away: 400_000}},
		}
		if !reflect.DeepEqual(got, want) || n > 3 {
			s.Errorf("producers heard %d times %+v, want %+v", n, got, want)
		}
		for _, h := range s.crowd.hears(wire.Viewers) {
			if _, ok := h.message.(*wire.Openings); ok {
				s.Error("viewers heard it too")
			}
		}
		counts, err := s.room.Counts(s.Context())
		if err != nil || counts.OpeningsIgnored != 4 {
			s.Errorf("counts = %+v, %v", counts, err)
		}
	})
	bubble(t, "EN16 at most every 250 ms, and to a producer who joins", func(s *show) {
		c := s.take(poll)
		s.until(c.Open)
		for i := range 100 {
			report(s, c, participant(i), s.now(), false)
			time.Sleep(10 * ms)
		}
		s.until(c.Open.Add(2 * time.Second))
		got, n := s.lastOpenings()
		if n < 4 || n > 5 || got.Reported != 100 {
			s.Errorf("producers heard %d times, last %+v", n, got)
		}
		s.until(c.Close.Add(time.Minute))
		_, n = s.lastOpenings()
		s.welcome("", wire.RoleProducer)
		s.until(s.now().Add(250 * ms))
		if _, again := s.lastOpenings(); again != n+1 {
			s.Errorf("heard %d times after a producer joined, want %d", again, n+1)
		}
	})
	bubble(t, "EN16 a very late opening shows as the largest", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(3 * time.Second))
		report(s, c, "ann", c.Open.Add(2500*ms), false)
		s.until(c.Open.Add(4 * time.Second))
		if got, _ := s.lastOpenings(); got.P50 != 2_500_000 || got.Max != 2_500_000 || got.Spread != 0 {
			s.Errorf("heard %+v", got)
		}
	})
}
