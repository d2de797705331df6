package demo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/sync/clock"
)

const showStart = clock.Instant(1_795_410_000_000_000)

// desk is a producer's desk that keeps the rules of the commands a rundown
// gives. It writes down when what was done.
type desk struct {
	mu    sync.Mutex // protects everything below start
	room  *clock.Room
	start time.Time
	cues  map[string]*wire.Cue
	asked []interact.Question
	keys  map[string]bool
	log   []string
	busy  bool // a visitor's cue is on
	fails error
}

func newDesk() *desk {
	now := time.Now()
	return &desk{room: clock.NewRoom(now, showStart, 1), start: now, cues: make(map[string]*wire.Cue), keys: make(map[string]bool)}
}

// at lets a visitor do something at a given time of the show.
func (d *desk) at(after time.Duration, visit func()) {
	time.AfterFunc(after, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		visit()
	})
}

func (d *desk) note(what, id string) {
	d.log = append(d.log, fmt.Sprintf("%v %s %s", time.Since(d.start), what, id))
}

func (d *desk) drafts() (n int) {
	for _, c := range d.cues {
		if c.State == wire.StateDraft {
			n++
		}
	}
	return n
}

func (d *desk) Prepare(_ context.Context, q interact.Question) (wire.Cue, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return wire.Cue{}, d.fails
	}
	if err := q.Validate(); err != nil {
		return wire.Cue{}, err
	}
	c := &wire.Cue{ID: fmt.Sprintf("q%d", len(d.asked)), State: wire.StateDraft, Window: q.Window.Milliseconds()}
	d.asked, d.cues[c.ID] = append(d.asked, q), c
	return *c, nil
}

func (d *desk) Take(_ context.Context, id, key string) (wire.Cue, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.cues[id]
	switch {
	case d.keys[key]:
		return wire.Cue{}, errors.New("key used twice")
	case !ok:
		return wire.Cue{}, interact.Errorf(interact.CodeUnknownCue, "no cue %s", id)
	case d.busy || c.State != wire.StateDraft:
		return wire.Cue{}, interact.Errorf(interact.CodeConflict, "not now")
	}
	d.keys[key] = true
	d.note("take", id)
	c.State = wire.StateScheduled
	c.Open = d.room.At(time.Now()).Add(3 * time.Second)
	c.Close = c.Open.Add(time.Duration(c.Window) * time.Millisecond)
	return *c, nil
}

func (d *desk) Reveal(_ context.Context, id, key string) (wire.Cue, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cues[id]
	if d.room.At(time.Now()) < c.Close.Add(500*time.Millisecond) || d.keys[key] {
		return wire.Cue{}, interact.Errorf(interact.CodeConflict, "still open")
	}
	d.keys[key] = true
	d.note("reveal", id)
	c.State = wire.StateRevealed
	return *c, nil
}

// produce runs a rundown for d of virtual time.
func produce(t *testing.T, d time.Duration, script func(t *testing.T, desk *desk, live *atomic.Bool)) *desk {
	var out *desk
	synctest.Test(t, func(t *testing.T) {
		out = newDesk()
		var live atomic.Bool
		live.Store(true)
		r := &demo.Rundown{Producer: out, Room: out.room, Live: live.Load}
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		done := make(chan error, 1)
		script(t, out, &live)
		go func() { done <- r.Run(ctx) }()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return out
}

func wantLog(t *testing.T, d *desk, want ...string) {
	t.Helper()
	if fmt.Sprint(d.log) != fmt.Sprint(want) {
		t.Errorf("did\n%q\nwant\n%q", d.log, want)
	}
}

func TestRundown(t *testing.T) {
	d := produce(t, 75*time.Second, func(*testing.T, *desk, *atomic.Bool) {})
	wantLog(t, d, "0s take q0", "21s reveal q0", "30s take q1", "51s reveal q1", "1m0s take q2")
}

func TestRundownWaitsForLive(t *testing.T) {
	d := produce(t, 15*time.Second, func(_ *testing.T, _ *desk, live *atomic.Bool) {
		live.Store(false)
		time.AfterFunc(10200*time.Millisecond, func() { live.Store(true) })
	})
	wantLog(t, d, "10.5s take q0")
}

func TestRundownGivesWay(t *testing.T) {
	d := produce(t, 205*time.Second, func(_ *testing.T, d *desk, _ *atomic.Bool) {
		d.at(25*time.Second, func() { d.busy = true })
		d.at(145*time.Second, func() { d.busy = false })
	})
	wantLog(t, d, "0s take q0", "21s reveal q0", "2m30s take q1", "2m51s reveal q1", "3m0s take q2", "3m21s reveal q2")
	if len(d.asked) != 3 {
		t.Errorf("%d questions prepared, want one more to find out about the first", len(d.asked))
	}
}

func TestRundownFollowsAnExtension(t *testing.T) {
	d := produce(t, 58*time.Second, func(_ *testing.T, d *desk, _ *atomic.Bool) {
		d.at(10*time.Second, func() { d.cues["q0"].Close = d.cues["q0"].Close.Add(10 * time.Second) })
	})
	wantLog(t, d, "0s take q0", "29s reveal q0", "30s take q1", "51s reveal q1")
}

func TestRundownDoesNotPileUp(t *testing.T) {
	const hours = 6
	d := produce(t, hours*time.Hour, func(t *testing.T, d *desk, _ *atomic.Bool) {
		visits := 0
		for after := time.Duration(0); after < hours*time.Hour; after += 47 * time.Second {
			d.at(after, func() { // is busy for a while, and takes or deletes drafts
				visits++
				d.busy = visits%7 > 3
				for id, c := range d.cues {
					switch {
					case c.State != wire.StateDraft:
					case visits%5 == 0:
						delete(d.cues, id)
					case visits%5 == 2:
						c.State = wire.StateClosed
					}
				}
				if n := d.drafts(); n > 2 {
					t.Errorf("%d drafts", n)
				}
			})
		}
	})
	if n := d.drafts(); n > 2 {
		t.Errorf("%d drafts are left", n)
	}
	if len(d.log) < 200 {
		t.Errorf("only %d commands in %d h", len(d.log), hours)
	}
}

func TestRundownGoesOnAfterFailure(t *testing.T) {
	d := produce(t, 95*time.Second, func(_ *testing.T, d *desk, _ *atomic.Bool) {
		d.fails = interact.Errorf(interact.CodeUnavailable, "disk full")
		d.at(50*time.Second, func() { d.fails = nil })
	})
	wantLog(t, d, "1m0s take q0", "1m21s reveal q0", "1m30s take q1")
}

func TestRundownNeedsItsParts(t *testing.T) {
	if err := new(demo.Rundown).Run(t.Context()); err == nil {
		t.Error("ran without a producer")
	}
}

func TestQuestions(t *testing.T) {
	kinds := make(map[interact.Kind]int)
	titles := make(map[string]bool)
	for _, q := range demo.Questions() {
		if err := q.WithDefaults().Validate(); err != nil {
			t.Errorf("%q: %v", q.Title, err)
		}
		kinds[q.Kind]++
		titles[q.Title] = true
	}
	if len(titles) < 12 || kinds[interact.KindPoll] < 5 || kinds[interact.KindTrivia] < 5 {
		t.Errorf("%d titles, kinds %v", len(titles), kinds)
	}
}
