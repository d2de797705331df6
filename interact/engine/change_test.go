package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

// changeable is a poll whose answers may be changed.
func changeable() interact.Question {
	q := poll
	q.Changes = true
	return q
}

// attempt sends an answer under an id of its own.
func (s *show) attempt(cue, participant, id string, choice int) <-chan verdict {
	now := s.now()
	return s.send(interact.Answer{
		ID: id, Cue: cue, Participant: participant, Choice: []int{choice},
		Stamp: now, Received: now, Line: interact.Line{Dispersion: ms},
	})
}

func (s *show) wantTally(cue string, counts ...uint64) {
	s.Helper()
	tally, err := s.room.Tally(s.Context(), cue)
	var total uint64
	for _, n := range counts {
		total += n
	}
	if err != nil || !slices.Equal(tally.Counts, counts) || tally.Total != total {
		s.Errorf("tally = %+v, %v, want %v", tally, err, counts)
	}
}

func TestChanges(t *testing.T) {
	bubble(t, "EN25 the last answer before C counts", func(s *show) {
		c := s.take(changeable())
		if !c.Changes {
			s.Errorf("the cue says nothing of it: %+v", c)
		}
		s.until(c.Open.Add(time.Second))
		first := s.counted(s.attempt(c.ID, "ann", "a1", 0))
		s.counted(s.attempt(c.ID, "bob", "b1", 0))
		s.until(c.Open.Add(2 * time.Second))
		second := s.counted(s.attempt(c.ID, "ann", "a2", 1))
		if second.Seq != first.Seq || second.Changes != 1 || second.Choice[0] != 1 || second.Credited != s.now() || second.ID != "a2" {
			s.Errorf("changed: %+v after %+v", second, first)
		}
		s.wantTally(c.ID, 1, 1)
		if again := s.counted(s.attempt(c.ID, "ann", "a1", 0)); !reflect.DeepEqual(again, first) {
			s.Errorf("IN3 a retry of the first: %+v, want %+v", again, first)
		}
		if w := s.welcome("ann", wire.RoleViewer); len(w.Receipts) != 1 || w.Receipts[0].Choice[0] != 1 || w.Receipts[0].Changes != 1 {
			s.Errorf("welcomed with %+v", w.Receipts)
		}
		s.until(c.Close.Add(time.Second))
		s.wantRefused("after C", s.attempt(c.ID, "ann", "a3", 0), interact.CodeClosed)
		if again := s.counted(s.attempt(c.ID, "ann", "a2", 0)); !reflect.DeepEqual(again, second) {
			s.Errorf("IN3 a retry after C: %+v, want %+v", again, second)
		}
		s.wantTally(c.ID, 1, 1)
	})
	bubble(t, "EN25 the same choice again changes nothing", func(s *show) {
		c := s.take(changeable())
		s.until(c.Open.Add(time.Second))
		first := s.counted(s.attempt(c.ID, "ann", "a1", 0))
		s.until(c.Open.Add(2 * time.Second))
		again := s.counted(s.attempt(c.ID, "ann", "a2", 0))
		if first.ID = "a2"; !reflect.DeepEqual(again, first) {
			s.Errorf("got %+v, want %+v", again, first)
		}
		s.counted(s.attempt(c.ID, "ann", "a3", 1))
		if late := s.counted(s.attempt(c.ID, "ann", "a2", 0)); !reflect.DeepEqual(late, again) {
			s.Errorf("IN3 a retry of it: %+v, want %+v", late, again)
		}
		s.wantTally(c.ID, 0, 1)
	})
	bubble(t, "EN25 changes in one batch", func(s *show) {
		c := s.take(changeable())
		s.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for i, choice := range []int{0, 1, 1, 0, 1} {
			all = append(all, s.attempt(c.ID, "ann", fmt.Sprint("a", i), choice))
		}
		all = append(all, s.attempt(c.ID, "ann", "a0", 0)) // again
		for i, want := range []int{0, 1, 1, 2, 3, 0} {     // the same choice again is no change
			if got := s.counted(all[i]); got.Changes != want || got.Seq != 1 {
				s.Errorf("answer %d: %+v, want %d changes", i, got, want)
			}
		}
		s.wantTally(c.ID, 0, 1)
	})
	bubble(t, "EN25 where it is not allowed the first counts", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		s.counted(s.attempt(c.ID, "ann", "a1", 0))
		if got := s.counted(s.attempt(c.ID, "ann", "a2", 1)); got.Choice[0] != 0 || got.Changes != 0 {
			s.Errorf("got %+v", got)
		}
		s.wantTally(c.ID, 1, 0)
	})
	bubble(t, "EN25 too many changes are refused, the last one counts", func(s *show) {
		c := s.take(changeable())
		s.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for i := range interact.MaxAttempts {
			all = append(all, s.attempt(c.ID, "ann", fmt.Sprint("a", i), i%2))
		}
		s.wantRefused("one more", s.attempt(c.ID, "ann", "more", 0), interact.CodeTooMany)
		for _, v := range all {
			s.counted(v)
		}
		s.wantRefused("and later", s.attempt(c.ID, "ann", "more", 0), interact.CodeTooMany)
		s.wantTally(c.ID, 0, 1)
	})
	bubble(t, "EN25 a taken cue stays as it is in this", func(s *show) {
		draft := s.prepare(changeable())
		c, err := s.room.TakeAt(s.Context(), draft.ID, interact.Spot{Open: s.now().Add(time.Minute)}, "")
		s.must(err)
		_, err = s.room.Edit(s.Context(), c.ID, poll)
		wantCode(s.T, "edit", err, interact.CodeConflict)
	})
}

func TestAChangeThatIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full bool
		s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error {
			if full {
				return errors.New("no space left on device")
			}
			return nil
		}})
		c := s.take(changeable())
		s.until(c.Open.Add(time.Second))
		s.counted(s.attempt(c.ID, "ann", "a1", 0))
		full = true
		s.wantRefused("EN11 the change", s.attempt(c.ID, "ann", "a2", 1), interact.CodeUnavailable)
		full = false
		s.wantTally(c.ID, 1, 0)
		if got := s.counted(s.attempt(c.ID, "ann", "a2", 1)); got.Changes != 1 {
			t.Errorf("EN11 sent again: %+v", got)
		}
		s.wantTally(c.ID, 0, 1)
	})
}

// TestChangesAreOneVoteEach lets few people change their minds on a slow disk,
// with retries, and compares with the order of the log, before and after a
// restart.
func TestChangesAreOneVoteEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error { time.Sleep(3 * ms); return nil }})
			c := s.take(changeable())
			s.until(c.Open.Add(time.Second))
			told, sent := make(map[string]interact.Receipt), make(map[string]<-chan verdict)
			for range 60 {
				who, id := fmt.Sprint("p", r.IntN(4)), fmt.Sprint("a", r.IntN(6))
				if sent[who+id] == nil {
					sent[who+id] = s.attempt(c.ID, who, id, r.IntN(2))
				} else if r.IntN(2) == 0 {
					again := s.attempt(c.ID, who, id, r.IntN(2))
					defer func() {
						if got := s.counted(again); !reflect.DeepEqual(got, told[who+id]) {
							t.Errorf("IN3 %s %s was told %+v, then %+v", who, id, told[who+id], got)
						}
					}()
				}
				time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
			}
			for name, v := range sent {
				told[name] = s.counted(v)
			}
			want, seqs := lastWord(s.logged(c.ID))
			s.wantTally(c.ID, want...)
			for name, receipt := range told {
				if receipt.Seq != seqs[name[:2]] {
					t.Errorf("IN2 %s has number %d, the log says %d", name, receipt.Seq, seqs[name[:2]])
				}
			}
			back := resume(t, s.store, s.clock)
			back.wantTally(c.ID, want...)
			before, _ := s.room.Tally(t.Context(), c.ID)
			if after, _ := back.room.Tally(t.Context(), c.ID); !reflect.DeepEqual(before, after) {
				t.Errorf("EN3 tally %+v, was %+v", after, before)
			}
		})
	})
}

// lastWord folds a log by the rule alone: everybody's last entry counts, numbers
// are in the order of the first ones.
func lastWord(entries []interact.Entry) (counts []uint64, seqs map[string]uint64) {
	last := make(map[string]interact.Selection)
	seqs, counts = make(map[string]uint64), make([]uint64, 2)
	for _, e := range entries {
		if _, again := last[e.Participant]; !again {
			seqs[e.Participant] = uint64(len(seqs) + 1)
		}
		last[e.Participant] = e.Choice
	}
	for _, choice := range last {
		counts[choice.Indices()[0]]++
	}
	return counts, seqs
}
