package cue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/cue"
)

func TestTakeAtAPicture(t *testing.T) {
	now := o
	newest := cue.Edge{Media: 900_000, At: now.Add(-40 * ms), Live: true}
	for _, tc := range []struct {
		name  string
		at    clock.Instant
		open  clock.Instant
		want  cue.Reason
		words string
	}{
		{"CU2 O is exactly that picture plus L", now.Add(-1234567 * time.Microsecond), now.Add(1765433 * time.Microsecond), 0, ""},
		{"CU2 the oldest that leaves the lead", now.Add(-1500 * ms), now.Add(1500 * ms), 0, ""},
		{"CU2 an older one says by how much", now.Add(-1840 * ms), 0, cue.TooLate, "340 ms"},
		{"CU2 a preview may be a second ahead", newest.At.Add(time.Second), newest.At.Add(4 * time.Second), 0, ""},
		{"CU2 not more", newest.At.Add(1250 * ms), 0, cue.TooLate, "1250 ms ahead"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := cue.New(20*time.Second).Take(now, cue.Anchor{Newest: newest, At: tc.at, Media: 777, Latency: 3 * time.Second})
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want %d", err, tc.want)
			}
			if err != nil {
				if !strings.Contains(err.Error(), tc.words) {
					t.Errorf("%q does not say %q", err, tc.words)
				}
				return
			}
			if got.Open != tc.open || got.Media != 777 || !got.Anchored || got.Latency != 3*time.Second {
				t.Errorf("got %+v, want O = %d", got, tc.open)
			}
		})
	}
	t.Run("CU2 where L is shorter than the lead, T is a picture to come", func(t *testing.T) {
		got, err := cue.New(time.Minute).Take(now, cue.Anchor{Newest: newest, Latency: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		// O = now + 1.5 s shows the picture of now + 0.5 s, 0.54 s after the newest.
		if got.Open != now.Add(cue.MinLead) || got.Media != newest.Media+clock.TicksOf(540*ms) {
			t.Errorf("O = now%+v, T = newest + %d ticks", got.Open.Sub(now), got.Media-newest.Media)
		}
	})
}

// scheduled is a cue that opens at o, taken a minute before, with L = 3 s.
func scheduled(t testing.TB) cue.Cue {
	t.Helper()
	now := o.Add(-time.Minute)
	got, err := cue.New(20*time.Second).Take(now, cue.Anchor{
		Newest: cue.Edge{Media: 900_000, At: now, Live: true}, Open: o, Media: 6_030_000, Latency: 3 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTakeScheduled(t *testing.T) {
	q := scheduled(t)
	if q.Open != o || q.Close != c || q.Arm != o.Add(-10*time.Second) || q.State(o.Add(-time.Minute)) != cue.Scheduled {
		t.Errorf("CU2 scheduled = %+v", q)
	}
	for _, tc := range []struct {
		name string
		a    cue.Anchor
		want cue.Reason
	}{
		{"CU2 too soon", cue.Anchor{Open: o.Add(cue.MinLead - 1)}, cue.TooLate},
		{"CU2 just in time", cue.Anchor{Open: o.Add(cue.MinLead)}, 0},
		{"CU2 a day ahead", cue.Anchor{Open: o.Add(cue.MaxAhead)}, 0},
		{"CU2 more", cue.Anchor{Open: o.Add(cue.MaxAhead) + 1}, cue.Conflict},
		{"CU2 a picture and an opening", cue.Anchor{Open: o.Add(time.Minute), At: o}, cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := cue.New(time.Minute).Take(o, tc.a); reason(t, err) != tc.want {
				t.Errorf("err = %v, want %d", err, tc.want)
			}
		})
	}
}

func TestMove(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   clock.Instant
		by   time.Duration
		want cue.Reason
	}{
		{"CU12 later", o.Add(-time.Minute), 10 * time.Second, 0},
		{"CU12 earlier", o.Add(-time.Minute), -50 * time.Second, 0},
		{"CU12 not nearer than the lead", o.Add(-time.Minute), -58501 * ms, cue.TooLate},
		{"CU12 while it is armed", o.Add(-5 * time.Second), 10 * time.Second, 0},
		{"CU12 until 2 s before O", o.Add(-2 * time.Second), time.Second, 0},
		{"CU12 O is fixed from then on", o.Add(-2*time.Second) + 1, time.Second, cue.TooLate},
		{"CU12 not while it is open", o, time.Second, cue.Conflict},
		{"CU12 by nothing", o.Add(-time.Minute), 0, cue.Conflict},
		{"CU12 by more than a day", o.Add(-time.Minute), 25 * time.Hour, cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := scheduled(t)
			got, err := q.Move(tc.at, tc.by)
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want %d", err, tc.want)
			}
			if err == nil && (got.Open != o.Add(tc.by) || got.Close != c.Add(tc.by) || got.Media != q.Media+clock.TicksOf(tc.by) || got.Rev != 3) {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("CU12 who was told stays told", func(t *testing.T) {
		at := o.Add(-5 * time.Second)
		got, err := scheduled(t).Move(at, time.Hour)
		if err != nil || got.State(at) != cue.Armed {
			t.Errorf("state %v, %v", got.State(at), err)
		}
	})
	t.Run("CU12 a draft and a withdrawn cue stay", func(t *testing.T) {
		if _, err := cue.New(time.Minute).Move(o, time.Second); reason(t, err) != cue.Conflict {
			t.Error("a draft moved")
		}
		gone, _ := scheduled(t).Cancel(o.Add(-time.Minute))
		if _, err := gone.Move(o.Add(-time.Minute), time.Second); reason(t, err) != cue.Conflict {
			t.Error("a cancelled cue moved")
		}
	})
}

func TestEditTaken(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.Reason
	}{
		{"CU12 a text may change until 2 s before O", o.Add(-2 * time.Second), 0},
		{"CU12 not later", o.Add(-2*time.Second) + 1, cue.TooLate},
		{"CU12 not while it is open", o.Add(time.Second), cue.Conflict},
		{"CU12 not when it is closed", c.Add(time.Second), cue.Conflict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := taken(t).Edit(tc.at, 30*time.Second)
			if reason(t, err) != tc.want {
				t.Fatalf("err = %v, want %d", err, tc.want)
			}
			if err == nil && (got.Open != o || got.Close != o.Add(30*time.Second) || got.Rev != 3) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRetarget(t *testing.T) {
	at := o.Add(-30 * time.Second)
	q := scheduled(t)
	got, ok, err := q.Retarget(at, 3500*ms)
	if err != nil || !ok || got.Open != o.Add(500*ms) || got.Close != c.Add(500*ms) || got.Media != q.Media || got.Rev != 3 || got.Latency != 3500*ms {
		t.Errorf("CU12 O = o%+v, T %d, %v %v", got.Open.Sub(o), got.Media, ok, err)
	}
	if _, ok, _ := got.Retarget(at, 3500*ms); ok {
		t.Error("CU12 the same L again changed something")
	}
	if _, ok, _ := taken(t).Retarget(o.Add(-2900*ms), 4*time.Second); ok {
		t.Error("CU12 an armed cue got another O")
	}
	wall, _ := cue.New(time.Minute).Take(at, cue.Anchor{Open: o, Latency: 3 * time.Second})
	if _, ok, _ := wall.Retarget(at, 4*time.Second); ok {
		t.Error("CU12 a cue on the clock alone got another O")
	}
	long, _ := cue.New(time.Minute).Take(at, cue.Anchor{Newest: cue.Edge{Live: true, At: at}, Latency: 20 * time.Second})
	if _, _, err := long.Retarget(at, time.Second); reason(t, err) != cue.TooLate {
		t.Errorf("CU12 O in the past: %v", err)
	}
}

func TestOrphan(t *testing.T) {
	stopped := o.Add(-30 * time.Second)
	q, ok := scheduled(t).Orphan(stopped, true)
	if !ok || q.Rev != 3 {
		t.Fatalf("CU13 not held: %+v", q)
	}
	for _, tc := range []struct {
		name string
		at   clock.Instant
		want cue.State
	}{
		{"CU13 held where it was", stopped, cue.Scheduled},
		{"CU13 not armed", o.Add(-9 * time.Second), cue.Scheduled},
		{"CU13 until it could not be armed in time", o.Add(-cue.MinLead) - 1, cue.Scheduled},
		{"CU13 then it is cancelled", o.Add(-cue.MinLead), cue.Cancelled},
		{"CU13 for good", c.Add(time.Hour), cue.Cancelled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := q.State(tc.at); got != tc.want {
				t.Errorf("state %v, want %v", got, tc.want)
			}
			if next, ok := q.Next(tc.at); ok != (tc.want == cue.Scheduled) || ok && next != o.Add(-cue.MinLead) {
				t.Errorf("next %v %v", next, ok)
			}
		})
	}
	t.Run("CU13 an armed one stays armed and is never keyed", func(t *testing.T) {
		armed, ok := scheduled(t).Orphan(o.Add(-5*time.Second), true)
		if !ok || armed.State(o.Add(-4*time.Second)) != cue.Armed || armed.State(o.Add(-cue.KeyLead)) != cue.Cancelled {
			t.Errorf("%v, then %v", armed.State(o.Add(-4*time.Second)), armed.State(o.Add(-cue.KeyLead)))
		}
	})
	t.Run("CU13 the picture comes back", func(t *testing.T) {
		back, ok := q.Orphan(o.Add(-8*time.Second), false)
		if !ok || back.State(o.Add(-8*time.Second)) != cue.Armed || back.State(o) != cue.Open || back.Open != o {
			t.Errorf("%v %+v", ok, back)
		}
	})
	t.Run("CU13 a fixed cue opens anyway", func(t *testing.T) {
		if _, ok := scheduled(t).Orphan(o.Add(-cue.PinLead), true); ok {
			t.Error("held when O was fixed")
		}
	})
	t.Run("CU13 a cue on the clock alone has no picture to lose", func(t *testing.T) {
		wall, _ := cue.New(time.Minute).Take(stopped, cue.Anchor{Open: o})
		if _, ok := wall.Orphan(stopped, true); ok {
			t.Error("held")
		}
	})
	t.Run("CU13 the producer takes it anyway", func(t *testing.T) {
		if _, err := q.Take(stopped, cue.Anchor{}); reason(t, err) != cue.Conflict {
			t.Errorf("without anyway: %v", err)
		}
		got, err := q.Take(o.Add(-3*time.Second), cue.Anchor{Anyway: true})
		if err != nil || got.Open != o || got.State(o.Add(-3*time.Second)) != cue.Armed || got.State(o) != cue.Open || got.Anchored || got.Media != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, ok := got.Orphan(o.Add(-3*time.Second), true); ok {
			t.Error("held again")
		}
		if _, err := q.Take(o.Add(-cue.MinLead), cue.Anchor{Anyway: true}); reason(t, err) != cue.Conflict {
			t.Errorf("when it was cancelled: %v", err)
		}
		if _, err := scheduled(t).Take(stopped, cue.Anchor{Anyway: true}); reason(t, err) != cue.Conflict {
			t.Errorf("one that has its picture: %v", err)
		}
	})
	t.Run("CU13 the producer cancels it", func(t *testing.T) {
		got, err := q.Cancel(o.Add(-3 * time.Second))
		if err != nil || got.State(o) != cue.Cancelled {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("CU13 nothing counts for it", func(t *testing.T) {
		if _, v := q.Judge(cue.Attempt{Received: o.Add(time.Second)}); v != cue.Finished {
			t.Errorf("verdict %d", v)
		}
	})
}

func TestMend(t *testing.T) {
	q := taken(t)
	for _, tc := range []struct {
		name      string
		q         cue.Cue
		from, now clock.Instant
		by        time.Duration // zero if nothing changes
	}{
		{"CU14 an outage inside the window", q, o.Add(5 * time.Second), o.Add(12 * time.Second), 7 * time.Second},
		{"CU14 one that began before O", q, o.Add(-5 * time.Second), o.Add(3 * time.Second), 3 * time.Second},
		{"CU14 one that outlasted the window", q, c.Add(-2 * time.Second), c.Add(time.Minute), 62 * time.Second},
		{"CU14 one after it", q, c, c.Add(time.Minute), 0},
		{"CU14 one before it", q, o.Add(-5 * time.Second), o.Add(-time.Second), 0},
		{"CU14 a draft", cue.New(time.Minute), o, c, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := tc.q.Mend(tc.from, tc.now)
			if ok != (tc.by != 0) || got.Close != tc.q.Close.Add(tc.by) || ok && got.Rev != tc.q.Rev+1 {
				t.Errorf("%v, C%+v", ok, got.Close.Sub(tc.q.Close))
			}
		})
	}
}
