package engine_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

// slowly is a channel on a disk that takes *d.
func slowly(t *testing.T, d *time.Duration) *show {
	return onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error { time.Sleep(*d); return nil }})
}

// flood sends n answers of different people at once, received at or before now,
// and returns what became of them once all are told.
func (s *show) flood(cue string, n int, change func(i int, a *interact.Answer)) (codes map[interact.Code]int) {
	s.Helper()
	told := make(chan interact.Code, n)
	for i := range n {
		a := interact.Answer{ID: "a", Cue: cue, Participant: "f" + participant(i), Choice: []int{i % 2}, Received: s.now()}
		if change != nil {
			change(i, &a)
		}
		s.room.Answer(a, func(_ interact.Receipt, err error) { told <- interact.CodeOf(err) })
	}
	codes = make(map[interact.Code]int)
	for range n {
		codes[<-told]++
	}
	return codes
}

func TestOverload(t *testing.T) {
	t.Run("EN13 a hundred thousand at once are counted when the disk keeps up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 5 * ms
			const crowd = 100_000
			begin := s.now()
			if codes := s.flood(c.ID, crowd, nil); codes[""] != crowd {
				t.Errorf("told %v", codes)
			}
			if took := s.now().Sub(begin); took > 100*ms {
				t.Errorf("the disk was waited for %v, batches are too small", took)
			}
			s.wantTally(c.ID, crowd/2, crowd/2)
		})
	})
	t.Run("EN13 after a flood the next answer counts at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 50 * ms
			codes := s.flood(c.ID, 300_000, nil)
			if codes[interact.CodeBusy] == 0 || codes[interact.CodeBusy]+codes[""] != 300_000 {
				t.Errorf("told %v", codes)
			}
			d = ms
			begin := s.now()
			s.counted(s.answer(c.ID, "ann", 0))
			if took := s.now().Sub(begin); took > 2*ms {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("EN12 when many wait they are judged while the disk works", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 500 * ms
			first := s.answer(c.ID, "ann", 0)
			synctest.Wait() // it is on its way
			var told atomic.Int64
			for i := range 2000 {
				a := interact.Answer{ID: "a", Cue: c.ID, Participant: participant(i), Choice: []int{7}, Received: s.now()}
				s.room.Answer(a, func(interact.Receipt, error) { told.Add(1) })
			}
			synctest.Wait()
			if len(first) != 0 || told.Load() < 1024 {
				t.Errorf("%d told while the disk works", told.Load())
			}
			s.counted(first)
		})
	})
	t.Run("EN7 a command that goes first has its effect on what waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 200 * ms
			first := s.answer(c.ID, "ann", 0)
			synctest.Wait()
			cancelled := make(chan error)
			go func() {
				_, err := s.room.Cancel(t.Context(), c.ID, "")
				cancelled <- err
			}()
			synctest.Wait()
			codes := s.flood(c.ID, 3000, nil)
			if err := <-cancelled; err != nil || codes[interact.CodeVoid] != 3000 {
				t.Errorf("told %v, %v", codes, err)
			}
			s.counted(first)
			s.wantTally(c.ID, 1, 0)
			if logged := s.logged(c.ID); len(logged) != 1 {
				t.Errorf("%d in the log", len(logged))
			}
		})
	})
	t.Run("EN27 a ban that goes first has its effect on what waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 200 * ms
			first := s.answer(c.ID, "ann", 0)
			synctest.Wait()
			banned := make(chan error)
			go func() { banned <- s.room.Ban(t.Context(), "f"+participant(7), 0, "") }()
			synctest.Wait()
			codes := s.flood(c.ID, 3000, nil)
			if err := <-banned; err != nil || codes[interact.CodeNotAdmitted] != 1 || codes[""] != 2999 {
				t.Errorf("told %v, %v", codes, err)
			}
			s.counted(first)
			s.wantTally(c.ID, 1501, 1499)
		})
	})
	t.Run("EN10 what comes when the last ones are being saved is closed, and not in the log", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), 19*time.Second)
			d = 3 * time.Second
			first := s.answer(c.ID, "ann", 0)
			s.until(c.Close.Add(600 * ms))
			for _, n := range []int{2000, 1} { // judged meanwhile, and when the disk is back
				codes := make(chan map[interact.Code]int, 1)
				go func() {
					codes <- s.flood(c.ID, n, func(_ int, a *interact.Answer) { a.Received = c.Close.Add(-time.Second) })
				}()
				if got := <-codes; got[interact.CodeClosed] != n {
					t.Errorf("told %v", got)
				}
			}
			s.counted(first)
			synctest.Wait()
			tally, err := s.room.Tally(t.Context(), c.ID)
			if err != nil || !tally.Final || tally.Total != 1 || len(s.logged(c.ID)) != 1 {
				t.Errorf("tally = %+v, %v; %d in the log", tally, err, len(s.logged(c.ID)))
			}
		})
	})
	t.Run("EN13 a producer's command gets in between", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := time.Duration(0)
			s := slowly(t, &d)
			c := s.at(s.take(poll), time.Second)
			d = 20 * ms
			done := make(chan map[interact.Code]int, 1)
			go func() { done <- s.flood(c.ID, 120_000, nil) }()
			time.Sleep(ms)
			begin := s.now()
			if _, err := s.room.Extend(t.Context(), c.ID, time.Second, ""); err != nil {
				t.Error(err)
			}
			if took := s.now().Sub(begin); took > 2*d {
				t.Errorf("EN12 it waited %v", took)
			}
			if codes := <-done; codes[""] != 120_000 {
				t.Errorf("told %v", codes)
			}
		})
	})
}

func TestJoins(t *testing.T) {
	bubble(t, "EN30 a join does not wait for the room", func(s *show) {
		c := s.at(s.take(poll), time.Second)
		s.counted(s.answer(c.ID, "ann", 1))
		held := make(chan struct{})
		s.room.Answer(interact.Answer{ID: "b1", Cue: c.ID, Participant: "bob", Choice: []int{0}, Received: s.now()},
			func(interact.Receipt, error) { <-held })
		synctest.Wait() // the room is in there
		w, err := s.room.Join(s.Context(), "ann", wire.RoleViewer)
		close(held)
		if err != nil || len(w.Cues) != 1 || w.Cues[0].State != wire.StateOpen || len(w.Receipts) != 1 || w.Receipts[0].Choice[0] != 1 {
			s.Errorf("welcome = %+v, %v", w, err)
		}
	})
	bubble(t, "EN30 GW1 what was broadcast is in every later welcome", func(s *show) {
		var seen []heard
		s.crowd.listen(func(to wire.Audience, m wire.Message) {
			if to&wire.Viewers == 0 {
				return
			}
			w, err := s.room.Join(s.Context(), "ann", wire.RoleViewer)
			if err != nil {
				s.Error(err)
			}
			if !holds(w, m) {
				s.Errorf("a welcome after %s does not hold it: %+v, %+v", m.Type(), m, w)
			}
			seen = append(seen, heard{message: m})
		})
		s.room.SetTimeline(wire.Timeline{Rev: 1, State: "locked"})
		c := s.at(s.take(poll), time.Second)
		for i := range 20 {
			s.answer(c.ID, participant(i), i%2)
			s.until(s.now().Add(100 * ms))
		}
		_, err := s.room.Extend(s.Context(), c.ID, time.Second, "")
		s.must(err)
		s.until(c.Close.Add(2 * time.Second))
		_, err = s.room.Reveal(s.Context(), c.ID, "")
		s.must(err)
		_, err = s.room.SetLatency(s.Context(), 4*time.Second)
		s.must(err)
		s.until(s.now().Add(3 * time.Second))
		s.crowd.listen(nil)
		if len(seen) < 12 {
			s.Errorf("only %d broadcasts", len(seen))
		}
	})
}

// holds says whether a joiner who did not hear m knows what it says.
func holds(w wire.Welcome, m wire.Message) bool {
	switch m := m.(type) {
	case *wire.CueChanged:
		for _, c := range w.Cues {
			if c.ID == m.Cue.ID {
				return c.Rev > m.Cue.Rev || c.Rev == m.Cue.Rev && ranks[c.State] >= ranks[m.Cue.State]
			}
		}
		return false
	case *wire.Key:
		for _, c := range w.Cues {
			if c.ID == m.Cue {
				return c.Key == m.Key
			}
		}
		return false
	case *wire.Tally:
		for _, t := range w.Tallies {
			if t.Cue == m.Cue {
				return t.Version >= m.Version
			}
		}
		return false
	case *wire.Timeline:
		return w.Timeline != nil && w.Timeline.Rev >= m.Rev
	default:
		return true
	}
}
