package engine_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// TestEdgeCases are the server's part of what can happen around a window.
func TestEdgeCases(t *testing.T) {
	bubble(t, "CU16 joins before O", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(-time.Second))
		got := s.welcome("ann", wire.RoleViewer).Cues[0]
		s.until(c.Open)
		if key := s.crowd.keys()[0]; key.at >= c.Open || unseal(s.T, got, key.message.(*wire.Key).Key).Title != trivia.Title {
			s.Error("the key does not open what it was welcomed with, before O")
		}
	})
	bubble(t, "CU16 joins inside the window", func(s *show) {
		c := s.take(trivia)
		s.until(c.Close.Add(-4 * time.Second))
		got := s.welcome("ann", wire.RoleViewer).Cues[0]
		if got.Open != c.Open || got.Close != c.Close || unseal(s.T, got, got.Key).Title != trivia.Title {
			s.Errorf("welcomed with %+v", got)
		}
		s.opens(c, "ann", s.now())
		s.counted(s.answer(c.ID, "ann", 0))
	})
	bubble(t, "CU16 joins at the end: shown closed, gets the result", func(s *show) {
		c := s.take(trivia)
		s.until(c.Close.Add(-time.Second))
		if got := s.welcome("ann", wire.RoleViewer); got.Cues[0].Close.Sub(got.Now) != time.Second {
			s.Errorf("welcomed with %+v", got)
		}
		s.until(c.Close.Add(time.Second))
		_, err := s.room.Reveal(s.Context(), c.ID, "")
		s.must(err)
		if got := s.welcome("ann", wire.RoleViewer); got.Cues[0].Correct == nil || len(got.Tallies) != 1 {
			s.Errorf("welcomed with %+v", got)
		}
	})
	bubble(t, "CU16 reconnects in a window", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(2 * time.Second))
		receipt := s.counted(s.answer(c.ID, "ann", 1))
		_, err := s.room.Extend(s.Context(), c.ID, 5*time.Second, "")
		s.must(err)
		w := s.welcome("ann", wire.RoleViewer)
		got := w.Cues[0]
		if got.Rev != 3 || got.Open != c.Open || got.Close != c.Close.Add(5*time.Second) || got.Key == "" || w.Receipts[0].At != receipt.Credited {
			s.Errorf("welcomed with %+v", w)
		}
		if again := s.counted(s.answer(c.ID, "ann", 0)); !reflect.DeepEqual(again, receipt) {
			s.Errorf("IN3 answered twice: %+v, %+v", again, receipt)
		}
	})
	bubble(t, "CU16 socket down at κ: the key is to be had, with O", func(s *show) {
		c := s.take(trivia)
		kid := s.welcome("ann", wire.RoleViewer).Cues[0].Seal.KeyID
		s.until(c.Open.Add(-400 * ms))
		if key, err := s.room.Key(kid); err != nil || key.Open != c.Open {
			s.Errorf("key = %+v, %v", key, err)
		}
	})
	bubble(t, "CU16 clock not synced: counted by receipt, and shown as such", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		now := s.now()
		got := s.counted(s.send(interact.Answer{
			ID: "a1", Cue: c.ID, Participant: "ann", Choice: []int{0}, Stamp: now.Add(-time.Hour), Received: now,
			Line: interact.Line{RTTMin: 80 * ms, Dispersion: 200 * ms},
		}))
		if got.Credited != now.Add(-40*ms) {
			s.Errorf("credited now%+v", got.Credited.Sub(now))
		}
		s.room.Opened(interact.Opening{Cue: c.ID, Participant: "ann", At: now.Add(-900 * ms), Class: "none", Why: "clock"})
		if o := s.light(); o.Out[0] != (wire.OutCount{Why: "clock", Count: 1}) {
			s.Errorf("out = %+v", o.Out)
		}
	})
	for _, why := range []string{wire.WhyBehind, wire.WhyPaused} {
		bubble(t, "CU16 player "+why+": opens at O, is in time, and is named", func(s *show) {
			c := s.take(poll)
			s.until(c.Open.Add(time.Second))
			s.room.Opened(interact.Opening{Cue: c.ID, Participant: "ann", At: c.Open.Add(8 * ms), Frame: c.Open.Add(-5 * time.Second), Class: "far", Why: why})
			if o := s.light(); o.InTime != 1 || o.Out[0].Why != why || o.Who[0].Participant != "ann" {
				s.Errorf("heard %+v", o)
			}
			s.counted(s.answer(c.ID, "ann", 0))
		})
	}
	bubble(t, "CU16 tab hidden: its opening is not in time, its answer counts", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		s.room.Opened(interact.Opening{Cue: c.ID, Participant: "ann", At: c.Open, Class: "none", Why: wire.WhyHidden})
		if o := s.light(); o.InTime != 0 || o.Out[0].Why != wire.WhyHidden {
			s.Errorf("heard %+v", o)
		}
		s.counted(s.answer(c.ID, "ann", 0))
	})
	bubble(t, "CU16 encoder reconnects mid-window: nothing changes", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		s.picture.run(false)
		s.until(c.Open.Add(6 * time.Second))
		s.picture.run(true)
		s.until(c.Open.Add(7 * time.Second))
		if got := s.cue(c.ID); got.Rev != c.Rev || got.Open != c.Open || got.Close != c.Close || got.State != wire.StateOpen {
			s.Errorf("got %+v", got)
		}
	})
	bubble(t, "CU16 encoder drift while armed: O stays", func(s *show) {
		c := s.take(poll)
		s.room.SetTimeline(wire.Timeline{Rev: 9, State: "locked", Points: [][2]int64{{int64(c.Media), int64(c.Open.Add(-latency + 5*ms))}}})
		s.until(c.Open)
		if got := s.cue(c.ID); got.Rev != c.Rev || got.Open != c.Open {
			s.Errorf("got %+v", got)
		}
	})
	t.Run("CU16 another process with the same log and clock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			c := s.take(poll)
			s.until(c.Open.Add(-time.Second))
			s.stop()
			other := resume(t, s.store, clock.NewRoom(time.Now(), s.now(), 7))
			other.until(c.Open)
			if got := other.cue(c.ID); got.Open != c.Open || got.Close != c.Close || got.State != wire.StateOpen {
				t.Errorf("got %+v", got)
			}
			if keys := other.crowd.keys(); len(keys) != 0 && keys[0].at != c.Open.Add(-cue.KeyLead) {
				t.Errorf("keys %+v", keys)
			}
		})
	})
	bubble(t, "CU16 a double click acts once", func(s *show) {
		draft := s.prepare(poll)
		one, err := s.room.TakeAt(s.Context(), draft.ID, interact.Spot{At: s.now()}, "k1")
		s.must(err)
		time.Sleep(200 * ms)
		two, err := s.room.TakeAt(s.Context(), draft.ID, interact.Spot{At: s.now()}, "k1")
		if err != nil || !reflect.DeepEqual(one, two) {
			s.Errorf("%+v, %+v, %v", one, two, err)
		}
	})
	bubble(t, "CU16 an answer received before O", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(-10 * ms))
		s.wantRefused("early", s.answer(c.ID, "ann", 0), interact.CodeEarly)
	})
	bubble(t, "CU16 an answer beyond C and its grace", func(s *show) {
		c := s.take(poll)
		s.until(c.Close.Add(101 * ms))
		s.wantRefused("late", s.send(interact.Answer{
			ID: "a1", Cue: c.ID, Participant: "ann", Choice: []int{0}, Stamp: c.Close.Add(-ms), Received: s.now(),
			Line: interact.Line{Dispersion: ms},
		}), interact.CodeLate)
	})
	bubble(t, "CU16 everybody at once", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		const crowd = 20_000
		done := make(chan verdict, crowd)
		now := s.now()
		for i := range crowd {
			s.room.Answer(interact.Answer{
				ID: "a", Cue: c.ID, Participant: participant(i), Choice: []int{i % 2}, Stamp: now, Received: now, Line: interact.Line{Dispersion: ms},
			}, func(r interact.Receipt, err error) { done <- verdict{r, err} })
		}
		for range crowd {
			if v := <-done; v.err != nil {
				s.Fatal(v.err)
			}
		}
		if tally, err := s.room.Tally(s.Context(), c.ID); err != nil || tally.Total != crowd {
			s.Errorf("tally = %+v, %v", tally, err)
		}
	})
}
