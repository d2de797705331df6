package timeline_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// TestAccuracy is the acceptance of the estimator over the senders there are.
func TestAccuracy(t *testing.T) {
	stalls := []stall{{12 * time.Second, 3 * time.Second}, {90 * time.Second, 3 * time.Second}, {200 * time.Second, time.Second}, {300 * time.Second, 2 * time.Second}}
	for _, ppm := range []float64{0, 40, -40, 200, -200} {
		for _, jitter := range []time.Duration{2, 10, 30} {
			s := sender{ppm: ppm, jitter: jitter * time.Millisecond, idr: 25 * time.Millisecond, length: 20 * time.Minute, seed: uint64(jitter)}
			disturbed := s
			disturbed.burst, disturbed.stalls, disturbed.aliens = 2*time.Second, stalls, 7*time.Second
			t.Run(fmt.Sprintf("TL6 %+v ppm, jitter %v", ppm, s.jitter), func(t *testing.T) { checkSession(t, s) })
			t.Run(fmt.Sprintf("TL6 %+v ppm, jitter %v, disturbed", ppm, s.jitter), func(t *testing.T) { checkSession(t, disturbed) })
		}
	}
}

func checkSession(t *testing.T, s sender) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, s)
	var errs []time.Duration
	var locked clock.Instant
	for _, e := range out {
		if e.epoch != 1 || e.needsOne {
			t.Fatalf("epoch %d, needs one %v at %v: no cause", e.epoch, e.needsOne, e.at.Sub(t0))
		}
		if e.state != timeline.Locked {
			continue
		}
		if locked == 0 {
			locked = e.at
		}
		off := e.p.Sub(e.truth).Abs()
		if limit := s.limitAt(e.at); off > limit {
			t.Fatalf("P is off by %v at %v, limit %v", e.p.Sub(e.truth), e.at.Sub(t0), limit)
		}
		errs = append(errs, off)
	}
	if len(errs) < len(out)*9/10 {
		t.Fatalf("locked for %d of %d frames", len(errs), len(out))
	}
	slices.Sort(errs)
	p95 := errs[len(errs)*95/100]
	if p95 > 3*time.Millisecond {
		t.Errorf("p95 = %v, want at most 3ms", p95)
	}
	last := out[len(out)-1]
	if off := math.Abs(last.estimated - s.ppm); off > 5 {
		t.Errorf("estimated %+.1f ppm, want %+.1f", last.estimated, s.ppm)
	}
	t.Logf("p95 %v, max %v, locked after %v, %+.2f ppm, residual %v, %d points", p95, errs[len(errs)-1], locked.Sub(t0), last.estimated, last.residual, len(c.Map().Points))
	checkCurve(t, out)
}

// limitAt is 10 ms, or 50 ms within 10 s of a disturbance.
func (s sender) limitAt(at clock.Instant) time.Duration {
	since := at.Sub(t0.Add(s.connect))
	if s.burst > 0 && since < 10*time.Second {
		return 50 * time.Millisecond
	}
	for _, st := range s.stalls {
		if since >= st.at && since < st.at+st.dur+10*time.Second {
			return 50 * time.Millisecond
		}
	}
	return 10 * time.Millisecond
}

// checkCurve checks P over everything emitted, in order of media time.
func checkCurve(t *testing.T, out []emitted) {
	t.Helper()
	byMedia := slices.Clone(out)
	slices.SortStableFunc(byMedia, func(a, b emitted) int { return cmp.Compare(a.media, b.media) })
	for i, e := range byMedia[1:] {
		b := byMedia[i]
		dx, dp := (e.media - b.media), int64(e.p-b.p)
		switch {
		case dx == 0 && dp != 0:
			t.Fatalf("TL4 media %d is at %d and at %d", e.media, b.p, e.p)
		case dx > 0 && dp <= 0:
			t.Fatalf("TL3 P goes from %d to %d", b.p, e.p)
		case dx > 0 && e.epoch == b.epoch && math.Abs(float64(dp)-dx.Duration().Seconds()*1e6) > 2600e-6*dx.Duration().Seconds()*1e6+1:
			t.Fatalf("TL5 %v of media lasts %d µs", dx.Duration(), dp)
		}
	}
}

func TestReconnect(t *testing.T) {
	const day = 24 * 3600 * clock.TicksPerSecond
	c := timeline.New(t0, timeline.Config{})
	first := sender{ppm: 200, jitter: 10 * time.Millisecond, length: 2 * time.Minute, connect: 5 * time.Second, first: day, seed: 1}
	out := play(c, first)
	for i, next := range []sender{
		{connect: 5*time.Second + 2*time.Minute + 700*time.Millisecond, first: 0},                       // new timestamps, soon
		{connect: 5*time.Second + 4*time.Minute + 10*time.Second, first: day + 4*60*90000},              // continuing ones
		{connect: 5*time.Second + 6*time.Minute + 40*time.Second, first: -4000, burst: 2 * time.Second}, // a start burst
		{connect: 5*time.Second + 8*time.Minute + 100*time.Second, ppm: -400, jitter: time.Millisecond}, // another encoder
	} {
		next.length, next.seed = 2*time.Minute, uint64(i)
		if next.ppm == 0 {
			next.ppm, next.jitter = first.ppm, first.jitter
		}
		before := c.Map()
		edge := out[len(out)-1]
		if gap := next.connect - edge.at.Sub(t0); gap > 5*time.Second {
			c.Tick(t0.Add(next.connect))
			if got := c.Map().State; got == timeline.Locked || got == timeline.Acquiring {
				t.Errorf("TL8 %v after %v without media", got, gap)
			}
		}
		more := play(c, next)
		checkPoints(t, c.Map())
		if got := more[0].epoch; got != before.Epoch+1 {
			t.Errorf("TL1 epoch %d after %d", got, before.Epoch)
		}
		if late := more[0].p.Sub(more[0].truth); late.Abs() > 30*time.Millisecond {
			t.Errorf("session %d starts %v late", i+2, late)
		}
		if next.ppm == first.ppm {
			if early := more[30*80/2]; math.Abs(early.estimated-next.ppm) > 20 {
				t.Errorf("TL6 session %d: %+.0f ppm after %v, though the encoder is known", i+2, early.estimated, early.at.Sub(more[0].at))
			}
		}
		follows := more[0].media.Duration() - 10*time.Second - more[0].at.Sub(t0)
		if follows.Abs() > 3*time.Second {
			t.Errorf("TL1 media time is %v away from R", follows)
		}
		if end := more[len(more)-1]; end.state != timeline.Locked || end.p.Sub(end.truth).Abs() > 3*time.Millisecond {
			t.Errorf("session %d ends %v, off by %v", i+2, end.state, end.p.Sub(end.truth))
		}
		for _, e := range out[max(0, len(out)-30*60):] {
			if got := c.Map().At(e.media); got != e.p {
				t.Fatalf("TL4 media %d was emitted at %d and is now at %d", e.media, e.p, got)
			}
		}
		out = append(out, more...)
	}
	checkCurve(t, out)
}

func TestRepeatedMedia(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, sender{jitter: time.Millisecond, length: time.Minute})
	// The publisher comes back at once and sends its last 2 s again.
	more := play(c, sender{jitter: time.Millisecond, length: 10 * time.Minute, connect: time.Minute + 200*time.Millisecond, burst: 2 * time.Second})
	out = append(out, more...)
	checkCurve(t, out)
	checkPoints(t, c.Map())
	if late := more[0].p.Sub(more[0].truth); late < 1500*time.Millisecond || late > 2500*time.Millisecond {
		t.Errorf("TL3 repeated media is placed %v behind its truth, want about 2 s", late)
	}
	before, after := more[len(more)/10], more[len(more)-1]
	took := before.p.Sub(before.truth) - after.p.Sub(after.truth)
	if want := after.truth.Sub(before.truth) * 18 / 10_000; took < want {
		t.Errorf("TL3 only %v slewed away, want %v", took, want)
	}
	if after.needsOne {
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
	out := play(c, sender{jitter: time.Millisecond, length: time.Minute})
	last := out[len(out)-1].at
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

func TestFallenBehind(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, sender{jitter: 5 * time.Millisecond, length: time.Minute})
	// The encoder is suspended for 2 s without noticing: its clock is late for good.
	last := out[len(out)-1]
	var needed time.Duration
	for i := range 30 * 30 {
		at := last.at.Add(2*time.Second + time.Duration(i)*time.Second/30)
		c.Observe(timeline.Sample{DTS: 60*90000 + clock.Ticks(i)*3000, Arrival: at})
		if m := c.Map(); m.NeedsEpoch && needed == 0 {
			needed = at.Sub(last.at.Add(2 * time.Second))
		}
	}
	if needed < 5*time.Second || needed > 8*time.Second {
		t.Errorf("TL10 new epoch asked for after %v, want 5 to 8 s", needed)
	}
	c.Begin(timeline.Sample{DTS: 90 * 90000, Arrival: last.at.Add(33 * time.Second)}, false)
	if c.Map().NeedsEpoch {
		t.Error("TL10 still asks after Begin")
	}
}

func TestPersistentAliens(t *testing.T) {
	c := timeline.New(t0, timeline.Config{})
	out := play(c, sender{jitter: time.Millisecond, length: time.Minute})
	before, last := c.Map(), out[len(out)-1]
	for i := range 60 {
		c.Observe(timeline.Sample{DTS: 1e9 + clock.Ticks(i)*3000, Arrival: last.at.Add(time.Duration(i) * time.Second / 30)})
	}
	m := c.Map()
	if !m.NeedsEpoch {
		t.Error("TL7 two seconds of another timeline and no new epoch asked for")
	}
	if !slices.Equal(m.Points, before.Points) {
		t.Error("TL7 another timeline moved P")
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
