package engine_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// takeAt takes a poll at a spot.
func (s *show) takeAt(at interact.Spot) wire.Cue {
	s.Helper()
	c, err := s.room.TakeAt(s.Context(), s.prepare(poll).ID, at, "")
	s.must(err)
	return c
}

// cue returns the producer's view of a cue.
func (s *show) cue(id string) wire.Cue {
	s.Helper()
	cues, _, err := s.room.Cues(s.Context())
	s.must(err)
	for _, c := range cues {
		if c.ID == id {
			return c
		}
	}
	s.Fatalf("no cue %s", id)
	return wire.Cue{}
}

func TestTakeAtThePictureSeen(t *testing.T) {
	bubble(t, "EN19 O is that picture plus L, although the press came later", func(s *show) {
		seen := s.now().Add(-700 * ms)
		c := s.takeAt(interact.Spot{At: seen})
		if c.Open != seen.Add(latency) || c.Media != s.picture.MediaAt(seen) {
			t.Errorf("O%+v, T = %d", c.Open.Sub(seen), c.Media)
		}
	})
	bubble(t, "EN19 a picture too old says by how much", func(s *show) {
		_, err := s.room.TakeAt(s.Context(), s.prepare(poll).ID, interact.Spot{At: s.now().Add(-1850 * ms)}, "")
		wantCode(s.T, "take", err, interact.CodeTooLate)
		if !strings.Contains(err.Error(), "350 ms") {
			t.Errorf("%v does not say by how much", err)
		}
	})
	bubble(t, "EN19 scheduled, viewers hear of it 10 s before O", func(s *show) {
		open := s.now().Add(time.Minute)
		c := s.takeAt(interact.Spot{Open: open})
		if c.Open != open || c.State != wire.StateScheduled || c.Media != s.picture.MediaAt(open.Add(-latency)) {
			t.Errorf("scheduled = %+v", c)
		}
		s.until(open.Add(-10*time.Second) - 1)
		if got := s.crowd.cues(wire.Viewers); len(got) != 0 {
			t.Errorf("viewers heard %+v", got)
		}
		s.until(open.Add(-10 * time.Second))
		if got := s.crowd.cues(wire.Viewers); len(got) != 1 || got[0].message.(*wire.CueChanged).Cue.State != wire.StateArmed {
			t.Errorf("viewers heard %+v", got)
		}
	})
}

func TestSlots(t *testing.T) {
	third := poll
	third.Slot, third.Policy = "lower-third", "playhead"
	bubble(t, "EN6 two slots, two windows, both counted", func(s *show) {
		a, b := s.take(poll), s.take(third)
		if a.Slot != "" || b.Slot != "lower-third" || b.Policy != "playhead" || b.MaxLag != 2000 {
			t.Errorf("a = %+v, b = %+v", a, b)
		}
		s.until(b.Open.Add(time.Second))
		x, y := s.answer(a.ID, "ann", 0), s.answer(b.ID, "ann", 1)
		z := s.answer(b.ID, "bob", 1)
		s.counted(x)
		s.counted(y)
		s.counted(z)
		s.until(b.Close.Add(time.Second))
		for id, want := range map[string][]uint64{a.ID: {1, 0}, b.ID: {0, 2}} {
			if got, err := s.room.Tally(s.Context(), id); err != nil || !reflect.DeepEqual(got.Counts, want) || !got.Final {
				t.Errorf("tally = %+v, %v, want %v", got, err, want)
			}
		}
		w := s.welcome("ann", wire.RoleViewer)
		if len(w.Cues) != 2 || len(w.Receipts) != 2 {
			t.Errorf("welcome %+v", w)
		}
	})
	bubble(t, "EN6 one slot, one cue", func(s *show) {
		s.take(third)
		_, err := s.room.Take(s.Context(), s.prepare(third).ID, "")
		wantCode(s.T, "take", err, interact.CodeConflict)
	})
	bubble(t, "EN6 an archive cue asks nobody", func(s *show) {
		q := poll
		q.Policy = "archive"
		c := s.take(q)
		s.until(c.Open.Add(time.Second))
		s.wantRefused("answer", s.answer(c.ID, "ann", 0), interact.CodeClosed)
	})
}

func TestPauseAndResume(t *testing.T) {
	bubble(t, "EN7 a pause keeps what is left", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(4500 * ms))
		p, err := s.room.Pause(s.Context(), c.ID, "")
		s.must(err)
		if p.Pause != c.Open.Add(5*time.Second) || p.Resume != 0 || p.Remaining != 15_000 || p.State != wire.StateOpen {
			t.Errorf("paused = %+v", p)
		}
		s.counted(s.answer(c.ID, "ann", 0)) // before p
		s.until(c.Close.Add(time.Hour))
		if got := s.cue(c.ID); got.State != wire.StatePaused {
			t.Errorf("an hour later %+v", got)
		}
		s.wantRefused("in the pause", s.answer(c.ID, "bob", 0), interact.CodePaused)
		q, err := s.room.Resume(s.Context(), c.ID, "")
		s.must(err)
		if q.Resume != s.now().Add(500*ms) || q.Close != q.Resume.Add(15*time.Second) || q.Remaining != 15_000 {
			t.Errorf("resumed = %+v", q)
		}
		s.until(q.Close.Add(-ms))
		s.counted(s.answer(c.ID, "bob", 1))
		s.until(q.Close.Add(time.Second))
		if tally, err := s.room.Tally(s.Context(), c.ID); err != nil || tally.Total != 2 || !tally.Final {
			t.Errorf("tally = %+v, %v", tally, err)
		}
		var states []wire.State
		for _, h := range s.crowd.cues(wire.Viewers) {
			states = append(states, h.message.(*wire.CueChanged).Cue.State)
		}
		want := []wire.State{"armed", "open", "paused", "paused", "open", "closing", "closed"}
		if !reflect.DeepEqual(states, want) {
			t.Errorf("viewers heard %v, want %v", states, want)
		}
	})
	t.Run("EN3 a restart in a pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			c := s.take(poll)
			s.until(c.Open.Add(4500 * ms))
			before, err := s.room.Pause(t.Context(), c.ID, "")
			s.must(err)
			s.until(c.Open.Add(30 * time.Second))
			before = s.cue(c.ID)
			s.stop()
			time.Sleep(time.Minute)
			back := resume(t, s.store, s.clock)
			before.Media = back.cue(c.ID).Media // of the new process's timeline
			if got := back.cue(c.ID); !reflect.DeepEqual(got, before) || got.State != wire.StatePaused {
				t.Errorf("after a restart %+v, before %+v", got, before)
			}
			q, err := back.room.Resume(t.Context(), c.ID, "")
			s.must(err)
			if q.Close != q.Resume.Add(15*time.Second) {
				t.Errorf("resumed = %+v", q)
			}
			back.until(q.Close.Add(-time.Second))
			back.counted(back.answer(c.ID, "ann", 0))
		})
	})
}

func TestMoveAndEdit(t *testing.T) {
	bubble(t, "EN7 move shifts the window and keeps the seal", func(s *show) {
		c := s.take(poll)
		got, err := s.room.Move(s.Context(), c.ID, 4*time.Second, "")
		s.must(err)
		viewers := s.crowd.cues(wire.Viewers)
		was, is := viewers[0].message.(*wire.CueChanged).Cue, viewers[1].message.(*wire.CueChanged).Cue
		if got.Open != c.Open.Add(4*time.Second) || is.Open != got.Open || is.Rev != 3 || !reflect.DeepEqual(is.Seal, was.Seal) {
			t.Errorf("viewers heard %+v after %+v", is, was)
		}
		s.until(got.Open.Add(-time.Second))
		_, err = s.room.Move(s.Context(), c.ID, time.Second, "")
		wantCode(s.T, "move", err, interact.CodeTooLate)
		if keys := s.crowd.keys(); len(keys) != 0 {
			t.Errorf("keys before O moved to: %+v", keys)
		}
	})
	bubble(t, "EN20 another text gets another seal, and the first key never goes out", func(s *show) {
		c := s.take(poll)
		other := poll
		other.Title, other.Options = "Bread or cake?", []string{"Bread", "Cake", "Neither"}
		got, err := s.room.Edit(s.Context(), c.ID, other)
		s.must(err)
		if got.Rev != 3 || got.Choices != 3 || got.Open != c.Open || got.Text.Title != other.Title {
			t.Errorf("edited = %+v", got)
		}
		viewers := s.crowd.cues(wire.Viewers)
		was, is := viewers[0].message.(*wire.CueChanged).Cue, viewers[1].message.(*wire.CueChanged).Cue
		if is.Seal.KeyID == was.Seal.KeyID || is.Seal.IV == was.Seal.IV || is.Seal.Rev != 3 {
			t.Errorf("sealed %+v after %+v", is.Seal, was.Seal)
		}
		s.until(c.Open.Add(time.Second))
		keys := s.crowd.keys()
		if len(keys) != 1 || keys[0].message.(*wire.Key).KeyID != is.Seal.KeyID {
			t.Fatalf("viewers heard %+v", keys)
		}
		if text := unseal(t, is, keys[0].message.(*wire.Key).Key); text.Title != other.Title {
			t.Errorf("the seal holds %+v", text)
		}
		_, err = s.room.Key(was.Seal.KeyID)
		wantCode(s.T, "the first key", err, interact.CodeUnknown)
		s.counted(s.answer(c.ID, "ann", 2))
	})
	bubble(t, "EN7 a taken cue keeps its kind and slot", func(s *show) {
		c := s.take(poll)
		other := poll
		other.Slot = "side"
		_, err := s.room.Edit(s.Context(), c.ID, other)
		wantCode(s.T, "edit", err, interact.CodeConflict)
	})
}

func TestKeysOverHTTP(t *testing.T) {
	bubble(t, "EN20 a key is out from κ before O", func(s *show) {
		c := s.take(trivia)
		kid := s.crowd.cues(wire.Viewers)[0].message.(*wire.CueChanged).Cue.Seal.KeyID
		s.until(c.Open.Add(-400*ms) - 1)
		_, err := s.room.Key(kid)
		wantCode(s.T, "before", err, interact.CodeNotYet)
		s.until(c.Open.Add(-400 * ms))
		got, err := s.room.Key(kid)
		if err != nil || got.Key != s.crowd.keys()[0].message.(*wire.Key).Key || got.Open != c.Open {
			t.Errorf("key = %+v, %v", got, err)
		}
		_, err = s.room.Key("nobody's")
		wantCode(s.T, "unknown", err, interact.CodeUnknown)
		counts, err := s.room.Counts(s.Context())
		if err != nil || counts.KeysServed != 1 || counts.KeysEarly != 1 || counts.KeysUnknown != 1 {
			t.Errorf("counts = %+v, %v", counts, err)
		}
	})
	bubble(t, "EN20 a key of a cue cancelled in time is never out", func(s *show) {
		c := s.take(trivia)
		kid := s.crowd.cues(wire.Viewers)[0].message.(*wire.CueChanged).Cue.Seal.KeyID
		s.until(c.Open.Add(-500 * ms))
		_, err := s.room.Cancel(s.Context(), c.ID, "")
		s.must(err)
		s.until(c.Open.Add(time.Hour))
		_, err = s.room.Key(kid)
		wantCode(s.T, "key", err, interact.CodeUnknown)
	})
	t.Run("EN20 a restart between armed and keyed keeps the seal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			c := s.take(trivia)
			seal := s.welcome("ann", wire.RoleViewer).Cues[0].Seal
			s.until(c.Open.Add(-2 * time.Second))
			s.stop()
			time.Sleep(time.Second)
			back := resume(t, s.store, s.clock)
			again := back.welcome("ann", wire.RoleViewer).Cues[0]
			if !reflect.DeepEqual(again.Seal, seal) || again.Key != "" {
				t.Errorf("the seal is %+v, was %+v", again.Seal, seal)
			}
			_, err := back.room.Key(seal.KeyID)
			wantCode(t, "too early", err, interact.CodeNotYet)
			back.until(c.Open)
			key, err := back.room.Key(seal.KeyID)
			back.must(err)
			if got := unseal(t, again, key.Key); got.Title != trivia.Title {
				t.Errorf("the seal holds %+v", got)
			}
		})
	})
}

func TestOrphanedCue(t *testing.T) {
	bubble(t, "EN21 the picture stops: held, then cancelled, never shown", func(s *show) {
		open := s.now().Add(30 * time.Second)
		c := s.takeAt(interact.Spot{Open: open})
		s.picture.run(false)
		s.until(s.now().Add(2900 * ms))
		if s.cue(c.ID).Orphaned {
			t.Error("held too early")
		}
		s.until(s.now().Add(500 * ms))
		if got := s.cue(c.ID); !got.Orphaned || got.State != wire.StateScheduled || got.Note == "" {
			t.Errorf("held = %+v", got)
		}
		s.until(open.Add(time.Hour))
		if got := s.cue(c.ID); got.State != wire.StateCancelled || !strings.Contains(got.Note, "picture") || got.Orphaned {
			t.Errorf("in the end %+v", got)
		}
		for _, h := range s.crowd.cues(wire.Viewers) {
			if q := h.message.(*wire.CueChanged).Cue; q.State != wire.StateCancelled || q.Seal != nil {
				t.Errorf("viewers heard %+v", q)
			}
		}
		s.take(poll).Open.Sub(open) // the slot is free
	})
	bubble(t, "EN21 the producer opens it anyway", func(s *show) {
		open := s.now().Add(30 * time.Second)
		c := s.takeAt(interact.Spot{Open: open})
		s.picture.run(false)
		s.until(open.Add(-8 * time.Second))
		got, err := s.room.TakeAt(s.Context(), c.ID, interact.Spot{Anyway: true}, "")
		s.must(err)
		if got.Open != open || got.Orphaned || got.Media != 0 || got.State != wire.StateArmed {
			t.Errorf("taken = %+v", got)
		}
		s.until(open.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 0))
	})
	bubble(t, "EN21 the picture comes back", func(s *show) {
		open := s.now().Add(30 * time.Second)
		c := s.takeAt(interact.Spot{Open: open})
		s.picture.run(false)
		s.until(s.now().Add(5 * time.Second))
		s.picture.run(true)
		s.until(s.now().Add(time.Second))
		if got := s.cue(c.ID); got.Orphaned || got.Rev != 4 {
			t.Errorf("back: %+v", got)
		}
		s.until(open.Add(time.Second))
		s.counted(s.answer(c.ID, "ann", 0))
	})
	bubble(t, "EN21 once O is fixed it opens anyway", func(s *show) {
		c := s.take(poll)
		s.until(c.Open.Add(-1900 * ms))
		s.picture.run(false)
		s.until(c.Open.Add(5 * time.Second))
		if got := s.cue(c.ID); got.State != wire.StateOpen || got.Rev != 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestLatencyLive(t *testing.T) {
	line := wire.Timeline{Rev: 4, State: "locked", Scale: clock.TicksPerSecond, Latency: 3000, Live: true}
	lines := func(s *show) (all []wire.Timeline) {
		for _, h := range s.crowd.hears(wire.Viewers) {
			if l, ok := h.message.(*wire.Timeline); ok {
				all = append(all, *l)
			}
		}
		return all
	}
	bubble(t, "EN22 announced, then in effect", func(s *show) {
		s.room.SetTimeline(line)
		at, err := s.room.SetLatency(s.Context(), 3500*ms)
		if err != nil || at != s.now().Add(2*time.Second) {
			t.Fatalf("at now%+v, %v", at.Sub(s.now()), err)
		}
		told := s.room.Told(line)
		if told.Next == nil || told.Latency != 3000 {
			t.Errorf("told %+v", told)
		}
		s.until(at)
		got := lines(s)
		if len(got) != 3 || got[1].Latency != 3000 || got[1].Next == nil || *got[1].Next != (wire.NextLatency{Latency: 3500, At: at}) || got[2].Latency != 3500 || got[2].Next != nil {
			t.Fatalf("viewers heard %+v", got)
		}
		if got[0].Rev >= got[1].Rev || got[1].Rev >= got[2].Rev {
			t.Errorf("revisions %d, %d, %d", got[0].Rev, got[1].Rev, got[2].Rev)
		}
		c := s.take(poll)
		if c.Open != s.now().Add(3460*ms) {
			t.Errorf("O is now%+v", c.Open.Sub(s.now()))
		}
		_, err = s.room.SetLatency(s.Context(), 4*time.Second)
		wantCode(s.T, "while a cue is armed", err, interact.CodeConflict)
		s.until(c.Close.Add(200 * ms))
		_, err = s.room.SetLatency(s.Context(), 4*time.Second)
		wantCode(s.T, "while it is closing", err, interact.CodeConflict)
		s.until(c.Close.Add(time.Second))
		_, err = s.room.SetLatency(s.Context(), 4*time.Second)
		s.must(err)
		_, err = s.room.SetLatency(s.Context(), 61*time.Second)
		wantCode(s.T, "too long", err, interact.CodeInvalid)
		_, err = s.room.SetLatency(s.Context(), 499*ms)
		wantCode(s.T, "too short", err, interact.CodeInvalid)
	})
	bubble(t, "EN22 a scheduled cue gets its new O", func(s *show) {
		c := s.takeAt(interact.Spot{Open: s.now().Add(time.Minute)})
		_, err := s.room.SetLatency(s.Context(), 4*time.Second)
		s.must(err)
		if got := s.cue(c.ID); got.Rev != 3 || got.Open != c.Open.Add(time.Second) || got.Media != c.Media {
			t.Errorf("moved from %+v to %+v", c, got)
		}
	})
	t.Run("EN22 it survives a restart, unless the configuration has changed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			_, err := s.room.SetLatency(t.Context(), 5*time.Second)
			s.must(err)
			s.stop()
			if got := resume(t, s.store, s.clock).room.Latency(); got != 5*time.Second {
				t.Errorf("latency %v", got)
			}
			other, err := engine.New(t.Context(), engine.Config{
				Store: s.store, Clock: s.clock, Broadcaster: s.crowd,
				Channels: []engine.Channel{{Name: "show", Latency: 2 * time.Second}},
			})
			s.must(err)
			room, _ := other.Room("show")
			if got := room.Latency(); got != 2*time.Second {
				t.Errorf("latency %v, want the new configuration's", got)
			}
		})
	})
}

func TestLatencyIsRaised(t *testing.T) {
	auto := func(t *testing.T, viewers, stuck int, f func(s *show)) {
		synctest.Test(t, func(t *testing.T) {
			s := onAirWith(t, func(ch *engine.Channel) { ch.AutoLatency = 4 * time.Second })
			s.crowd.mu.Lock()
			s.crowd.viewers, s.crowd.stuck = viewers, stuck
			s.crowd.mu.Unlock()
			f(s)
		})
	}
	t.Run("EN22 while more than 2 % are stuck, once a minute, up to the limit", func(t *testing.T) {
		auto(t, 100, 3, func(s *show) {
			for i, want := range []time.Duration{3500 * ms, 4 * time.Second, 4 * time.Second} {
				s.until(s.now().Add(3 * time.Second))
				if got := s.room.Latency(); got != want {
					t.Errorf("after %d min: %v, want %v", i, got, want)
				}
				s.until(s.now().Add(58 * time.Second))
			}
		})
	})
	t.Run("EN22 not for 2 % and not for a handful", func(t *testing.T) {
		for _, n := range [][2]int{{100, 2}, {19, 19}} {
			auto(t, n[0], n[1], func(s *show) {
				s.until(s.now().Add(5 * time.Minute))
				if got := s.room.Latency(); got != latency {
					t.Errorf("%v: raised to %v", n, got)
				}
			})
		}
	})
	t.Run("EN22 not while a cue is on air", func(t *testing.T) {
		auto(t, 100, 0, func(s *show) {
			c := s.take(poll)
			s.crowd.mu.Lock()
			s.crowd.stuck = 50
			s.crowd.mu.Unlock()
			s.until(c.Close.Add(400 * ms))
			if got := s.room.Latency(); got != latency {
				t.Errorf("raised to %v", got)
			}
			s.until(c.Close.Add(3 * time.Second))
			if got := s.room.Latency(); got != 3500*ms {
				t.Errorf("afterwards %v", got)
			}
		})
	})
}
