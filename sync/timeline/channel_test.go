package timeline_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

const t0 = timelinetest.Start

// play runs a session through c as a server does, and returns what it emitted.
func play(c *timeline.Channel, s timelinetest.Sender, returned bool) (out []timelinetest.Emitted) {
	timelinetest.Play(c, s.Frames(), returned, func(e timelinetest.Emitted) { out = append(out, e) })
	return out
}

// checkCurve checks P over everything emitted, in order of media time.
func checkCurve(t *testing.T, out []timelinetest.Emitted) {
	t.Helper()
	byMedia := slices.Clone(out)
	slices.SortStableFunc(byMedia, func(a, b timelinetest.Emitted) int { return cmp.Compare(a.Media, b.Media) })
	for i, e := range byMedia[1:] {
		b := byMedia[i]
		dx, dp := (e.Media - b.Media), int64(e.P-b.P)
		switch {
		case dx == 0 && dp != 0:
			t.Fatalf("TL4 media %d is at %d and at %d", e.Media, b.P, e.P)
		case dx > 0 && dp <= 0:
			t.Fatalf("TL3 P goes from %d to %d", b.P, e.P)
		case dx > 0 && e.Map.Epoch == b.Map.Epoch && math.Abs(float64(dp)-dx.Duration().Seconds()*1e6) > 2600e-6*dx.Duration().Seconds()*1e6+1:
			t.Fatalf("TL5 %v of media lasts %d µs", dx.Duration(), dp)
		}
	}
}

func TestReconnect(t *testing.T) {
	const day = 24 * 3600 * clock.TicksPerSecond
	c := timeline.New(t0, timeline.Config{})
	first := timelinetest.Sender{PPM: 200, Jitter: 10 * time.Millisecond, Length: 2 * time.Minute, Connect: 5 * time.Second, First: day, Seed: 1}
	out := play(c, first, false)
	for i, next := range []timelinetest.Sender{
		{Connect: 5*time.Second + 2*time.Minute + 700*time.Millisecond, First: 0},                       // new timestamps, soon
		{Connect: 5*time.Second + 4*time.Minute + 10*time.Second, First: day + 4*60*90000},              // continuing ones
		{Connect: 5*time.Second + 6*time.Minute + 40*time.Second, First: -4000, Burst: 2 * time.Second}, // a start burst
		{Connect: 5*time.Second + 8*time.Minute + 100*time.Second, PPM: -400, Jitter: time.Millisecond}, // another encoder
	} {
		next.Length, next.Seed = 2*time.Minute, uint64(i)
		if next.PPM == 0 {
			next.PPM, next.Jitter = first.PPM, first.Jitter
		}
		before := c.Map()
		edge := out[len(out)-1]
		if gap := next.Connect - edge.Arrives.Sub(t0); gap > 5*time.Second {
			c.Tick(t0.Add(next.Connect))
			if got := c.Map().State; got == timeline.Locked || got == timeline.Acquiring {
				t.Errorf("TL8 %v after %v without media", got, gap)
			}
		}
		returned := next.PPM == first.PPM
		more := play(c, next, returned)
		checkPoints(t, c.Map())
		if got := more[0].Map.Epoch; got != before.Epoch+1 {
			t.Errorf("TL1 epoch %d after %d", got, before.Epoch)
		}
		if late := more[0].P.Sub(more[0].Truth); late.Abs() > 30*time.Millisecond {
			t.Errorf("session %d starts %v late", i+2, late)
		}
		if returned {
			if early := more[30*80/2]; math.Abs(early.Map.PPM-next.PPM) > 20 {
				t.Errorf("TL12 session %d: %+.0f ppm after %v, though the encoder is known", i+2, early.Map.PPM, early.Arrives.Sub(more[0].Arrives))
			}
		}
		follows := more[0].Media.Duration() - 10*time.Second - more[0].Arrives.Sub(t0)
		if follows.Abs() > 3*time.Second {
			t.Errorf("TL1 media time is %v away from R", follows)
		}
		if end := more[len(more)-1]; end.Map.State != timeline.Locked || end.P.Sub(end.Truth).Abs() > 3*time.Millisecond {
			t.Errorf("session %d ends %v, off by %v", i+2, end.Map.State, end.P.Sub(end.Truth))
		}
		for _, e := range out[max(0, len(out)-30*60):] {
			if got := c.Map().At(e.Media); got != e.P {
				t.Fatalf("TL4 media %d was emitted at %d and is now at %d", e.Media, e.P, got)
			}
		}
		out = append(out, more...)
	}
	checkCurve(t, out)
}

func TestRepeatedMedia(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, timelinetest.Sender{Jitter: time.Millisecond, Length: time.Minute}, false)
	// The publisher comes back at once and sends its last 2 s again.
	more := play(c, timelinetest.Sender{Jitter: time.Millisecond, Length: 10 * time.Minute, Connect: time.Minute + 200*time.Millisecond, Burst: 2 * time.Second}, false)
	out = append(out, more...)
	checkCurve(t, out)
	checkPoints(t, c.Map())
	if late := more[0].P.Sub(more[0].Truth); late < 1500*time.Millisecond || late > 2500*time.Millisecond {
		t.Errorf("TL3 repeated media is placed %v behind its truth, want about 2 s", late)
	}
	before, after := more[len(more)/10], more[len(more)-1]
	took := before.P.Sub(before.Truth) - after.P.Sub(after.Truth)
	if want := after.Truth.Sub(before.Truth) * 18 / 10_000; took < want {
		t.Errorf("TL3 only %v slewed away, want %v", took, want)
	}
	if after.Map.NeedsEpoch {
		t.Error("TL10 asks for an epoch that could not help")
	}
}

func TestStates(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	if got := c.Map().State; got != timeline.Lost {
		t.Errorf("TL8 %v before the first publisher", got)
	}
	before := c.Map()
	c.Observe(timeline.Sample{DTS: 0, Arrival: t0.Add(time.Second)})
	c.Tick(t0.Add(time.Minute))
	if after := c.Map(); after.Rev != before.Rev || after.At(20*90000) != t0.Add(10*time.Second) {
		t.Errorf("TL8 something happened before the first publisher: %+v", after)
	}
	out := play(c, timelinetest.Sender{Jitter: time.Millisecond, Length: time.Minute}, false)
	last := out[len(out)-1].Arrives
	for _, step := range []struct {
		after time.Duration
		want  timeline.State
	}{
		{2 * time.Second, timeline.Locked},
		{timeline.HoldoverAfter, timeline.Holdover},
		{timeline.LostAfter - time.Second, timeline.Holdover},
		{timeline.LostAfter, timeline.Lost},
	} {
		rev := c.Map().Rev
		before := c.Map().State
		c.Tick(last.Add(step.after))
		if got := c.Map().State; got != step.want {
			t.Errorf("TL8 %v after %v without media, want %v", got, step.after, step.want)
		}
		if changed := c.Map().Rev != rev; changed != (before != step.want) {
			t.Errorf("TL9 revision changed = %v from %v to %v", changed, before, step.want)
		}
	}
}

// TestReturned: what was learnt of an encoder helps it alone.
func TestReturned(t *testing.T) {
	for _, returned := range []bool{true, false} {
		c := timeline.New(t0, timeline.Config{})
		s := timelinetest.Sender{PPM: 200, Jitter: 2 * time.Millisecond, Length: 2 * time.Minute}
		play(c, s, false)
		s.Connect, s.Length = 2*time.Minute+5*time.Second, 7*time.Second
		out := play(c, s, returned)
		if got := out[len(out)-1].Map.PPM; (got > 190) != returned {
			t.Errorf("TL12 %+.0f ppm after 7 s of an encoder of 200 ppm, returned = %v", got, returned)
		}
	}
}

func TestFallenBehind(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, timelinetest.Sender{Jitter: 5 * time.Millisecond, Length: time.Minute}, false)
	// The encoder is suspended for 2 s without noticing: its clock is late for good.
	last := out[len(out)-1]
	var needed time.Duration
	for i := range 30 * 30 {
		at := last.Arrives.Add(2*time.Second + time.Duration(i)*time.Second/30)
		c.Observe(timeline.Sample{DTS: 60*90000 + clock.Ticks(i)*3000, Arrival: at})
		if m := c.Map(); m.NeedsEpoch && needed == 0 {
			needed = at.Sub(last.Arrives.Add(2 * time.Second))
		}
	}
	if needed < 5*time.Second || needed > 8*time.Second {
		t.Errorf("TL10 new epoch asked for after %v, want 5 to 8 s", needed)
	}
	c.Begin(timeline.Sample{DTS: 90 * 90000, Arrival: last.Arrives.Add(33 * time.Second)}, false)
	if c.Map().NeedsEpoch {
		t.Error("TL10 still asks after Begin")
	}
}

func TestAliens(t *testing.T) {
	frame := time.Second / 30
	for _, tc := range []struct {
		name  string
		dts   []clock.Ticks // of one frame after the other; 0: the right one
		every time.Duration
		want  bool
	}{
		{"TL7 a single one", []clock.Ticks{1e9, 0, -1e9, 0, 1e9, 0}, frame, false},
		{"TL7 two of a kind", []clock.Ticks{1e9, 1e9 + 3000, 0, 0}, frame, false},
		{"TL7 three of a kind", []clock.Ticks{1e9, 1e9 + 3000, 1e9 + 6000}, frame, true},
		{"TL7 three that differ", []clock.Ticks{1e9, 2e9, 3e9}, frame, false},
		{"TL7 for 200 ms", []clock.Ticks{1e9, 2e9, 3e9}, 100 * time.Millisecond, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := timeline.New(t0, timeline.Config{})
			out := play(c, timelinetest.Sender{Jitter: time.Millisecond, Length: time.Minute}, false)
			before, last := c.Map(), out[len(out)-1]
			for i, dts := range tc.dts {
				if dts == 0 {
					dts = last.DTS + clock.Ticks(i+1)*3000
				}
				c.Observe(timeline.Sample{DTS: dts, Arrival: last.Arrives.Add(time.Duration(i+1) * tc.every)})
			}
			if m := c.Map(); m.NeedsEpoch != tc.want {
				t.Errorf("a new epoch is asked for: %v", m.NeedsEpoch)
			} else if !slices.Equal(m.Points, before.Points) {
				t.Error("TL7 another timeline moved P")
			}
		})
	}
}

func TestBounded(t *testing.T) {
	const hours = 6
	c := timeline.New(t0, timeline.Config{})
	c.Begin(timeline.Sample{DTS: 0, Arrival: t0}, false)
	most, revs := 0, 0
	for i := range hours * 3600 * 10 {
		rev := c.Map().Rev
		jitter := time.Duration(i*7919%31) * time.Millisecond
		c.Observe(timeline.Sample{DTS: clock.Ticks(i) * 9000, Arrival: t0.Add(time.Duration(i)*100*time.Millisecond + jitter)})
		if c.Map().Rev != rev {
			revs++
		}
		most = max(most, len(c.Map().Points))
	}
	if most > timeline.MaxPoints {
		t.Errorf("TL9 %d points, at most %d", most, timeline.MaxPoints)
	}
	if limit := hours*720 + 10; revs > limit {
		t.Errorf("TL9 %d revisions in %d h, want one per 5 s of media at most", revs, hours)
	}
}
