package cue_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

const ms = time.Millisecond

// o and c are O and C of the cue that taken returns.
var (
	o = clock.Instant(1_795_410_000_000_000)
	c = o.Add(20 * time.Second)
)

// taken returns a cue of 20 s, taken three seconds before it opens.
func taken(t testing.TB) cue.Cue {
	t.Helper()
	edge := cue.Edge{Media: 900_000, At: o.Add(-3 * time.Second), Live: true}
	got, err := cue.New(20*time.Second).Take(o.Add(-2900*ms), cue.Anchor{Newest: edge, Latency: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestState(t *testing.T) {
	q := taken(t)
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.State
	}{
		{"CU1 armed from the moment it is taken", o.Add(-2900 * ms), cue.Armed},
		{"CU1 armed until κ before O", o.Add(-400*ms) - 1, cue.Armed},
		{"CU1 keyed from κ before O", o.Add(-400 * ms), cue.Keyed},
		{"CU1 keyed until O", o - 1, cue.Keyed},
		{"CU1 O is inside the window", o, cue.Open},
		{"CU1 open until C", c - 1, cue.Open},
		{"CU1 C is outside the window", c, cue.Closing},
		{"CU1 closing until the last grace", c.Add(500*ms) - 1, cue.Closing},
		{"CU1 closed when no grace is left", c.Add(500 * ms), cue.Closed},
		{"CU1 closed for good", c.Add(1000 * time.Hour), cue.Closed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := q.State(tc.at); got != tc.want {
				t.Errorf("state = %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("CU1 a draft stays one", func(t *testing.T) {
		if got := cue.New(time.Minute).State(c); got != cue.Draft {
			t.Errorf("state = %v", got)
		}
	})
	t.Run("CU1 viewers hear of a far cue 10 s before O", func(t *testing.T) {
		now := o.Add(-15 * time.Second)
		far, err := cue.New(time.Minute).Take(now, cue.Anchor{Newest: cue.Edge{At: now, Live: true}, Latency: 15 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := far.State(o.Add(-10*time.Second) - 1); got != cue.Scheduled {
			t.Errorf("just before: %v, want scheduled", got)
		}
		if got := far.State(o.Add(-10 * time.Second)); got != cue.Armed {
			t.Errorf("then: %v, want armed", got)
		}
	})
}

func TestNextVisitsEveryStateOnce(t *testing.T) {
	q, now := taken(t), o.Add(-2900*ms)
	var seen []cue.State
	for {
		seen = append(seen, q.State(now))
		next, ok := q.Next(now)
		if !ok {
			break
		}
		if next <= now || q.State(next-1) != q.State(now) {
			t.Fatalf("CU1 next after %v is %v, state before it %v", now, next, q.State(next-1))
		}
		now = next
	}
	want := []cue.State{cue.Armed, cue.Keyed, cue.Open, cue.Closing, cue.Closed}
	if len(seen) != len(want) {
		t.Fatalf("CU1 states %v, want %v", seen, want)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("CU1 states %v, want %v", seen, want)
		}
	}
}

// TestStateOnlyGrows checks CU1 for any window, latency and pair of instants.
func TestStateOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.Int64Range(3, 600).Draw(t, "window")) * time.Second
		latency := time.Duration(rapid.Int64Range(1500, 60_000).Draw(t, "latency")) * ms
		q, err := cue.New(window).Take(o, cue.Anchor{Latency: latency})
		if err != nil {
			t.Fatal(err)
		}
		a := o.Add(time.Duration(rapid.Int64Range(0, 700_000).Draw(t, "a")) * ms)
		b := a.Add(time.Duration(rapid.Int64Range(0, 700_000).Draw(t, "b")) * ms)
		if q.State(a) > q.State(b) {
			t.Fatalf("CU1 %v at %v, but %v at %v", q.State(a), a, q.State(b), b)
		}
	})
}

func TestSight(t *testing.T) {
	for _, tc := range []struct {
		name  string
		state cue.State
		live  bool
		want  cue.Sight
	}{
		{"CU5 nothing of a draft", cue.Draft, true, cue.Sight{}},
		{"CU5 nothing of a scheduled cue", cue.Scheduled, true, cue.Sight{}},
		{"CU5 only the instants of an armed cue", cue.Armed, true, cue.Sight{Cue: true, Seal: true}},
		{"CU5 the text from κ before O", cue.Keyed, true, cue.Sight{Cue: true, Seal: true, Text: true}},
		{"CU5 live bars while it is open", cue.Open, true, cue.Sight{Cue: true, Seal: true, Text: true, Tally: true}},
		{"CU5 no bars before reveal otherwise", cue.Open, false, cue.Sight{Cue: true, Seal: true, Text: true}},
		{"CU5 the final live tally", cue.Closed, true, cue.Sight{Cue: true, Seal: true, Text: true, Tally: true}},
		{"CU5 closed is not revealed", cue.Closed, false, cue.Sight{Cue: true, Seal: true, Text: true}},
		{"CU5 all once revealed", cue.Revealed, false, cue.Sight{Cue: true, Seal: true, Text: true, Tally: true, Correct: true}},
		{"CU5 a cancelled cue was never shown", cue.Cancelled, true, cue.Sight{Cue: true}},
		{"CU5 a void cue is taken off", cue.Void, true, cue.Sight{Cue: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.state.Sight(tc.live); got != tc.want {
				t.Errorf("sight = %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestStateNames(t *testing.T) {
	for s := cue.Draft; s <= cue.Void; s++ {
		if got := s.String(); got == "" || got[0] == 's' && got != "scheduled" {
			t.Errorf("CU1 state %d is called %q", uint8(s), got)
		}
	}
}
