package hlspull_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/hlspull"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestThePaceFollowsTheSourcesClock(t *testing.T) {
	const length = 2 * time.Second
	for _, tc := range []struct {
		name string
		ppm  float64
	}{{"IG92 as ours", 0}, {"IG92 fast", 200}, {"IG92 slow", -200}} {
		random := rand.New(rand.NewPCG(1, 2))
		var p hlspull.Pacer
		begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		published := func(i int) time.Time { // the end of a segment, by our clock
			return begun.Add(time.Duration(float64(i) * float64(length) / (1 + tc.ppm*1e-6)))
		}
		first := func(i int) clock.Ticks { return clock.TicksOf(time.Duration(i) * length) }
		p.Begin(first(0), 2*length, length, published(2))
		late, worst := 0, 0.0
		var settled time.Time
		var drift float64
		const n = 12 * 3600 / 2
		for i := 3; i < n; i++ {
			arrived := published(i).Add(time.Duration(random.Int64N(int64(length / 2)))) // when the next reload finds it
			if p.Due(first(i - 1)).Before(arrived) {
				late++
			}
			before := p.Due(first(i))
			p.Arrived(first(i-1), length, arrived)
			worst = math.Max(worst, math.Abs(p.Due(first(i)).Sub(before).Seconds()))
			if i == n/2 {
				settled = p.Due(first(i))
			}
		}
		pace := p.Due(first(n)).Sub(settled).Seconds() / (float64(n-n/2) * length.Seconds())
		drift = (1/pace - 1) * 1e6
		t.Logf("%s: %d of %d late, pace %.1f ppm off ours, steps of at most %.2f ms", tc.name, late, n, drift, worst*1e3)
		if late > 0 {
			t.Errorf("%s: %d pieces came too late", tc.name, late)
		}
		if math.Abs(drift-tc.ppm) > 15 {
			t.Errorf("%s: the pace is %.1f ppm off ours", tc.name, drift)
		}
	}
}

func TestPieceThatComesTooLateMovesEverythingAfterIt(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p hlspull.Pacer
	p.Begin(0, 0, time.Second, begun)
	if got := p.Due(0).Sub(begun); got != 1500*time.Millisecond {
		t.Errorf("IG92 with nothing ahead the first frame is due after %v", got)
	}
	p.Arrived(90000, time.Second, begun.Add(3*time.Second))
	if got := p.Due(180000).Sub(begun); got != 4*time.Second {
		t.Errorf("IG92 what follows a late piece is due after %v", got)
	}
}
