package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestAnswers(t *testing.T) {
	bubble(t, "EN1 a receipt is durable before it is given", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		receipt := s.counted(s.answer(c.ID, "ann", 1))
		if receipt.Seq != 1 || receipt.Credited != s.now() || receipt.Participant != "ann" || receipt.Cue != c.ID || !slices.Equal(receipt.Choice, []int{1}) || receipt.Level != interact.LevelMemory {
			s.Errorf("receipt = %+v", receipt)
		}
		if logged := s.logged(c.ID); len(logged) != 1 || logged[0].Participant != "ann" || logged[0].Credited != receipt.Credited {
			s.Errorf("log holds %+v", logged)
		}
	})
	bubble(t, "IN1 the first answer counts, IN3 a retry gets its receipt", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		first := s.counted(s.answer(c.ID, "ann", 0))
		s.until(c.Open.Add(2 * time.Second))
		for _, at := range []time.Duration{2 * time.Second, 25 * time.Second, time.Hour} {
			s.until(c.Open.Add(at))
			again := s.counted(s.answer(c.ID, "ann", 1))
			if again.Seq != first.Seq || again.Credited != first.Credited || again.Choice[0] != 0 {
				s.Errorf("%v after O: %+v, want %+v", at, again, first)
			}
		}
		if tally, err := s.room.Tally(s.Context(), c.ID); err != nil || tally.Total != 1 || !slices.Equal(tally.Counts, []uint64{1, 0}) {
			s.Errorf("tally = %+v, %v", tally, err)
		}
	})
	bubble(t, "IN1 a double tap in one batch counts once", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		a, b := s.answer(c.ID, "ann", 0), s.answer(c.ID, "ann", 1)
		first, second := s.counted(a), s.counted(b)
		if first.Seq != second.Seq || second.Choice[0] != 0 {
			s.Errorf("receipts %+v and %+v", first, second)
		}
		if logged := s.logged(c.ID); len(logged) != 1 {
			s.Errorf("the log holds %+v", logged)
		}
	})
	bubble(t, "EN9 what does not count has a code and a sentence", func(s *show) {
		c := s.take(poll)
		send := func(change func(a *interact.Answer)) <-chan verdict {
			a := interact.Answer{ID: "a", Cue: c.ID, Participant: "ann", Choice: []int{0}, Received: s.now()}
			change(&a)
			return s.send(a)
		}
		s.wantRefused("before O", send(func(*interact.Answer) {}), interact.CodeEarly)
		s.until(c.Open.Add(50 * ms))
		s.wantRefused("too fast", send(func(*interact.Answer) {}), interact.CodeTooFast)
		s.until(c.Open.Add(time.Second))
		s.wantRefused("no such cue", send(func(a *interact.Answer) { a.Cue = "c0" }), interact.CodeUnknownCue)
		s.wantRefused("a draft", send(func(a *interact.Answer) { a.Cue = s.prepare(poll).ID }), interact.CodeUnknownCue)
		s.wantRefused("no such option", send(func(a *interact.Answer) { a.Choice = []int{2} }), interact.CodeUnknownOption)
		s.wantRefused("below the first", send(func(a *interact.Answer) { a.Choice = []int{-1} }), interact.CodeUnknownOption)
		s.wantRefused("nothing", send(func(a *interact.Answer) { a.Choice = nil }), interact.CodeInvalid)
		s.wantRefused("two", send(func(a *interact.Answer) { a.Choice = []int{0, 1} }), interact.CodeInvalid)
		s.wantRefused("nobody", send(func(a *interact.Answer) { a.Participant = "" }), interact.CodeNotAdmitted)
		s.wantRefused("an endless name", send(func(a *interact.Answer) { a.Participant = string(make([]byte, 65)) }), interact.CodeNotAdmitted)
		s.until(c.Close.Add(100 * ms))
		s.wantRefused("after C", send(func(*interact.Answer) {}), interact.CodeLate)
		s.until(c.Close.Add(time.Second))
		s.wantRefused("after the grace", send(func(*interact.Answer) {}), interact.CodeClosed)
		counts, err := s.room.Counts(s.Context())
		if err != nil || counts.Refused[interact.CodeEarly] != 1 || counts.Refused[interact.CodeUnknownOption] != 2 || counts.Counted != 0 {
			s.Errorf("counts = %+v, %v", counts, err)
		}
	})
	bubble(t, "EN10 the grace counts, and the tally waits for it", func(s *show) {
		c := s.take(poll)
		s.until(c.Close.Add(90 * ms))
		tapped := c.Close.Add(-5 * ms)
		got := s.counted(s.send(interact.Answer{Cue: c.ID, Participant: "ann", Choice: []int{0}, Stamp: tapped, Received: s.now()}))
		if got.Credited != max(tapped, s.now().Add(-100*ms)) {
			s.Errorf("credited C%v", got.Credited.Sub(c.Close))
		}
		s.until(c.Close.Add(501 * ms))
		slow := interact.Answer{Cue: c.ID, Participant: "bob", Choice: []int{0}, Stamp: tapped, Received: c.Close.Add(90 * ms)}
		s.wantRefused("read in time, here after the tally was final", s.send(slow), interact.CodeClosed)
	})
}

// logged returns what the log holds of a cue's answers.
func (s *show) logged(cue string) []interact.Entry {
	s.Helper()
	var out []interact.Entry
	err := s.store.Replay(s.Context(), "show", func(r interact.Record) error {
		if r.Kind != interact.RecordAnswers || r.Cue != cue {
			return nil
		}
		entries, err := interact.ParseBatch(r.Data)
		out = append(out, entries...)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func TestReceiptsAreNotGivenWithoutTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full bool
		store := &interacttest.Memory{Commit: func([]interact.Record) error {
			if full {
				return errors.New("no space left on device")
			}
			return nil
		}}
		s := onAir(t, store)
		c := s.take(poll)
		draft := s.prepare(poll)
		s.until(c.Open.Add(time.Second))
		full = true
		s.wantRefused("EN11 answer", s.answer(c.ID, "ann", 0), interact.CodeUnavailable)
		_, err := s.room.Extend(t.Context(), c.ID, time.Second, "k")
		wantCode(t, "EN11 command", err, interact.CodeUnavailable)
		if err := s.room.Remove(t.Context(), draft.ID); interact.CodeOf(err) != interact.CodeUnavailable {
			t.Errorf("EN11 remove: %v", err)
		}
		if tally, _ := s.room.Tally(t.Context(), c.ID); tally.Total != 0 {
			t.Errorf("EN11 tally = %+v", tally)
		}
		full = false
		if got := s.counted(s.answer(c.ID, "ann", 1)); got.Seq != 1 || got.Choice[0] != 1 {
			t.Errorf("EN11 sent again: %+v", got)
		}
		if got, err := s.room.Extend(t.Context(), c.ID, time.Second, "k"); err != nil || got.Rev != 3 {
			t.Errorf("EN11 extended again: %+v, %v", got, err)
		}
	})
}

// TestSlowDisk holds a commit for longer than anything else in the room takes.
func TestSlowDisk(t *testing.T) {
	slow := func(t *testing.T, d *time.Duration) *show {
		return onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error { time.Sleep(*d); return nil }})
	}
	t.Run("EN12 answers gather into few commits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Open.Add(time.Second))
			d = 50 * ms
			var all []<-chan verdict
			for i := range 500 {
				all = append(all, s.answer(c.ID, participant(i), i%2))
				time.Sleep(ms)
			}
			for _, v := range all {
				s.counted(v)
			}
			counts, err := s.room.Counts(t.Context())
			if err != nil || counts.Counted != 500 || counts.Commits > 12 {
				t.Errorf("counts = %+v, %v", counts, err)
			}
		})
	})
	t.Run("EN12 states and joins do not wait for it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Close.Add(-1 * time.Second))
			d = 1200 * ms
			late := s.answer(c.ID, "ann", 0)
			s.until(c.Close)
			start := time.Now()
			if w := s.welcome("bob", wire.RoleViewer); w.Cues[0].State != wire.StateClosing || time.Since(start) != 0 {
				t.Errorf("joined after %v, cue %+v", time.Since(start), w.Cues[0])
			}
			viewers := s.crowd.cues(wire.Viewers)
			if last := viewers[len(viewers)-1]; last.at != c.Close {
				t.Errorf("closing was told at C%v", last.at.Sub(c.Close))
			}
			s.counted(late)
		})
	})
	t.Run("EN10 the tally is final only with every answer that was in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Close.Add(-100 * ms))
			d = 2 * time.Second
			first := s.answer(c.ID, "ann", 0) // on its way to the disk until C + 1.9 s
			synctest.Wait()
			second := s.answer(c.ID, "bob", 0) // in time, waiting behind it
			s.until(c.Close.Add(1800 * ms))
			if tally, _ := s.room.Tally(t.Context(), c.ID); tally.Final {
				t.Errorf("final without two answers: %+v", tally)
			}
			s.counted(first)
			s.counted(second)
			synctest.Wait()
			finals := s.crowd.tallies(wire.Producers)
			last := finals[len(finals)-1].message.(*wire.Tally)
			if !last.Final || last.Total != 2 {
				t.Errorf("final tally = %+v", last)
			}
		})
	})
	t.Run("EN2 nobody hears of a revision before it is durable", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			draft := s.prepare(poll)
			heard := len(s.crowd.hears(wire.Viewers | wire.Producers))
			d = 300 * ms
			go func() {
				if _, err := s.room.Take(t.Context(), draft.ID, ""); err != nil {
					t.Error(err)
				}
			}()
			s.until(s.now().Add(299 * ms))
			if got := s.crowd.hears(wire.Viewers | wire.Producers); len(got) != heard {
				t.Errorf("heard %+v", got[heard:])
			}
			if w := s.welcome("ann", wire.RoleViewer); len(w.Cues) != 0 {
				t.Errorf("a joiner was told %+v", w.Cues)
			}
			s.until(s.now().Add(ms))
			if got := s.crowd.hears(wire.Viewers); len(got) != 1 {
				t.Errorf("once durable viewers heard %+v", got)
			}
		})
	})
	t.Run("EN1 nobody is receipted, no tally moves, before the disk is done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Open.Add(time.Second))
			d = 300 * ms
			v := s.answer(c.ID, "ann", 0)
			s.until(s.now().Add(299 * ms))
			tally, err := s.room.Tally(t.Context(), c.ID)
			if err != nil || tally.Total != 0 || len(v) != 0 || len(s.crowd.tallies(wire.Producers)) != 0 {
				t.Errorf("tally %+v, %v, %d receipts", tally, err, len(v))
			}
			s.until(s.now().Add(ms))
			if len(v) != 1 || len(s.crowd.tallies(wire.Producers)) != 1 {
				t.Errorf("once durable: %d receipts, %d tallies", len(v), len(s.crowd.tallies(wire.Producers)))
			}
		})
	})
	t.Run("EN7 an extension in time is not overtaken by the close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Close.Add(-600 * ms))
			d = 3 * time.Second
			joined := make(chan wire.Welcome, 1)
			go func() {
				s.until(c.Close.Add(time.Second))
				joined <- s.welcome("bob", wire.RoleViewer)
			}()
			got, err := s.room.Extend(t.Context(), c.ID, 10*time.Second, "")
			if err != nil || got.State != wire.StateOpen || got.Rev != 3 {
				t.Fatalf("got %+v, %v", got, err)
			}
			d = 0
			if w := <-joined; w.Cues[0].State != wire.StateOpen {
				t.Errorf("a joiner was told %+v", w.Cues[0])
			}
			s.counted(s.answer(c.ID, "ann", 0))
			for _, h := range s.crowd.cues(wire.Viewers) {
				if cue := h.message.(*wire.CueChanged).Cue; cue.State == wire.StateClosed || cue.State == wire.StateClosing {
					t.Errorf("%s at C%v", cue.State, h.at.Sub(c.Close))
				}
			}
		})
	})
	t.Run("EN7 a cancel in time is not overtaken by the text", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d time.Duration
			s := slow(t, &d)
			c := s.take(poll)
			s.until(c.Open.Add(-600 * ms))
			d = time.Second
			joined := make(chan wire.Welcome)
			go func() {
				s.until(c.Open.Add(-100 * ms))
				joined <- s.welcome("ann", wire.RoleViewer)
			}()
			got, err := s.room.Cancel(t.Context(), c.ID, "")
			if err != nil || got.State != wire.StateCancelled {
				t.Fatalf("got %+v, %v", got, err)
			}
			if w := <-joined; len(w.Cues) != 1 || w.Cues[0].Text != nil {
				t.Errorf("a joiner was shown %+v", w.Cues)
			}
			for _, h := range s.crowd.cues(wire.Viewers) {
				if h.message.(*wire.CueChanged).Cue.Text != nil {
					t.Errorf("text at O%v", h.at.Sub(c.Open))
				}
			}
		})
	})
}

func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		var blocked bool
		s := onAir(t, &interacttest.Memory{Commit: func([]interact.Record) error {
			if blocked {
				<-block
			}
			return nil
		}})
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		blocked = true
		ok, busy := 0, 0
		count := func(_ interact.Receipt, err error) {
			switch interact.CodeOf(err) {
			case "":
				ok++
			case interact.CodeBusy:
				busy++
			default:
				t.Error(err)
			}
		}
		const sent = 400_000
		for i := range sent {
			s.room.Answer(interact.Answer{Cue: c.ID, Participant: participant(i), Choice: []int{0}, Received: s.now()}, count)
			if i == 0 {
				synctest.Wait() // the first is on its way to the disk
			}
		}
		if busy == 0 || busy > sent-131_072 {
			t.Errorf("EN13 %d of %d were refused as busy", busy, sent)
		}
		blocked = false
		close(block)
		synctest.Wait()
		if ok+busy != sent {
			t.Errorf("EN13 %d answered of %d", ok+busy, sent)
		}
		counts, err := s.room.Counts(t.Context())
		if err != nil || counts.Busy != uint64(busy) || counts.Counted != uint64(ok) {
			t.Errorf("EN13 counts = %+v, %v", counts, err)
		}
	})
}

func TestStopping(t *testing.T) {
	bubble(t, "EN14 what was taken in is dealt with, the rest refused", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		var all []<-chan verdict
		for i := range 20_000 {
			all = append(all, s.answer(c.ID, participant(i), 0))
		}
		s.stop()
		for _, v := range all {
			s.counted(v)
		}
		s.wantRefused("after the stop", s.answer(c.ID, "late", 0), interact.CodeBusy)
		_, err := s.room.Join(s.Context(), "late", wire.RoleViewer)
		wantCode(s.T, "join", err, interact.CodeUnavailable)
		_, err = s.room.Prepare(s.Context(), poll)
		wantCode(s.T, "prepare", err, interact.CodeUnavailable)
	})
	bubble(t, "EN14 who gives up is not held", func(s *show) {
		s.stop()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.room.Join(ctx, "ann", wire.RoleViewer); err == nil {
			s.Error("joined")
		}
	})
}

// TestEveryAnswerIsCountedOnce answers from many goroutines, out of order, more
// than once, and compares with what each was told.
func TestEveryAnswerIsCountedOnce(t *testing.T) {
	bubble(t, "IN2 the sum of the counts is the number of participants", func(s *show) {
		const people = 300
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		var mu sync.Mutex
		told := make(map[string]interact.Receipt)
		var wg sync.WaitGroup
		for range 3 * people {
			wg.Go(func() {
				who := participant(rand.IntN(people))
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				receipt := s.counted(s.answer(c.ID, who, rand.IntN(3)))
				mu.Lock()
				defer mu.Unlock()
				if before, ok := told[who]; ok && (before.Seq != receipt.Seq || before.Choice[0] != receipt.Choice[0]) {
					s.Errorf("IN3 %s was told %+v, then %+v", who, before, receipt)
				}
				told[who] = receipt
			})
		}
		wg.Wait()
		s.until(c.Close.Add(time.Second))
		tally, err := s.room.Tally(s.Context(), c.ID)
		if err != nil || tally.Total != uint64(len(told)) {
			s.Fatalf("tally = %+v, %v; %d were told", tally, err, len(told))
		}
		counts, seqs := make([]uint64, 3), make(map[uint64]bool)
		for _, receipt := range told {
			counts[receipt.Choice[0]]++
			seqs[receipt.Seq] = true
		}
		if !slices.Equal(counts, tally.Counts) || len(seqs) != len(told) {
			s.Errorf("tally %v, receipts say %v, %d distinct numbers of %d", tally.Counts, counts, len(seqs), len(told))
		}
	})
}
