package cue_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// paused is taken's cue, paused from O + 5 s on, and goneOn the same resumed
// from O + 12 s on: C is 7 s later.
func paused(t testing.TB) cue.Cue {
	t.Helper()
	q, err := taken(t).Pause(o.Add(4500 * ms))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func goneOn(t testing.TB) cue.Cue {
	t.Helper()
	q, err := paused(t).Resume(o.Add(11500 * ms))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestPause(t *testing.T) {
	q := paused(t)
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.State
	}{
		{"CU11 open until p", o.Add(5*time.Second) - 1, cue.Open},
		{"CU11 paused from p on", o.Add(5 * time.Second), cue.Paused},
		{"CU11 for as long as nobody resumes", c.Add(24 * time.Hour), cue.Paused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := q.State(tc.at); got != tc.want {
				t.Errorf("state %v, want %v", got, tc.want)
			}
		})
	}
	if q.Remaining() != 15*time.Second || q.Rev != 3 {
		t.Errorf("CU11 %v left, rev %d", q.Remaining(), q.Rev)
	}
	if next, ok := q.Next(o.Add(6 * time.Second)); ok {
		t.Errorf("CU11 a paused cue changes by itself at %v", next)
	}
	if next, ok := q.Next(o.Add(4600 * ms)); !ok || next != o.Add(5*time.Second) {
		t.Errorf("CU11 next = %v", next)
	}
	for _, tc := range []struct {
		name string
		q    cue.Cue
		at   clock.Instant
		want cue.Reason
	}{
		{"CU11 not before O", taken(t), o.Add(-time.Second), cue.Conflict},
		{"CU11 not twice", q, o.Add(6 * time.Second), cue.Conflict},
		{"CU11 not twice before p", q, o.Add(4600 * ms), cue.Conflict},
		{"CU11 not within the notice of C", taken(t), c.Add(-500 * ms), cue.TooLate},
		{"CU11 just before", taken(t), c.Add(-500*ms) - 1, 0},
		{"CU11 not after C", taken(t), c, cue.Conflict},
		{"CU11 not a draft", cue.New(time.Minute), o, cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.q.Pause(tc.at); reason(t, err) != tc.want {
				t.Errorf("err = %v, want %d", err, tc.want)
			}
		})
	}
}

func TestResume(t *testing.T) {
	q := goneOn(t)
	if q.Close != c.Add(7*time.Second) || q.Rev != 4 || q.Remaining() != 15*time.Second || q.Window != 20*time.Second {
		t.Errorf("CU11 resumed = %+v", q)
	}
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.State
	}{
		{"CU11 paused until q", o.Add(12*time.Second) - 1, cue.Paused},
		{"CU11 open again", o.Add(12 * time.Second), cue.Open},
		{"CU11 until the new C", c.Add(7*time.Second) - 1, cue.Open},
		{"CU11 then closing", c.Add(7 * time.Second), cue.Closing},
		{"CU11 then closed", c.Add(7500 * ms), cue.Closed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := q.State(tc.at); got != tc.want {
				t.Errorf("state %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("CU11 resumed before it began, a pause is as short as can be", func(t *testing.T) {
		got, err := paused(t).Resume(o.Add(4700 * ms))
		if err != nil || got.Pauses[0].Resume != o.Add(5200*ms) || got.Close != c.Add(200*ms) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("CU11 only what is paused is resumed", func(t *testing.T) {
		if _, err := q.Resume(o.Add(13 * time.Second)); reason(t, err) != cue.Conflict {
			t.Errorf("err = %v", err)
		}
		void, _ := paused(t).Cancel(o.Add(6 * time.Second))
		if _, err := void.Resume(o.Add(7 * time.Second)); reason(t, err) != cue.Conflict || void.State(c) != cue.Void {
			t.Errorf("a void cue: %v", err)
		}
	})
	t.Run("CU11 again and again", func(t *testing.T) {
		again, err := q.Pause(o.Add(14 * time.Second))
		if err != nil || len(again.Pauses) != 2 || len(q.Pauses) != 1 || again.State(o.Add(8*time.Second)) != cue.Paused || again.State(o.Add(13*time.Second)) != cue.Open {
			t.Errorf("%+v, %v", again, err)
		}
		other, err := q.Pause(o.Add(16 * time.Second))
		if err != nil || again.Pauses[1] == other.Pauses[1] {
			t.Errorf("one revision changed another: %+v %+v", again.Pauses, other.Pauses)
		}
	})
}

func TestPausedCommands(t *testing.T) {
	at := o.Add(8 * time.Second)
	t.Run("CU11 extended in a pause, it has more left", func(t *testing.T) {
		got, err := paused(t).Extend(at, 10*time.Second)
		if err != nil || got.Remaining() != 25*time.Second || got.Window != 30*time.Second {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("CU3 the time of pauses is not of the window", func(t *testing.T) {
		got, err := goneOn(t).Extend(o.Add(13*time.Second), 580*time.Second)
		if err != nil || got.Window != cue.MaxWindow {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("CU11 closed in a pause, it does not open again", func(t *testing.T) {
		got, err := paused(t).CloseNow(at)
		soon := at.Add(500 * ms)
		if err != nil || got.Close != soon || got.State(soon-1) != cue.Paused || got.State(soon) != cue.Closing {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, stamp := range []clock.Instant{soon - 1, soon, soon.Add(2 * ms)} {
			if _, v := got.Judge(cue.Attempt{Stamp: stamp, Received: soon.Add(40 * ms), Dispersion: ms}); v != cue.InPause {
				t.Errorf("an answer of C%+v: verdict %d", stamp.Sub(soon), v)
			}
		}
	})
	t.Run("CU11 cancelled in a pause, it is void", func(t *testing.T) {
		if got, err := paused(t).Cancel(at); err != nil || got.State(at) != cue.Void {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("CU4 not revealed in a pause", func(t *testing.T) {
		if _, err := paused(t).Reveal(c.Add(time.Hour)); reason(t, err) != cue.Conflict {
			t.Errorf("err = %v", err)
		}
	})
}

func TestArmReveal(t *testing.T) {
	got, err := taken(t).ArmReveal(o.Add(time.Second))
	if err != nil || !got.RevealArmed || got.State(c.Add(time.Second)) != cue.Closed {
		t.Fatalf("CU4 %+v, %v", got, err)
	}
	if _, err := got.ArmReveal(o.Add(2 * time.Second)); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 twice: %v", err)
	}
	if _, err := taken(t).ArmReveal(o - 1); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 before O: %v", err)
	}
	shown, err := got.Reveal(c.Add(time.Second))
	if err != nil || shown.RevealArmed {
		t.Errorf("CU4 %+v, %v", shown, err)
	}
	if _, err := shown.ArmReveal(c.Add(2 * time.Second)); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 when it is revealed: %v", err)
	}
}

func TestJudgeInPause(t *testing.T) {
	q := goneOn(t)
	p, r, end := o.Add(5*time.Second), o.Add(12*time.Second), c.Add(7*time.Second)
	at := func(stamp, received clock.Instant) cue.Attempt {
		return cue.Attempt{Stamp: stamp, Received: received, RTTMin: 12 * ms, Jitter: 4 * ms, Dispersion: 2 * ms}
	}
	plain := func(received clock.Instant) cue.Attempt { return cue.Attempt{Received: received, RTTMin: 100 * ms} }
	for _, tc := range []struct {
		name     string
		q        cue.Cue
		a        cue.Attempt
		credited clock.Instant
		want     cue.Verdict
	}{
		{"CU11 tapped before p, received after it", q, at(p.Add(-10*ms), p.Add(60*ms)), p.Add(-10 * ms), cue.Accepted},
		{"CU11 clock error past p is granted, but credited before", q, at(p.Add(4*ms), p.Add(60*ms)), p - 1, cue.Accepted},
		{"CU11 tapped in the pause", q, at(p.Add(6*ms), p.Add(60*ms)), 0, cue.InPause},
		{"CU11 under way longer than its grace", q, at(p.Add(-1*ms), p.Add(102*ms)), 0, cue.InPause},
		{"CU11 tapped before q", q, at(r.Add(-6*ms), r.Add(20*ms)), 0, cue.InPause},
		{"CU11 clock error before q is granted, but credited after", q, at(r.Add(-4*ms), r.Add(20*ms)), r, cue.Accepted},
		{"CU11 received before q", q, at(r.Add(-4*ms), r.Add(-1*ms)), 0, cue.InPause},
		{"CU11 tapped after q", q, at(r.Add(ms), r.Add(30*ms)), r.Add(ms), cue.Accepted},
		{"CU11 the new C", q, at(end-1, end.Add(90*ms)), end - 1, cue.Accepted},
		{"CU11 and its end", q, at(end.Add(6*ms), end.Add(50*ms)), 0, cue.Late},
		{"CU11 no stamp, sent before p", q, plain(p.Add(40 * ms)), p.Add(-10 * ms), cue.Accepted},
		{"CU11 no stamp, sent in the pause", q, plain(p.Add(60 * ms)), 0, cue.InPause},
		{"CU11 no stamp, sent after q", q, plain(r.Add(50 * ms)), r, cue.Accepted},
		{"CU11 long after C as it was, not resumed", paused(t), at(c.Add(time.Hour), c.Add(time.Hour)), 0, cue.InPause},
	} {
		t.Run(tc.name, func(t *testing.T) {
			credited, got := tc.q.Judge(tc.a)
			if got != tc.want || credited != tc.credited {
				t.Errorf("verdict %d credited p%+v, want %d p%+v", got, credited.Sub(p), tc.want, tc.credited.Sub(p))
			}
		})
	}
}

// TestNothingIsCreditedInAPause checks CU11 for any pauses and any answer.
func TestNothingIsCreditedInAPause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, now := mustTake(t), o
		for range rapid.IntRange(0, 3).Draw(t, "pauses") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 4000).Draw(t, "run")) * ms)
			if next, err := q.Pause(now); err == nil {
				q = next
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, 4000).Draw(t, "rest")) * ms)
			if next, err := q.Resume(now); err == nil && rapid.IntRange(0, 4).Draw(t, "resume") > 0 {
				q = next
			}
		}
		a := attempt(t)
		credited, v := q.Judge(a)
		if v != cue.Accepted {
			return
		}
		if s := q.State(credited); s != cue.Open || credited > a.Received {
			t.Fatalf("CU11 credited O%+v, received O%+v, when it was %v: %+v", credited.Sub(o), a.Received.Sub(o), s, q)
		}
	})
}

func mustTake(t *rapid.T) cue.Cue {
	edge := cue.Edge{Media: 900_000, At: o.Add(-3 * time.Second), Live: true}
	q, err := cue.New(20*time.Second).Take(o.Add(-2900*ms), cue.Anchor{Newest: edge, Latency: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return q
}
