package cue_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

// reason returns why err refuses, 0 if it is nil.
func reason(t *testing.T, err error) cue.Reason {
	t.Helper()
	if err == nil {
		return 0
	}
	r, ok := errors.AsType[*cue.Refused](err)
	if !ok {
		t.Fatalf("error %v is not a refusal", err)
	}
	return r.Reason
}

func TestTake(t *testing.T) {
	now := o
	for _, tc := range []struct {
		name    string
		edge    cue.Edge
		latency time.Duration
		open    clock.Instant
		want    cue.Reason
	}{
		{"CU2 O is the newest picture plus L", cue.Edge{Media: 7, At: now.Add(-40 * ms), Live: true}, 3 * time.Second, now.Add(2960 * ms), 0},
		{"CU2 a lead of 1.5 s is enough", cue.Edge{Media: 7, At: now.Add(-1500 * ms), Live: true}, 3 * time.Second, now.Add(1500 * ms), 0},
		{"CU2 less is too late", cue.Edge{Media: 7, At: now.Add(-1500*ms) - 1, Live: true}, 3 * time.Second, 0, cue.TooLate},
		{"CU2 a picture that stands still is too late", cue.Edge{At: now.Add(-time.Minute), Live: true}, 3 * time.Second, 0, cue.TooLate},
		{"CU2 without a picture O is L ahead", cue.Edge{At: 1, Media: 9}, 3 * time.Second, now.Add(3 * time.Second), 0},
		{"CU2 but never less than the lead", cue.Edge{}, 200 * ms, now.Add(1500 * ms), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			draft := cue.New(20 * time.Second)
			got, err := draft.Take(now, cue.Anchor{Newest: tc.edge, Latency: tc.latency})
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want reason %d", err, tc.want)
			}
			if err != nil {
				if !reflect.DeepEqual(got, draft) {
					t.Errorf("a refused take changed the cue: %+v", got)
				}
				return
			}
			if got.Open != tc.open || got.Close != tc.open.Add(20*time.Second) || got.Rev != 2 {
				t.Errorf("got %+v, want O = %v", got, tc.open)
			}
			if got.Anchored != tc.edge.Live || got.Anchored && got.Media != tc.edge.Media || !got.Anchored && got.Media != 0 {
				t.Errorf("anchored = %v at %d, picture %+v", got.Anchored, got.Media, tc.edge)
			}
		})
	}
	t.Run("CU2 a cue is taken once", func(t *testing.T) {
		if _, err := taken(t).Take(now, cue.Anchor{Latency: time.Second}); reason(t, err) != cue.Conflict {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("CU2 a draft can be edited", func(t *testing.T) {
		if got, err := cue.New(time.Second).Edit(o, time.Minute); err != nil || got.Rev != 2 || got.Window != time.Minute {
			t.Errorf("edited draft = %+v, %v", got, err)
		}
	})
}

func TestExtend(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   clock.Instant
		by   time.Duration
		want cue.Reason
	}{
		{"CU3 before it opens", o.Add(-time.Second), 10 * time.Second, 0},
		{"CU3 while it is open", o.Add(time.Second), 10 * time.Second, 0},
		{"CU3 up to the notice", c.Add(-500 * ms), 10 * time.Second, 0},
		{"CU3 not inside the notice", c.Add(-500*ms) + 1, 10 * time.Second, cue.TooLate},
		{"CU3 not in the grace", c.Add(100 * ms), 10 * time.Second, cue.TooLate},
		{"CU3 not when it is closed", c.Add(time.Second), 10 * time.Second, cue.Conflict},
		{"CU3 to ten minutes in all", o.Add(time.Second), 580 * time.Second, 0},
		{"CU3 no further", o.Add(time.Second), 580*time.Second + time.Microsecond, cue.Conflict},
		{"CU3 by nothing", o.Add(time.Second), 0, cue.Conflict},
		{"CU3 backwards", o.Add(time.Second), -time.Second, cue.Conflict},
		{"CU3 by longer than arithmetic holds", o.Add(time.Second), 1<<63 - 1, cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := taken(t)
			got, err := before.Extend(tc.at, tc.by)
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want reason %d", err, tc.want)
			}
			if err == nil && (got.Close != c.Add(tc.by) || got.Open != o || got.Rev != before.Rev+1 || got.Window != 20*time.Second+tc.by) {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("CU3 a draft has nothing to extend", func(t *testing.T) {
		if _, err := cue.New(time.Second).Extend(o, time.Second); reason(t, err) != cue.Conflict {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCloseNow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		at    clock.Instant
		close clock.Instant
		want  cue.Reason
	}{
		{"CU3 closes half a second from now", o.Add(4 * time.Second), o.Add(4500 * ms), 0},
		{"CU3 right after O", o, o.Add(500 * ms), 0},
		{"CU3 never later than it would have", c.Add(-100 * ms), c, 0},
		{"CU3 not before O", o - 1, 0, cue.Conflict},
		{"CU3 not after C", c, 0, cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := taken(t).CloseNow(tc.at)
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want reason %d", err, tc.want)
			}
			if err == nil && (got.Close != tc.close || got.ClosedEarly != (tc.close < c) || got.Rev != 3) {
				t.Errorf("got %+v, want C = %v", got, tc.close)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.State
	}{
		{"CU4 early", o.Add(-2 * time.Second), cue.Cancelled},
		{"CU4 up to the notice", o.Add(-500 * ms), cue.Cancelled},
		{"CU4 void once it may be seen", o.Add(-500*ms) + 1, cue.Void},
		{"CU4 void while open", o.Add(time.Second), cue.Void},
		{"CU4 void in the grace", c.Add(time.Millisecond), cue.Void},
		{"CU4 void after the close", c.Add(time.Hour), cue.Void},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := taken(t).Cancel(tc.at)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.State(tc.at); s != tc.want || got.Rev != 3 {
				t.Errorf("state = %v of %+v, want %v", s, got, tc.want)
			}
			if s := got.State(c.Add(time.Hour)); s != tc.want {
				t.Errorf("an hour later %v", s)
			}
			if _, err := got.Cancel(tc.at); reason(t, err) != cue.Conflict {
				t.Errorf("cancelled twice: %v", err)
			}
		})
	}
	t.Run("CU4 the notice is longer than the key lead", func(t *testing.T) {
		if cue.Notice <= cue.KeyLead {
			t.Error("a cue cancelled in time could have been shown")
		}
	})
	t.Run("CU4 a draft is deleted, not cancelled", func(t *testing.T) {
		if _, err := cue.New(time.Second).Cancel(o); reason(t, err) != cue.Conflict {
			t.Errorf("err = %v", err)
		}
	})
}

func TestReveal(t *testing.T) {
	q := taken(t)
	_, err := q.Reveal(c.Add(200 * ms))
	if reason(t, err) != cue.Conflict || !strings.Contains(err.Error(), "0.3 s") {
		t.Errorf("CU4 in the grace: %v, want when it will be possible", err)
	}
	if _, err := cue.New(time.Second).Reveal(c); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 a draft was revealed: %v", err)
	}
	got, err := q.Reveal(c.Add(500 * ms))
	if err != nil || got.State(c.Add(500*ms)) != cue.Revealed || got.Rev != 3 {
		t.Errorf("CU4 revealed = %+v, %v", got, err)
	}
	if _, err := got.Reveal(c.Add(time.Minute)); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 revealed twice: %v", err)
	}
	if _, err := got.Cancel(c.Add(time.Minute)); reason(t, err) != cue.Conflict {
		t.Errorf("CU4 a revealed cue was withdrawn: %v", err)
	}
}

// TestCommandsKeepTheCueSound drives a cue with any commands at any times.
func TestCommandsKeepTheCueSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := o
		q := cue.New(time.Duration(rapid.Int64Range(3, 600).Draw(t, "window")) * time.Second)
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 30_000).Draw(t, "wait")) * ms)
			next, err := command(t, q, now)
			if err != nil {
				if !reflect.DeepEqual(next, q) {
					t.Fatalf("CU1 a refused command changed %+v to %+v", q, next)
				}
				continue
			}
			if next.Rev != q.Rev+1 {
				t.Fatalf("CU1 rev %d after %d", next.Rev, q.Rev)
			}
			if q.Taken && next.Open != q.Open && now > q.Open.Add(-cue.PinLead) {
				t.Fatalf("CU12 O moved from %v to %v, %v before it", q.Open, next.Open, q.Open.Sub(now))
			}
			if next.Taken && (next.Close <= next.Open || next.Window > cue.MaxWindow) {
				t.Fatalf("CU3 window [%v, %v)", next.Open, next.Close)
			}
			for i, p := range next.Pauses {
				if p.Resume != 0 && p.Resume < p.At || p.Resume == 0 && i < len(next.Pauses)-1 || i > 0 && p.At < next.Pauses[i-1].Resume {
					t.Fatalf("CU11 pauses %+v", next.Pauses)
				}
			}
			if q.State(now) >= cue.Keyed && next.Cancelled {
				t.Fatalf("CU4 %v cue became cancelled, as if nobody had seen it", q.State(now))
			}
			q = next
		}
	})
}

func command(t *rapid.T, q cue.Cue, now clock.Instant) (cue.Cue, error) {
	switch rapid.IntRange(0, 9).Draw(t, "command") {
	case 0:
		edge := cue.Edge{At: now.Add(-50 * ms), Live: rapid.Bool().Draw(t, "live")}
		return q.Take(now, cue.Anchor{
			Newest: edge, Latency: time.Duration(rapid.Int64Range(1500, 20_000).Draw(t, "latency")) * ms,
			Anyway: rapid.Bool().Draw(t, "anyway"),
		})
	case 1:
		return q.Extend(now, time.Duration(rapid.Int64Range(-1000, 700_000).Draw(t, "by"))*ms)
	case 2:
		return q.CloseNow(now)
	case 3:
		return q.Cancel(now)
	case 4:
		return q.Pause(now)
	case 5:
		return q.Resume(now)
	case 6:
		return q.Move(now, time.Duration(rapid.Int64Range(-20_000, 40_000).Draw(t, "by"))*ms)
	case 7:
		return q.Edit(now, time.Duration(rapid.Int64Range(3, 600).Draw(t, "window"))*time.Second)
	case 8:
		return q.ArmReveal(now)
	default:
		return q.Reveal(now)
	}
}
