package timeline_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// TestWayChanges: the least that the way takes becomes another, as at the start
// of an encoder that is not at its pace yet, or when a line is routed anew.
func TestWayChanges(t *testing.T) {
	const watched = 15 * time.Second
	for _, tc := range []struct {
		after  time.Duration
		longer time.Duration // in ms
		locked time.Duration // at most after the change
	}{
		{3 * time.Second, 70, 54 * time.Second},
		{5 * time.Second, 70, 54 * time.Second},
		{10 * time.Second, 70, 54 * time.Second},
		{3 * time.Second, 25, 30 * time.Second},
		{5 * time.Minute, 40, 95 * time.Second},
		{5 * time.Minute, -40, 95 * time.Second},
		{5 * time.Minute, 200, 190 * time.Second},
		{5 * time.Minute, -200, 190 * time.Second},
	} {
		for _, jitter := range []time.Duration{0, 2, 20, 30} {
			s := timelinetest.Sender{PPM: 40, Jitter: jitter * time.Millisecond, Reroute: tc.after, Longer: tc.longer * time.Millisecond}
			s.Length = tc.after + 5*time.Minute
			if underRace {
				s.Thin = 5
			}
			t.Run(fmt.Sprintf("TL14 %v longer after %v, jitter %v", s.Longer, tc.after, s.Jitter), func(t *testing.T) {
				t.Parallel()
				out := play(timeline.New(t0, timeline.Config{}), s, false)
				checkCurve(t, out)
				var locked time.Duration
				var errs []time.Duration
				rate := 0.0
				for _, e := range out {
					if e.Map.Epoch != 1 || e.Map.NeedsEpoch {
						t.Fatalf("TL10 epoch %d, needs one %v", e.Map.Epoch, e.Map.NeedsEpoch)
					}
					since := e.Arrives.Sub(t0) - tc.after
					if since > 3*time.Minute {
						rate = max(rate, math.Abs(e.Map.PPM-s.PPM))
					}
					switch is := e.Map.State == timeline.Locked; {
					case since < watched:
					case is && locked == 0:
						locked = since
						fallthrough
					case is:
						errs = append(errs, e.P.Sub(e.Truth).Abs())
					case locked != 0:
						t.Fatalf("%v again %v after the change", e.Map.State, since)
					}
				}
				slices.Sort(errs)
				p95, most := errs[len(errs)*95/100], errs[len(errs)-1]
				t.Logf("locked after %v, error p95 %v, max %v, rate wrong by %.1f ppm", locked, p95, most, rate)
				if locked > tc.locked || p95 > 3*time.Millisecond || most > 10*time.Millisecond {
					t.Errorf("locked after %v, want %v; error p95 %v, max %v", locked, tc.locked, p95, most)
				}
				if rate > 5 {
					t.Errorf("rate wrong by %.1f ppm 3 min after the change", rate)
				}
			})
		}
	}
}
