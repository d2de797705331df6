package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

func TestLeaderEnds(t *testing.T) {
	ships(t, "EN38 a leader that is fenced writes no more and ends", func(f *fleet) {
		c := f.take(poll)
		f.after(time.Second)
		old := f.helm
		f.lead(&line{})
		_, err := old.room.Extend(f.Context(), c.ID, time.Second, "k1")
		wantCode(f.T, "extend at the old one", err, interact.CodeUnavailable)
		if err := old.ended(); !isFenced(err) {
			f.Errorf("it ended with %v", err)
		}
		if got, err := f.room.Tally(f.Context(), c.ID); err != nil || got.Final {
			f.Errorf("tally = %+v, %v", got, err)
		}
	})
	ships(t, "EN38 one that is fenced does not seal a window that was extended since", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Close.Add(-2 * time.Second))
		old := f.helm
		f.lead(&line{})
		f.must(f.room.Extend(f.Context(), c.ID, 5*time.Second, ""))
		f.until(c.Close.Add(3 * time.Second)) // the old one believes that it is over
		if f.urn.sealedAt(c.ID) != 0 {
			f.Error("sealed")
		}
		if err := old.ended(); !isFenced(err) {
			f.Errorf("it ended with %v", err)
		}
		if n := f.votes(c, 0, 3, ""); n != 3 {
			f.Errorf("%d of 3 counted", n)
		}
	})
	ships(t, "EN38 the herald of one that is fenced ends", func(f *fleet) {
		old := f.helm
		f.lead(&line{})
		f.must(f.room.Prepare(f.Context(), poll))
		f.after(10 * ms)
		old.room.SetTimeline(wire.Timeline{Rev: 1, State: "locked"})
		f.after(100 * ms)
		select {
		case <-old.herald.Fenced():
		default:
			f.Error("it does not know")
		}
	})
	ships(t, "EN38 a store that does not answer holds nobody up for longer than a second", func(f *fleet) {
		c := f.must(f.room.Prepare(f.Context(), poll))
		f.line.mu.Lock()
		f.line.slow = time.Hour
		f.line.mu.Unlock()
		done := make(chan error, 1)
		go func() { _, err := f.room.Take(f.Context(), c.ID, "k1"); done <- err }()
		f.after(time.Second)
		began := f.now()
		if err := f.stop(); !isEnded(err) {
			f.Errorf("it ended with %v", err)
		}
		if d := f.now().Sub(began); d > 2500*ms {
			f.Errorf("it took %v", d)
		}
		wantCode(f.T, "take", <-done, interact.CodeUnavailable)
	})
	ships(t, "EN38 a write whose fate is unknown ends the leader, and the next one knows", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.line.mu.Lock()
		f.line.cutOn, f.line.effect = "store", true
		f.line.mu.Unlock()
		old := f.helm
		_, err := f.room.Extend(f.Context(), c.ID, time.Second, "k1")
		wantCode(f.T, "extend", err, interact.CodeUnavailable)
		if err := old.ended(); err == nil {
			f.Error("it ended without an error")
		}
		f.lead(&line{})
		if again := f.must(f.room.Extend(f.Context(), c.ID, time.Second, "k1")); again.Rev != c.Rev+1 || again.Close != c.Close.Add(time.Second) {
			f.Errorf("EN8 again: %+v", again)
		}
	})
	ships(t, "EN38 after a write that failed the next one does not wait for a command", func(f *fleet) {
		f.line.set("store", errDown)
		_, err := f.room.Prepare(f.Context(), poll)
		wantCode(f.T, "prepare", err, interact.CodeUnavailable)
		f.after(5 * time.Second)
		before := f.records(interact.RecordLead)
		f.line.set("store", nil)
		f.after(1500 * ms)
		if n := f.records(interact.RecordLead) - before; n != 1 {
			f.Errorf("%d writes", n)
		}
		f.after(time.Minute)
		if n := f.records(interact.RecordLead) - before; n != 1 {
			f.Errorf("%d writes in a minute", n)
		}
	})
	ships(t, "EN38 in good order everything is told before it ends", func(f *fleet) {
		c := f.must(f.room.Prepare(f.Context(), poll))
		if err := f.stop(); err != nil {
			f.Error(err)
		}
		synctest.Wait()
		f.ear.heard(func() {
			if f.ear.revs[c.ID] != 1 {
				f.Error("not told")
			}
		})
	})
}

func TestLeaderIsOnTime(t *testing.T) {
	ships(t, "EN36 a leader that comes at κ tells the key at its instant", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(-500 * ms))
		f.die()
		f.lead(&line{})
		f.until(c.Open)
		at := clock.Instant(0)
		for _, p := range f.ear.since(0) {
			if k, ok := p.m.(*wire.Key); ok && k.Cue == c.ID {
				at = p.at
			}
		}
		if want := c.Open.Add(-cue.KeyLead); at < want || at > want.Add(10*ms) {
			f.Errorf("the key came at O%+v", at.Sub(c.Open))
		}
	})
}

// records counts the records of a kind in the log.
func (f *fleet) records(kind interact.RecordKind) (n int) {
	f.Helper()
	err := f.store.Replay(f.Context(), "show", func(rec interact.Record) error {
		if rec.Kind == kind {
			n++
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return n
}
