package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

func TestBallotsAreRead(t *testing.T) {
	ships(t, "EN31 counts are told within half a second of being cast, and final ones always", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 10, "")
		f.after(500 * ms)
		if got := f.ear.tally(interact.ReachProducers, c.ID); got.Total != 10 || got.Final {
			f.Errorf("producers heard %+v", got)
		}
		f.until(c.Close.Add(cue.GraceMax + 300*ms))
		got := f.ear.tally(interact.ReachProducers, c.ID)
		if !got.Final || got.Total != 10 || !slices.Equal(got.Counts, []uint64{5, 5}) {
			f.Errorf("final = %+v", got)
		}
		if state := f.ear.viewer(c.ID).State; state != wire.StateClosed {
			f.Errorf("viewers hold %s", state)
		}
		f.ear.check(f.T)
	})
	ships(t, "EN32 what is cast until a quarter of a second after C + GraceMax counts, and longer while more comes", func(f *fleet) {
		c := f.take(poll)
		final := c.Close.Add(cue.GraceMax)
		total := 0
		for i := range 12 {
			f.until(final.Add(time.Duration(i)*100*ms - 50*ms))
			total += f.votes(c, i, 1, "")
		}
		f.after(time.Second)
		at := f.urn.sealedAt(c.ID).Sub(final)
		if at < 900*ms || at > 1100*ms {
			f.Errorf("sealed %v after C + GraceMax", at)
		}
		if got := f.ear.tally(interact.ReachProducers, c.ID); int(got.Total) != total || !got.Final || total < 10 {
			f.Errorf("final = %+v, %d were receipted", got, total)
		}
	})
	ships(t, "EN32 a quiet window is final 250 ms after C + GraceMax", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 3, "")
		f.until(c.Close.Add(cue.GraceMax + 240*ms))
		if f.urn.sealedAt(c.ID) != 0 {
			f.Error("sealed early")
		}
		f.after(20 * ms)
		if state := f.ear.viewer(c.ID).State; f.urn.sealedAt(c.ID) == 0 || state != wire.StateClosed {
			f.Errorf("not final: viewers hold %s", state)
		}
	})
	ships(t, "EN33 sealing is tried again until it is done, and nothing is told final before", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 3, "")
		f.until(c.Close)
		f.line.set("ballots", errDown)
		f.until(c.Close.Add(8*time.Second + 100*ms)) // between two questions
		if got := f.ear.viewer(c.ID); got.State != wire.StateClosing {
			f.Errorf("viewers hold %s", got.State)
		}
		f.line.set("ballots", nil)
		back := f.now()
		f.after(2 * time.Second)
		if at := f.urn.sealedAt(c.ID).Sub(back); at < 250*ms || at > time.Second {
			f.Errorf("EN32 sealed %v after Ballots were back", at)
		}
		if got := f.ear.tally(interact.ReachProducers, c.ID); !got.Final || got.Total != 3 || f.ear.viewer(c.ID).State != wire.StateClosed {
			f.Errorf("final = %+v", got)
		}
	})
	ships(t, "EN33 the log says that a count is ended before it is, and what it came to", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Close)
		f.line.set("store", errDown)
		f.until(c.Close.Add(5 * time.Second))
		if f.urn.sealedAt(c.ID) != 0 || f.ear.viewer(c.ID).State != wire.StateClosing {
			f.Error("sealed although the log could not say so")
		}
		f.line.set("store", nil)
		f.after(3 * time.Second)
		if f.urn.sealedAt(c.ID) == 0 || f.ear.viewer(c.ID).State != wire.StateClosed {
			f.Error("not sealed when the log was back")
		}
	})
	ships(t, "EN34 a command waits for the final count", func(f *fleet) {
		c := f.take(trivia)
		f.until(c.Close.Add(cue.GraceMax))
		revealed := f.must(f.room.Reveal(f.Context(), c.ID, "r1"))
		if at := f.urn.sealedAt(c.ID); revealed.State != wire.StateRevealed || at == 0 || at > f.now() {
			f.Errorf("revealed %+v, sealed at %d", revealed, at)
		}
		f.after(100 * ms)
		if got := f.ear.viewer(c.ID); got.State != wire.StateRevealed || got.Correct == nil || !f.ear.tally(interact.ReachViewers, c.ID).Final {
			f.Errorf("viewers hold %+v", got)
		}
	})
	ships(t, "EN34 and is answered when the room ends", func(f *fleet) {
		c := f.take(trivia)
		f.until(c.Close)
		f.line.set("ballots", errDown)
		f.until(c.Close.Add(time.Second))
		done := make(chan error, 1)
		go func() { _, err := f.room.Reveal(f.Context(), c.ID, "r1"); done <- err }()
		f.after(time.Second)
		if err := f.stop(); err != nil {
			f.Error(err)
		}
		wantCode(f.T, "reveal", <-done, interact.CodeUnavailable)
	})
	ships(t, "EN35 a withdrawn cue is sealed too, at once", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 3, "")
		f.must(f.room.Cancel(f.Context(), c.ID, ""))
		if state := f.ear.viewer(c.ID).State; state != wire.StateVoid {
			f.after(10 * ms)
		}
		f.after(600 * ms)
		if f.urn.sealedAt(c.ID) == 0 || f.ear.viewer(c.ID).State != wire.StateVoid {
			f.Errorf("not sealed: viewers hold %+v", f.ear.viewer(c.ID))
		}
		if got, err := f.room.Tally(f.Context(), c.ID); err != nil || !got.Final || got.Total != 3 {
			f.Errorf("tally = %+v, %v", got, err)
		}
	})
	ships(t, "EN31 a room with Ballots takes no answers", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		out := make(chan verdict, 2)
		f.room.Answer(interact.Answer{ID: "a1", Cue: c.ID, Participant: "ann", Choice: []int{0}, Received: f.now()},
			func(r interact.Receipt, err error) { out <- verdict{r, err} })
		got := <-out
		wantCode(f.T, "answer", got.err, interact.CodeUnavailable)
	})
	ships(t, "EN31 live results go to viewers", func(f *fleet) {
		q := poll
		q.Results = interact.ResultsLive
		c := f.take(q)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 4, "")
		f.after(600 * ms)
		if got := f.ear.tally(interact.ReachViewers, c.ID); got.Total != 4 {
			f.Errorf("viewers heard %+v", got)
		}
	})
	ships(t, "EN31 slow Ballots keep nobody waiting", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open)
		f.line.set("ballots", nil)
		f.line.mu.Lock()
		f.line.slow = 1500 * ms
		f.line.mu.Unlock()
		f.votes(c, 0, 4, "")
		f.after(time.Second)
		began := f.now()
		if _, _, err := f.room.Cues(f.Context()); err != nil || f.now() != began {
			f.Errorf("waited %v, %v", f.now().Sub(began), err)
		}
		f.until(c.Close.Add(10 * time.Second))
		if got := f.ear.tally(interact.ReachProducers, c.ID); !got.Final || got.Total != 4 {
			f.Errorf("final = %+v", got)
		}
	})
}
