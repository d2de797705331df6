package timeline_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// leastError is the p95 of the best estimate there can be of the rate, in ppm,
// after so long on a way with so much exponential jitter: 12/(λT²) with λ clean
// arrivals a second and ms (TL11).
func leastError(jitter, after time.Duration) float64 {
	clean := map[time.Duration]float64{2: 35.5, 10: 4.49, 30: 0.224}[jitter/time.Millisecond]
	return 12_000 / clean / math.Pow(after.Seconds(), 2)
}

// TestRate: how well the rate is known when, over many senders.
func TestRate(t *testing.T) {
	t.Parallel()
	senders, moments := 60, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}
	if underRace {
		senders, moments = 40, moments[:2]
	}
	for _, jitter := range []time.Duration{2, 10, 30} {
		errs := make([][]float64, len(moments))
		for i := range senders {
			s := timelinetest.Sender{
				PPM: []float64{0, 40, -40, 200, -200}[i%5], Jitter: jitter * time.Millisecond, IDR: 25 * time.Millisecond,
				Length: moments[len(moments)-1] + time.Second, Seed: uint64(1000 + i),
			}
			n := 0
			timelinetest.Play(timeline.New(t0, timeline.Config{}), s.Frames(), false, func(e timelinetest.Emitted) {
				if n < len(moments) && e.Arrives.Sub(t0) > moments[n] {
					errs[n] = append(errs[n], math.Abs(e.Map.PPM-s.PPM))
					n++
				}
			})
		}
		for n, after := range moments {
			slices.Sort(errs[n])
			p50, p95, most := errs[n][senders/2], errs[n][senders*95/100], errs[n][senders-1]
			least := leastError(jitter*time.Millisecond, after)
			t.Logf("jitter %v, %v: wrong by p50 %.2f, p95 %.2f, max %.2f ppm; p95 of the best there can be %.2f", jitter*time.Millisecond, after, p50, p95, most, least)
			if after >= 2*time.Minute && p95 >= 5 {
				t.Errorf("TL11 rate wrong by p95 %.1f ppm after %v with jitter %v", p95, after, jitter*time.Millisecond)
			}
		}
	}
}
