package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestCueGoesThroughItsStates(t *testing.T) {
	bubble(t, "EN4 each state at its instant, to everybody", func(s *show) {
		c := s.take(poll)
		if want := s.now().Add(latency - 40*ms); c.Open != want {
			s.Errorf("O = %v, want the newest picture plus L, %v", c.Open, want)
		}
		took := s.now()
		s.until(c.Close.Add(time.Second))
		want := []struct {
			state wire.State
			at    clock.Instant
		}{
			{wire.StateArmed, took},
			{wire.StateKeyed, c.Open.Add(-400 * ms)},
			{wire.StateOpen, c.Open},
			{wire.StateClosing, c.Close},
			{wire.StateClosed, c.Close.Add(500 * ms)},
		}
		if keys := s.crowd.keys(); len(keys) != 1 || keys[0].at != c.Open.Add(-400*ms) {
			s.Fatalf("viewers heard keys %+v", keys)
		}
		all := want
		for to, skip := range map[wire.Audience]int{wire.Viewers: 0, wire.Producers: 1} { // producers saw the draft
			got := s.crowd.cues(to)[skip:]
			want := all
			if to == wire.Viewers { // who hear of keyed by the key alone, and know when it opens
				want = slices.Delete(slices.Clone(all), 1, 3)
			}
			if len(got) != len(want) {
				s.Fatalf("audience %d heard %d changes, want %d", to, len(got), len(want))
			}
			for i, w := range want {
				cue := got[i].message.(*wire.CueChanged).Cue
				if cue.State != w.state || got[i].at != w.at || cue.Rev != 2 {
					s.Errorf("audience %d: %s rev %d at %v, want %s at %v", to, cue.State, cue.Rev, got[i].at.Sub(took), w.state, w.at.Sub(took))
				}
			}
		}
	})
}

// TestNothingSecretIsEarly reads every byte that viewers were sent.
func TestNothingSecretIsEarly(t *testing.T) {
	bubble(t, "EN5 text from κ before O, right answer and bars at reveal", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 1))
		s.until(c.Close.Add(time.Second))
		revealed := s.now()
		if _, err := s.room.Reveal(s.Context(), c.ID, ""); err != nil {
			s.Fatal(err)
		}
		var sawKey, sawCorrect, sawTally bool
		key := s.crowd.keys()[0].message.(*wire.Key).Key
		for _, h := range s.crowd.hears(wire.Viewers) {
			data, err := wire.Encode(h.message)
			if err != nil {
				s.Fatal(err)
			}
			text := strings.Contains(string(data), trivia.Title) || strings.Contains(string(data), trivia.Options[1]+`"`)
			keyed := strings.Contains(string(data), key)
			correct := strings.Contains(string(data), `"correct"`)
			_, tally := h.message.(*wire.Tally)
			if text || keyed && h.at < c.Open.Add(-400*ms) {
				s.Errorf("text or key at O%v: %s", h.at.Sub(c.Open), data)
			}
			if (correct || tally) && h.at < revealed {
				s.Errorf("result at O%v: %s", h.at.Sub(c.Open), data)
			}
			sawKey, sawCorrect, sawTally = sawKey || keyed, sawCorrect || correct, sawTally || tally
		}
		if !sawKey || !sawCorrect || !sawTally {
			s.Errorf("viewers saw key %v, right answer %v, tally %v in the end", sawKey, sawCorrect, sawTally)
		}
		armed := s.crowd.cues(wire.Viewers)[0].message.(*wire.CueChanged).Cue
		if got := unseal(s.T, armed, key); got.Title != trivia.Title || !slices.Equal(got.Options, trivia.Options) {
			s.Errorf("the seal of %+v holds %+v", armed, got)
		}
	})
	bubble(t, "EN5 welcome says no more than the broadcasts", func(s *show) {
		c := s.take(trivia)
		for _, at := range []clock.Instant{s.now(), c.Open.Add(-401 * ms)} {
			s.until(at)
			w := s.welcome("ann", wire.RoleViewer)
			if len(w.Cues) != 1 || w.Cues[0].Text != nil || w.Cues[0].Seal == nil || w.Cues[0].Key != "" || w.Cues[0].Correct != nil || w.Cues[0].State != wire.StateArmed {
				s.Errorf("armed: %+v", w.Cues)
			}
		}
		s.until(c.Open.Add(-400 * ms))
		if w := s.welcome("ann", wire.RoleViewer); len(w.Cues) != 1 || w.Cues[0].Text != nil || w.Cues[0].Key == "" || w.Cues[0].Correct != nil {
			s.Errorf("keyed: %+v", w.Cues)
		}
		s.until(c.Open.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 1))
		if w := s.welcome("ann", wire.RoleViewer); len(w.Tallies) != 0 {
			s.Errorf("W4 bars before reveal: %+v", w.Tallies)
		}
	})
	bubble(t, "EN5 a draft is the producer's", func(s *show) {
		s.prepare(trivia)
		if w := s.welcome("ann", wire.RoleViewer); len(w.Cues) != 0 {
			s.Errorf("a viewer was welcomed with %+v", w.Cues)
		}
		if got := s.crowd.cues(wire.Viewers); len(got) != 0 {
			s.Errorf("viewers heard %+v", got)
		}
		w := s.welcome("", wire.RoleProducer)
		if len(w.Cues) != 1 || w.Cues[0].Text == nil || w.Cues[0].Correct == nil || *w.Cues[0].Correct != 1 {
			s.Errorf("the producer was welcomed with %+v", w.Cues)
		}
	})
}

func (s *show) welcome(participant, role string) wire.Welcome {
	s.Helper()
	w, err := s.room.Join(s.Context(), participant, role)
	if err != nil {
		s.Fatal(err)
	}
	return w
}

func TestWelcomeIsComplete(t *testing.T) {
	bubble(t, "W4 a joiner needs no earlier message", func(s *show) {
		s.room.SetTimeline(wire.Timeline{Rev: 4, State: "locked", Scale: clock.TicksPerSecond, Latency: 3000, Live: true, Points: [][2]int64{{0, int64(s.now())}}})
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		receipt := s.counted(s.answer(c.ID, "ann", 1))
		w := s.welcome("ann", wire.RoleViewer)
		switch {
		case w.Channel != "show" || w.Title != "Tonight" || w.Version != wire.Version || w.ClockEpoch != 7 || w.Now != s.now():
			s.Errorf("welcome = %+v", w)
		case w.Timeline == nil || w.Timeline.Rev != 4:
			s.Errorf("timeline = %+v", w.Timeline)
		case len(w.Cues) != 1 || w.Cues[0].State != wire.StateOpen || unseal(s.T, w.Cues[0], w.Cues[0].Key).Title != poll.Title:
			s.Errorf("cues = %+v", w.Cues)
		case len(w.Tallies) != 1 || w.Tallies[0].Total != 1:
			s.Errorf("tallies = %+v", w.Tallies)
		case len(w.Receipts) != 1 || w.Receipts[0].At != receipt.Credited || w.Receipts[0].Seq != 1 || w.Receipts[0].Choice[0] != 1:
			s.Errorf("receipts = %+v", w.Receipts)
		}
		if other := s.welcome("bob", wire.RoleViewer); len(other.Receipts) != 0 {
			s.Errorf("bob got %+v", other.Receipts)
		}
		empty := s.welcome("", wire.RoleProducer)
		data, err := json.Marshal(empty)
		if err != nil || strings.Contains(string(data), "null") {
			s.Errorf("welcome = %s, %v", data, err)
		}
	})
	bubble(t, "W4 the last ten results are in it", func(s *show) {
		for range 12 {
			c := s.take(poll)
			s.until(c.Close.Add(500 * ms))
		}
		if w := s.welcome("ann", wire.RoleViewer); len(w.Cues) != 10 || len(w.Tallies) != 10 || !w.Tallies[9].Final {
			s.Errorf("%d cues, %d tallies", len(w.Cues), len(w.Tallies))
		}
	})
}

func TestOneCueAtATime(t *testing.T) {
	bubble(t, "EN6 the screen belongs to one cue", func(s *show) {
		first, second := s.take(poll), s.prepare(trivia)
		_, err := s.room.Take(s.Context(), second.ID, "")
		wantCode(s.T, "before O", err, interact.CodeConflict)
		s.until(first.Close.Add(499 * ms))
		_, err = s.room.Take(s.Context(), second.ID, "")
		wantCode(s.T, "in the grace", err, interact.CodeConflict)
		s.until(first.Close.Add(500 * ms))
		if _, err := s.room.Take(s.Context(), second.ID, ""); err != nil {
			s.Errorf("after it closed: %v", err)
		}
		if _, err := s.room.Cancel(s.Context(), second.ID, ""); err != nil {
			s.Fatal(err)
		}
		s.take(poll)
	})
}

func TestCommands(t *testing.T) {
	bubble(t, "EN7 extend moves the closing", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		got, err := s.room.Extend(s.Context(), c.ID, 10*time.Second, "")
		if err != nil || got.Close != c.Close.Add(10*time.Second) || got.Rev != 3 || got.State != wire.StateOpen || got.Note != "extended by 10 s" || got.Window != 30_000 {
			s.Fatalf("got %+v, %v", got, err)
		}
		s.until(c.Close.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 0))
		viewers := s.crowd.cues(wire.Viewers)
		last := viewers[len(viewers)-1].message.(*wire.CueChanged).Cue
		if last.Rev != 3 || last.Close != got.Close || last.Key == "" || last.Seal == nil || last.Seal.Rev != 2 || last.Note != "" {
			s.Errorf("viewers heard %+v", last)
		}
	})
	bubble(t, "EN7 close now gives half a second", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(2 * time.Second))
		got, err := s.room.CloseNow(s.Context(), c.ID, "")
		if err != nil || got.Close != s.now().Add(500*ms) {
			s.Fatalf("got %+v, %v", got, err)
		}
		s.until(got.Close.Add(200 * ms))
		s.wantRefused("after it", s.answer(c.ID, "ann", 0), interact.CodeLate)
		s.until(got.Close.Add(500 * ms))
		if tally, err := s.room.Tally(s.Context(), c.ID); err != nil || !tally.Final {
			s.Errorf("tally = %+v, %v", tally, err)
		}
	})
	bubble(t, "EN7 a cue cancelled in time is never shown", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(-500 * ms))
		got, err := s.room.Cancel(s.Context(), c.ID, "")
		if err != nil || got.State != wire.StateCancelled {
			s.Fatalf("got %+v, %v", got, err)
		}
		s.until(c.Close.Add(time.Minute))
		for _, h := range s.crowd.cues(wire.Viewers) {
			if cue := h.message.(*wire.CueChanged).Cue; cue.Text != nil || cue.Key != "" {
				s.Errorf("viewers were shown %+v", cue)
			}
		}
		if keys := s.crowd.keys(); len(keys) != 0 {
			s.Errorf("viewers heard %+v", keys)
		}
		s.wantRefused("answer", s.answer(c.ID, "ann", 0), interact.CodeVoid)
	})
	bubble(t, "EN7 later it is void", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		receipt := s.counted(s.answer(c.ID, "ann", 0))
		got, err := s.room.Cancel(s.Context(), c.ID, "")
		if err != nil || got.State != wire.StateVoid {
			s.Fatalf("got %+v, %v", got, err)
		}
		s.wantRefused("a new answer", s.answer(c.ID, "bob", 0), interact.CodeVoid)
		if again := s.counted(s.answer(c.ID, "ann", 0)); again.Seq != receipt.Seq {
			s.Errorf("IN3 retry got %+v, want %+v", again, receipt)
		}
		if w := s.welcome("ann", wire.RoleViewer); len(w.Tallies) != 0 || w.Cues[0].Seal != nil || w.Cues[0].Key != "" {
			s.Errorf("a viewer is welcomed with %+v, %+v", w.Cues, w.Tallies)
		}
	})
	bubble(t, "EN7 what does not fit is refused and changes nothing", func(s *show) {
		draft := s.prepare(poll)
		_, err := s.room.Extend(s.Context(), draft.ID, time.Second, "")
		wantCode(s.T, "extend a draft", err, interact.CodeConflict)
		_, err = s.room.Reveal(s.Context(), draft.ID, "")
		wantCode(s.T, "reveal a draft", err, interact.CodeConflict)
		_, err = s.room.Take(s.Context(), "nobody", "")
		wantCode(s.T, "take nothing", err, interact.CodeUnknownCue)
		_, err = s.room.Prepare(s.Context(), interact.Question{Kind: "quiz"})
		wantCode(s.T, "a question that is none", err, interact.CodeInvalid)
		s.picture.behind = 2 * time.Second
		_, err = s.room.Take(s.Context(), draft.ID, "")
		wantCode(s.T, "a picture too old", err, interact.CodeTooLate)
		cues, _, err := s.room.Cues(s.Context())
		if err != nil || len(cues) != 1 || cues[0].Rev != 1 || cues[0].State != wire.StateDraft {
			s.Errorf("cues = %+v, %v", cues, err)
		}
	})
	bubble(t, "EN7 drafts are edited and removed, taken cues are not", func(s *show) {
		draft := s.prepare(poll)
		longer := poll
		longer.Window = time.Minute
		got, err := s.room.Edit(s.Context(), draft.ID, longer)
		if err != nil || got.Rev != 2 || got.Window != 60_000 {
			s.Fatalf("edited = %+v, %v", got, err)
		}
		if _, err := s.room.Take(s.Context(), draft.ID, ""); err != nil {
			s.Fatal(err)
		}
		s.until(s.now().Add(latency))
		_, err = s.room.Edit(s.Context(), draft.ID, poll)
		wantCode(s.T, "edit", err, interact.CodeConflict)
		wantCode(s.T, "remove", s.room.Remove(s.Context(), draft.ID), interact.CodeConflict)
		other := s.prepare(poll)
		if err := s.room.Remove(s.Context(), other.ID); err != nil {
			s.Fatal(err)
		}
		producers := s.crowd.hears(wire.Producers)
		if gone, ok := producers[len(producers)-1].message.(*wire.Removed); !ok || gone.Cue != other.ID {
			s.Errorf("producers heard %+v", producers[len(producers)-1].message)
		}
	})
	bubble(t, "EN7 without a picture the clock alone decides", func(s *show) {
		s.picture.live = false
		if c := s.take(poll); c.Open != s.now().Add(latency) || c.Note == "" {
			s.Errorf("got %+v", c)
		}
	})
}

func TestIdempotency(t *testing.T) {
	bubble(t, "EN8 a repeated command changes nothing", func(s *show) {
		draft := s.prepare(poll)
		first, err := s.room.Take(s.Context(), draft.ID, "k1")
		if err != nil {
			s.Fatal(err)
		}
		again, err := s.room.Take(s.Context(), draft.ID, "k1")
		if err != nil || again.Rev != first.Rev || again.Open != first.Open {
			s.Errorf("again = %+v, %v, want %+v", again, err, first)
		}
		_, err = s.room.Take(s.Context(), draft.ID, "k2")
		wantCode(s.T, "another key is another command", err, interact.CodeConflict)
		_, err = s.room.Cancel(s.Context(), draft.ID, "k1")
		wantCode(s.T, "a key is for one command", err, interact.CodeConflict)
		_, err = s.room.Cancel(s.Context(), draft.ID, strings.Repeat("k", 200))
		wantCode(s.T, "a key has a length", err, interact.CodeInvalid)
	})
	bubble(t, "EN8 two clicks at once extend once", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(time.Second))
		got := make(chan wire.Cue, 2)
		for range 2 {
			go func() {
				c, err := s.room.Extend(s.Context(), c.ID, 10*time.Second, "k")
				if err != nil {
					s.Error(err)
				}
				got <- c
			}()
		}
		a, b := <-got, <-got
		if a.Close != c.Close.Add(10*time.Second) || b.Close != a.Close {
			s.Errorf("C = %v and %v", a.Close.Sub(c.Close), b.Close.Sub(c.Close))
		}
	})
}

// TestBroadcastsKeepTheApplyRule checks what every receiver relies on.
func TestBroadcastsKeepTheApplyRule(t *testing.T) {
	order := map[wire.State]int{}
	for i, s := range []wire.State{wire.StateDraft, wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen,
		wire.StateClosing, wire.StateClosed, wire.StateRevealed, wire.StateCancelled, wire.StateVoid} {
		order[s] = i
	}
	bubble(t, "W5 revisions grow, and states within one", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		for _, command := range []func() (wire.Cue, error){
			func() (wire.Cue, error) { return s.room.Extend(s.Context(), c.ID, time.Second, "") },
			func() (wire.Cue, error) { return s.room.CloseNow(s.Context(), c.ID, "") },
			func() (wire.Cue, error) {
				s.until(s.now().Add(time.Second))
				return s.room.Reveal(s.Context(), c.ID, "")
			},
		} {
			if _, err := command(); err != nil {
				s.Fatal(err)
			}
		}
		for _, to := range []wire.Audience{wire.Viewers, wire.Producers} {
			var last wire.Cue
			for _, h := range s.crowd.cues(to) {
				cue := h.message.(*wire.CueChanged).Cue
				if cue.Rev < last.Rev || cue.Rev == last.Rev && order[cue.State] <= order[last.State] {
					s.Errorf("rev %d %s after rev %d %s", cue.Rev, cue.State, last.Rev, last.State)
				}
				last = cue
			}
			if last.State != wire.StateRevealed || last.Correct == nil || *last.Correct != 1 {
				s.Errorf("ended as %+v", last)
			}
		}
	})
}
