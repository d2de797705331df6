package engine_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// act is a step of a show; again repeats its last command.
type act struct {
	state wire.State
	play  func(f *fleet, lose func()) (id string, again func() (wire.Cue, error))
}

// command runs a producer's command with an idempotency key, after lose.
func commandAfter(f *fleet, lose func(), run func(r *engine.Room, key string) (wire.Cue, error)) (wire.Cue, func() (wire.Cue, error)) {
	lose()
	return f.must(run(f.room, "k1")), func() (wire.Cue, error) { return run(f.room, "k1") }
}

// reaches takes a trivia cue, lets it be answered, and plays on until an instant
// after C, or before if by is negative, counted from O if fromOpen is set.
func reaches(state wire.State, fromOpen bool, by time.Duration) act {
	return act{state, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.take(trivia)
		at := c.Close.Add(by)
		if fromOpen {
			at = c.Open.Add(by)
		}
		if voted := c.Open.Add(500 * ms); voted < at {
			f.until(voted)
			f.votes(c, 0, 7, "")
		}
		f.until(at.Add(-200 * ms))
		lose()
		f.until(at)
		return c.ID, func() (wire.Cue, error) { return f.room.Take(f.Context(), c.ID, "take-"+c.ID) }
	}}
}

// commands takes a cue, and gives a command while it is open.
func commands(state wire.State, run func(f *fleet, r *engine.Room, id, key string) (wire.Cue, error)) act {
	return act{state, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.take(trivia)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 7, "")
		_, again := commandAfter(f, lose, func(r *engine.Room, key string) (wire.Cue, error) { return run(f, r, c.ID, key) })
		return c.ID, again
	}}
}

var acts = map[string]act{
	"draft": {wire.StateDraft, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		lose()
		return f.must(f.room.Prepare(f.Context(), poll)).ID, nil
	}},
	"edited": {wire.StateDraft, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.must(f.room.Prepare(f.Context(), poll))
		f.after(time.Second)
		lose()
		return f.must(f.room.Edit(f.Context(), c.ID, trivia)).ID, nil
	}},
	"scheduled": {wire.StateScheduled, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.must(f.room.Prepare(f.Context(), trivia))
		f.after(time.Second)
		open := f.now().Add(30 * time.Second)
		_, again := commandAfter(f, lose, func(r *engine.Room, key string) (wire.Cue, error) {
			return r.TakeAt(f.Context(), c.ID, interact.Spot{Open: open}, key)
		})
		return c.ID, again
	}},
	"armed": {wire.StateArmed, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.must(f.room.Prepare(f.Context(), trivia))
		f.after(time.Second)
		_, again := commandAfter(f, lose, func(r *engine.Room, key string) (wire.Cue, error) { return r.Take(f.Context(), c.ID, key) })
		return c.ID, again
	}},
	"keyed":   reaches(wire.StateKeyed, true, -390*ms),
	"open":    reaches(wire.StateOpen, true, 10*ms),
	"asked":   reaches(wire.StateOpen, true, 2*time.Second),
	"closing": reaches(wire.StateClosing, false, 10*ms),
	"final":   reaches(wire.StateClosing, false, cue.GraceMax+100*ms),
	"sealing": reaches(wire.StateClosed, false, cue.GraceMax+250*ms),
	"closed":  reaches(wire.StateClosed, false, cue.GraceMax+400*ms),
	"extended": commands(wire.StateOpen, func(f *fleet, r *engine.Room, id, key string) (wire.Cue, error) {
		return r.Extend(f.Context(), id, 5*time.Second, key)
	}),
	"paused": commands(wire.StateOpen, func(f *fleet, r *engine.Room, id, key string) (wire.Cue, error) {
		return r.Pause(f.Context(), id, key)
	}),
	"void": commands(wire.StateVoid, func(f *fleet, r *engine.Room, id, key string) (wire.Cue, error) {
		return r.Cancel(f.Context(), id, key)
	}),
	"closed early": commands(wire.StateOpen, func(f *fleet, r *engine.Room, id, key string) (wire.Cue, error) {
		return r.CloseNow(f.Context(), id, key)
	}),
	"cancelled": {wire.StateCancelled, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.take(trivia)
		_, again := commandAfter(f, lose, func(r *engine.Room, key string) (wire.Cue, error) { return r.Cancel(f.Context(), c.ID, key) })
		return c.ID, again
	}},
	"revealed": {wire.StateRevealed, func(f *fleet, lose func()) (string, func() (wire.Cue, error)) {
		c := f.take(trivia)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 7, "")
		f.until(c.Close.Add(time.Second))
		_, again := commandAfter(f, lose, func(r *engine.Room, key string) (wire.Cue, error) { return r.Reveal(f.Context(), c.ID, key) })
		return c.ID, again
	}},
}

// losses are what the others miss of the last step.
var losses = map[string]func(f *fleet){
	"all was told":      func(*fleet) {},
	"nothing was told":  func(f *fleet) { f.line.set("bus", errDown) },
	"ballots were away": func(f *fleet) { f.line.set("ballots", errDown) },
}

func TestTakeover(t *testing.T) {
	for state, a := range acts {
		for lost, lose := range losses {
			for _, away := range []time.Duration{0, 300 * ms, 3 * time.Second} {
				t.Run(fmt.Sprintf("EN36 %s, %s, nobody leads for %v", state, lost, away), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := fleetOf(t)
						f.lead(&line{})
						takeover(f, a, lose, away)
					})
				})
			}
		}
	}
}

func takeover(f *fleet, a act, lose func(f *fleet), away time.Duration) {
	id, again := a.play(f, func() { f.after(20 * ms); lose(f) })
	before := sceneOf(f)
	want, ok := byID(before.Producers.Cues, id)
	if a.state != wire.StateClosed && want.State != a.state && !(a.state == wire.StateOpen && want.State == wire.StatePaused) {
		f.Fatalf("the cue is %s, not %s", want.State, a.state)
	}
	f.die()
	f.after(away)
	f.lead(&line{})
	f.after(600 * ms)
	got, there := byID(sceneOf(f).Producers.Cues, id)
	if there != ok || got.Rev != want.Rev || got.Open != want.Open || got.Close != want.Close || got.Media != want.Media {
		f.Errorf("it was %+v, it is %+v", want, got)
	}
	sameKey(f, before, id)
	converged(f, id)
	if again != nil {
		c, err := again()
		if err != nil || c.Rev != want.Rev {
			f.Errorf("EN8 the command again: %+v, %v", c, err)
		}
	}
	playOut(f, got)
	converged(f, id)
	f.ear.check(f.T)
}

func sceneOf(f *fleet) engine.Scene {
	f.Helper()
	s, err := f.room.Scene(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func byID(cues []wire.Cue, id string) (wire.Cue, bool) {
	i := slices.IndexFunc(cues, func(c wire.Cue) bool { return c.ID == id })
	if i < 0 {
		return wire.Cue{}, false
	}
	return cues[i], true
}

// sameKey says that a text is sealed as it was.
func sameKey(f *fleet, before engine.Scene, id string) {
	f.Helper()
	was, told := byID(before.Viewers.Cues, id)
	is, _ := byID(sceneOf(f).Viewers.Cues, id)
	if told && is.Seal != nil && !reflect.DeepEqual(was.Seal, is.Seal) {
		f.Errorf("EN20 another seal")
	}
}

// converged says that all who follow know what the leader knows.
func converged(f *fleet, id string) {
	f.Helper()
	scene := sceneOf(f)
	want, ok := byID(scene.Producers.Cues, id)
	f.ear.heard(func() {
		got, there := f.ear.cues[interact.ReachProducers][id]
		if there != ok || got.Rev != want.Rev || got.State != want.State || !reflect.DeepEqual(got.Text, want.Text) {
			f.Errorf("producers hold %+v, it is %+v", got, want)
		}
		if f.ear.revs[id] != want.Rev {
			f.Errorf("nodes hold revision %d, it is %d", f.ear.revs[id], want.Rev)
		}
	})
	if shown, ok := byID(scene.Viewers.Cues, id); ok {
		got := opened(f.ear.viewer(id), f.now())
		if got.Rev != shown.Rev || got.State != shown.State || got.Open != shown.Open || got.Close != shown.Close ||
			shown.Key != "" && got.Key != shown.Key || !reflect.DeepEqual(got.Correct, shown.Correct) {
			f.Errorf("viewers hold %+v, it is %+v", got, shown)
		}
	}
	for _, t := range scene.Viewers.Tallies {
		if got := f.ear.tally(interact.ReachViewers, t.Cue); !reflect.DeepEqual(got, t) {
			f.Errorf("viewers hold %+v, it is %+v", got, t)
		}
	}
}

// playOut goes on until the count is final, and compares it with what was cast.
func playOut(f *fleet, c wire.Cue) {
	f.Helper()
	if c.Close == 0 {
		return
	}
	if c.State == wire.StatePaused || c.Pause != 0 && c.Resume == 0 {
		c = f.must(f.room.Resume(f.Context(), c.ID, ""))
	}
	f.until(c.Close.Add(cue.GraceMax + 2*time.Second))
	f.after(time.Second)
	sum, err := f.urn.Tally(f.Context(), interact.Poll{Channel: "show", Cue: c.ID, Options: c.Choices})
	if err != nil || f.urn.sealedAt(c.ID) == 0 {
		f.Fatalf("not sealed, %v", err)
	}
	got, err := f.room.Tally(f.Context(), c.ID)
	if err != nil || !got.Final || got.Total != sum.Total || !slices.Equal(got.Counts, sum.Counts) {
		f.Errorf("tally = %+v, %v, want %+v", got, err, sum)
	}
	if heard := f.ear.tally(interact.ReachProducers, c.ID); !reflect.DeepEqual(heard, got) {
		f.Errorf("producers hold %+v, it is %+v", heard, got)
	}
	if c.State != wire.StateVoid && c.State != wire.StateCancelled {
		if at := f.urn.sealedAt(c.ID); at < c.Close.Add(cue.GraceMax) {
			f.Errorf("EN32 sealed at C%+v", at.Sub(c.Close))
		}
	}
}

func TestTakeoverOfTheRest(t *testing.T) {
	ships(t, "EN36 a draft that was removed, and nobody was told, is removed for all", func(f *fleet) {
		c := f.must(f.room.Prepare(f.Context(), poll))
		f.after(time.Second)
		f.line.set("bus", errDown)
		if err := f.room.Remove(f.Context(), c.ID); err != nil {
			f.Fatal(err)
		}
		f.die()
		f.lead(&line{})
		f.after(100 * ms)
		f.ear.heard(func() {
			if _, there := f.ear.cues[interact.ReachProducers][c.ID]; there {
				f.Error("producers still hold it")
			}
		})
	})
	ships(t, "EN36 an answered command that was never told is told, in its order", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.line.set("bus", errDown)
		for range 3 {
			f.must(f.room.Extend(f.Context(), c.ID, time.Second, ""))
		}
		if err := f.room.Ban(f.Context(), "eve", 0, "insults"); err != nil {
			f.Fatal(err)
		}
		f.die()
		told := f.ear.count()
		f.lead(&line{})
		f.after(100 * ms)
		var bans int
		for _, p := range f.ear.since(told) {
			if rec, ok, err := engine.DecodeRecord("show", p.Data); p.Reach == interact.ReachNodes && err == nil && ok && rec.Kind == interact.RecordBan {
				bans++
			}
		}
		if got := f.ear.viewer(c.ID); got.Rev != c.Rev+3 || got.Close != c.Close.Add(3*time.Second) || bans != 1 {
			f.Errorf("viewers hold %+v, %d bans told", got, bans)
		}
		f.ear.check(f.T)
	})
	ships(t, "EN37 a change of L goes on as it was announced, and its numbers grow", func(f *fleet) {
		f.room.SetTimeline(wire.Timeline{Rev: 5, State: "locked"})
		at, err := f.room.SetLatency(f.Context(), 4*time.Second)
		if err != nil {
			f.Fatal(err)
		}
		f.after(500 * ms)
		before := sceneOf(f).Timeline
		f.die()
		f.lead(&line{})
		f.room.SetTimeline(wire.Timeline{Rev: 5, State: "locked"})
		f.after(100 * ms)
		got := sceneOf(f).Timeline
		if got.Next == nil || *got.Next != *before.Next || got.Next.At != at || got.Rev < before.Rev || got.Latency != before.Latency {
			f.Errorf("told %+v, before %+v", got, before)
		}
		f.until(at.Add(10 * ms))
		if got := sceneOf(f).Timeline; got.Latency != 4000 || got.Next != nil || got.Rev <= before.Rev {
			f.Errorf("told %+v", got)
		}
	})
	ships(t, "EN37 a timeline that is heard again is not told again", func(f *fleet) {
		line := wire.Timeline{Rev: 5, State: "locked", Points: [][2]int64{{0, 5}}}
		f.room.SetTimeline(line)
		f.after(time.Second)
		told := f.ear.count()
		again := line
		again.Points = [][2]int64{{0, 5}}
		f.room.SetTimeline(again)
		f.after(time.Second)
		if n := len(f.ear.since(told)); n != 0 {
			f.Errorf("told %d times again", n)
		}
	})
	ships(t, "EN33 a window that ended while nobody led is not told final before it is", func(f *fleet) {
		c := f.take(poll)
		f.until(c.Open.Add(time.Second))
		f.votes(c, 0, 4, "")
		f.die()
		f.until(c.Close.Add(5 * time.Second))
		away := &line{}
		away.set("ballots", errDown)
		f.lead(away)
		f.after(3 * time.Second)
		if got := f.ear.viewer(c.ID); got.State != wire.StateClosing || f.ear.tally(interact.ReachProducers, c.ID).Final {
			f.Errorf("viewers hold %s", got.State)
		}
		away.set("ballots", nil)
		f.after(2 * time.Second)
		if got := f.ear.tally(interact.ReachProducers, c.ID); f.ear.viewer(c.ID).State != wire.StateClosed || !got.Final || got.Total != 4 {
			f.Errorf("final = %+v", got)
		}
	})
	ships(t, "EN36 a reveal that waits for the light comes, whoever leads", func(f *fleet) {
		c := f.take(trivia)
		f.until(c.Open.Add(time.Second))
		f.must(f.room.RevealWhenClear(f.Context(), c.ID, "r1"))
		f.die()
		f.lead(&line{})
		f.until(c.Close.Add(2 * time.Minute))
		if got := f.ear.viewer(c.ID); got.State != wire.StateRevealed {
			f.Errorf("viewers hold %s", got.State)
		}
	})
	ships(t, "EN36 a log that was compacted gives the same counts", func(f *fleet) {
		f.compact = 3
		f.die()
		f.lead(&line{})
		var cues []wire.Cue
		for range 3 {
			c := f.take(poll)
			f.until(c.Open.Add(time.Second))
			f.votes(c, 0, 5, "")
			f.until(c.Close.Add(2 * time.Second))
			cues = append(cues, c)
		}
		f.after(2 * time.Minute)
		counts, err := f.room.Counts(f.Context())
		if err != nil || counts.Compactions == 0 {
			f.Fatalf("counts = %+v, %v", counts, err)
		}
		before := sceneOf(f)
		f.die()
		f.lead(&line{})
		if after := sceneOf(f); !reflect.DeepEqual(after.Producers, before.Producers) {
			f.Errorf("was %+v, is %+v", before.Producers, after.Producers)
		}
		for _, c := range cues {
			if got, err := f.room.Tally(f.Context(), c.ID); err != nil || !got.Final || got.Total != 5 {
				f.Errorf("tally = %+v, %v", got, err)
			}
		}
	})
}
