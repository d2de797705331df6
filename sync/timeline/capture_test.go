package timeline_test

import (
	"math"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// every reads the encoder's clock with one frame in n.
func every(n int, read func(clock.Instant) clock.Instant) func(clock.Instant, int) clock.Instant {
	return func(i clock.Instant, frame int) clock.Instant {
		if frame%n != 0 {
			return 0
		}
		return read(i)
	}
}

// ahead is a clock that is d ahead of R.
func ahead(d time.Duration) func(clock.Instant) clock.Instant {
	return func(i clock.Instant) clock.Instant { return i.Add(d) }
}

// from reads another clock from a moment on, after the one before.
func from(after time.Duration, before, then func(clock.Instant) clock.Instant) func(clock.Instant) clock.Instant {
	return func(i clock.Instant) clock.Instant {
		if i.Sub(t0) < after {
			return before(i)
		}
		return then(i)
	}
}

func silent(clock.Instant) clock.Instant { return 0 }

// TestCapture checks a session of 10 min in which the encoder's clock does
// something: P never steps, and where it is in the end.
func TestCapture(t *testing.T) {
	const right = timelinetest.Delay
	trusting := timeline.Config{TrustEncoder: true}
	for _, tc := range []struct {
		name  string
		cfg   timeline.Config
		clock func(clock.Instant, int) clock.Instant
		// lead is by how much P is before the earliest arrival, in the end.
		lead time.Duration
	}{
		{"TL20 true capture, several a second", trusting, every(9, ahead(0)), right},
		{"TL20 true capture, every 5 s", trusting, every(400, ahead(0)), right},
		{"TL20 not trusted", timeline.Config{}, every(9, ahead(-100*time.Millisecond)), 0},
		{"TL20 trusted as it is, 300 ms off", trusting, every(9, ahead(-300*time.Millisecond)), right + 300*time.Millisecond},
		{"TL20 ahead of R", trusting, every(9, ahead(300*time.Millisecond)), right - 300*time.Millisecond},
		{"TL20 out of bound", trusting, every(9, ahead(-600*time.Millisecond)), 0},
		{"TL20 out of bound, ahead", trusting, every(9, ahead(time.Hour)), 0},
		{"TL20 appears in mid-session", trusting, every(9, from(time.Minute, silent, ahead(-50*time.Millisecond))), right + 50*time.Millisecond},
		{"TL20 goes away", trusting, every(9, from(time.Minute, ahead(-50*time.Millisecond), silent)), right + 50*time.Millisecond},
		{"TL21 is set by 100 ms", trusting, every(9, from(time.Minute, ahead(0), ahead(-100*time.Millisecond))), right + 100*time.Millisecond},
		{"TL21 is set by an hour", trusting, every(9, from(time.Minute, ahead(0), ahead(time.Hour))), 0},
		{"TL21 a leap second", trusting, every(9, from(time.Minute, ahead(0), ahead(-time.Second))), 0},
		{"TL21 stray readings", trusting, func(i clock.Instant, n int) clock.Instant {
			if n%50 == 7 {
				return i.Add(time.Duration(n%5-2) * 100 * time.Millisecond)
			}
			return i
		}, right},
		{"TL21 stands still", trusting, every(9, func(clock.Instant) clock.Instant { return t0 }), right},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := timelinetest.Sender{PPM: 40, Jitter: 5 * time.Millisecond, Length: 10 * time.Minute, Clock: tc.clock}
			out := play(timeline.New(t0, tc.cfg), s, false)
			checkCurve(t, out)
			last := out[len(out)-1]
			if got := last.Truth.Sub(last.P); (got - tc.lead).Abs() > 2*time.Millisecond {
				t.Errorf("P is %v before the earliest arrival, want %v", got, tc.lead)
			}
			if last.Map.State != timeline.Locked {
				t.Errorf("%v, error %v, residual %v", last.Map.State, last.Map.Error, last.Map.Residual)
			}
			if off := math.Abs(last.Map.PPM - s.PPM); off > 5 {
				t.Errorf("%+.1f ppm, want %+.1f", last.Map.PPM, s.PPM)
			}
			if last.Map.Epoch != 1 || last.Map.NeedsEpoch {
				t.Errorf("epoch %d, another one wanted: %v", last.Map.Epoch, last.Map.NeedsEpoch)
			}
		})
	}
}

// TestCaptureTellsRate: bursts of whole segments say little of the rate; the
// encoder's clock says it even where it is not trusted.
func TestCaptureTellsRate(t *testing.T) {
	for _, with := range []bool{true, false} {
		s := timelinetest.Sender{PPM: 200, Jitter: time.Second, Chunk: 6 * time.Second, Length: 5 * time.Minute}
		if with {
			s.Clock = every(9, ahead(-time.Hour))
		}
		out := play(timeline.New(t0, timeline.Config{}), s, false)
		if got := out[len(out)-1].Map.PPM; (math.Abs(got-200) < 5) != with {
			t.Errorf("TL21 %+.1f ppm of a sender of +200, with its clock: %v", got, with)
		}
	}
}

// TestPulled: another HLS origin brings whole segments, late, with programme
// dates.
func TestPulled(t *testing.T) {
	cfg := timeline.Config{TrustEncoder: true, CaptureBound: time.Minute}
	s := timelinetest.Sender{
		PPM: -40, Jitter: 300 * time.Millisecond, Chunk: 6 * time.Second, Length: 20 * time.Minute,
		Clock: every(1, ahead(-14*time.Second)),
	}
	c := timeline.New(t0, cfg)
	out := play(c, s, false)
	checkCurve(t, out)
	var worst time.Duration
	for _, e := range out {
		date := e.Truth.Add(-timelinetest.Delay - 14*time.Second)
		worst = max(worst, e.P.Sub(date).Abs())
		if e.Map.Epoch != 1 || e.Map.NeedsEpoch {
			t.Fatalf("TL22 epoch %d, another one wanted: %v", e.Map.Epoch, e.Map.NeedsEpoch)
		}
	}
	if worst > 2*time.Millisecond {
		t.Errorf("TL22 P is up to %v away from the source's own dates", worst)
	}
	if last := out[len(out)-1]; last.Map.State != timeline.Locked {
		t.Errorf("TL22 %v", last.Map.State)
	}
	// The source's encoder starts again: its dates jump ahead by 20 s.
	last := out[len(out)-1]
	for i := range 900 {
		dts := last.DTS + clock.Ticks(i+1)*3000
		passed := time.Duration(i+1) * time.Second / 30
		c.Observe(timeline.Sample{DTS: dts, Arrival: last.Arrives.Add(passed), Capture: last.P.Add(passed + 20*time.Second)})
	}
	if !c.Map().NeedsEpoch {
		t.Error("TL22 no new epoch for dates that are ahead for good")
	}
}

func TestJitter(t *testing.T) {
	for _, mean := range []time.Duration{5, 20, 100} {
		s := timelinetest.Sender{Jitter: mean * time.Millisecond, Length: time.Minute, Thin: 50}
		out := play(timeline.New(t0, timeline.Config{}), s, false)
		got, want := out[len(out)-1].Map.Jitter, 3*s.Jitter // p95 of an exponential: 3.0 means
		if got < want*6/10 || got > want*16/10 {
			t.Errorf("TL13 jitter %v of a way with p95 %v", got, want)
		}
	}
}
