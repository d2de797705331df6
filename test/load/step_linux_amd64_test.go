package load_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// observer is a viewer that notes when it hears of states, on the monotonic
// clock of the test's process.
type observer struct {
	mu     sync.Mutex // protects what follows
	room   clock.Instant
	at     time.Time // when R was room
	states map[string]map[wire.State]time.Time
}

func (o *observer) heed(at time.Time, m wire.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch m := m.(type) {
	case *wire.Welcome:
		if o.at.IsZero() {
			o.room, o.at = m.Now, at
		}
	case *wire.CueChanged:
		o.noteLocked(m.Cue.ID, m.Cue.State, at)
	case *wire.Key:
		o.noteLocked(m.Cue, wire.StateKeyed, at)
	}
}

// noteLocked notes when a state was heard of first.
func (o *observer) noteLocked(id string, s wire.State, at time.Time) {
	if o.states[id] == nil {
		o.states[id] = make(map[wire.State]time.Time)
	}
	if _, heard := o.states[id][s]; !heard {
		o.states[id][s] = at
	}
}

// off is how much later than at the observer heard of the state.
func (o *observer) off(id string, state wire.State, at clock.Instant) (time.Duration, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	heard, ok := o.states[id][state]
	return heard.Sub(o.at) - at.Sub(o.room), ok
}

// instant is R at a moment of this process, by the first welcome alone.
func (o *observer) instant(at time.Time) clock.Instant {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room.Add(at.Sub(o.at))
}

// tolerance is far below the smallest step and far above what a busy machine
// adds.
const tolerance = 1500 * time.Millisecond

// rig is a server whose wall clock steps, with voters and somebody who watches.
type rig struct {
	*testing.T
	server *server
	wall   *steppedClock
	crowd  *crowd
	watch  *observer
}

// TestWallClockSteps steps the wall clock that the real server sees, forth and
// back, while windows are open, and restarts it.
func TestWallClockSteps(t *testing.T) {
	r := &rig{T: t, wall: new(steppedClock), watch: &observer{states: make(map[string]map[wire.State]time.Time)}}
	r.server = serverIn(t, t.TempDir(), r.wall.launch)
	r.crowd = gather(t, r.server, 16)
	r.crowd.all[0].mu.Lock()
	r.crowd.all[0].heed = r.watch.heed
	r.crowd.all[0].conn.Close() // its next welcome is the first that is heeded
	r.crowd.all[0].mu.Unlock()
	await(t, "the observer", func() bool { return !r.watch.instantKnown().IsZero() })
	for _, step := range []time.Duration{-5 * time.Second, 90 * time.Second, -2 * time.Hour} {
		r.stepInWindow(step)
	}
	r.stepOverRestart(time.Hour)
	t.Logf("the server asked %d times for the wall clock", r.wall.asked.Load())
}

func (o *observer) instantKnown() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

// stepInWindow steps the clock in the middle of a window.
func (r *rig) stepInWindow(step time.Duration) {
	r.Helper()
	cue := r.server.onAir("", 5*time.Second)
	r.heardKey(cue)
	r.server.untilOpen(cue.ID)
	r.answer(cue, r.crowd.all[:8])
	r.wall.step(step)
	r.seen(step)
	r.answer(cue, r.crowd.all[8:15])
	r.heard(cue.ID, wire.StateClosing, cue.Close)
	tally := r.server.final(cue.ID)
	if tally.Total != 15 {
		r.Errorf("ST31 %v: %d counted, want 15", step, tally.Total)
	}
	last := r.crowd.all[15]
	last.answer(cue.ID, cue.Rev, 0)
	if got := last.refusal(r.T, cue.ID); got != interact.CodeLate && got != interact.CodeClosed {
		r.Errorf("ST31 %v: an answer after the window is %q", step, got)
	}
	last.forget(cue.ID)
}

// stepOverRestart kills the server in a window; when it is back the wall clock
// is another one.
func (r *rig) stepOverRestart(step time.Duration) {
	r.Helper()
	cue := r.server.onAir("", 10*time.Second)
	r.heardKey(cue)
	r.server.untilOpen(cue.ID)
	r.answer(cue, r.crowd.all[:8])
	r.server.kill()
	r.wall.step(step)
	r.server.start()
	r.seen(step)
	r.crowd.connected(r.T)
	if got := r.server.cue(cue.ID); got.Open != cue.Open || got.Close != cue.Close {
		r.Errorf("ST31 the window was from %v to %v, and is from %v to %v", cue.Open, cue.Close, got.Open, got.Close)
	}
	r.answer(cue, r.crowd.all) // the first eight again: they would notice another receipt
	r.heard(cue.ID, wire.StateClosing, cue.Close)
	if tally := r.server.final(cue.ID); tally.Total != uint64(len(r.crowd.all)) {
		r.Errorf("ST31 %d counted after the restart, want %d", tally.Total, len(r.crowd.all))
	}
}

// seen makes sure that the step is what the server sees.
func (r *rig) seen(step time.Duration) {
	r.Helper()
	answer, err := http.Head("http://" + r.server.http + "/")
	if err != nil {
		r.Fatal(err)
	}
	answer.Body.Close()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		r.Fatal(err)
	}
	if off := date.Sub(time.Now()) - step; off.Abs() > 3*time.Second {
		r.Fatalf("the server's wall clock is %v off this machine's, want %v: nothing is shown", date.Sub(time.Now()), step)
	}
}

// answer lets voters answer and holds their receipts against this process's own
// clock.
func (r *rig) answer(cue wire.Cue, voters []*voter) {
	r.Helper()
	sent := make([]time.Time, len(voters))
	again := make([]bool, len(voters))
	for i, v := range voters {
		v.mu.Lock()
		_, again[i] = v.receipts[cue.ID]
		v.mu.Unlock()
		sent[i] = time.Now()
		v.answer(cue.ID, cue.Rev, i%options)
	}
	for i, v := range voters {
		v.wait(r.T, "the receipt", func() bool { _, owed := v.owed[cue.ID]; return !owed })
		got := v.receipt(r.T, cue.ID)
		if off := got.At.Sub(r.watch.instant(sent[i])); !again[i] && off.Abs() > tolerance {
			r.Errorf("ST31 %s is credited %v off", v.participant, off)
		}
	}
}

// heard waits until the observer has heard of a state, and wants that at the
// state's instant.
func (r *rig) heard(id string, state wire.State, at clock.Instant) {
	r.Helper()
	var off time.Duration
	await(r.T, "a cue that is "+string(state), func() bool {
		var ok bool
		off, ok = r.watch.off(id, state, at)
		return ok
	})
	if off < -50*time.Millisecond || off > tolerance {
		r.Errorf("ST31 %s was %s %v after its instant", id, state, off)
	}
}

// heardKey waits until the observer has a cue's key, from which it knows O.
func (r *rig) heardKey(q wire.Cue) {
	r.Helper()
	r.heard(q.ID, wire.StateKeyed, q.Open.Add(-cue.KeyLead))
}

// forget takes an answer back that will never have a receipt.
func (v *voter) forget(cue string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.owed, cue)
}
