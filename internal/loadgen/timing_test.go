package loadgen_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/loadgen"
)

func TestParseTiming(t *testing.T) {
	for _, text := range []string{"human", "worst", "spread:200"} {
		timing, err := loadgen.ParseTiming(text)
		if err != nil || timing.String() != text {
			t.Errorf("LG5 %q is read as %v, %v", text, timing, err)
		}
	}
	for _, text := range []string{"", "humans", "human:1", "spread", "spread:", "spread:0", "spread:-5", "spread:1.5", "spread:99999999"} {
		if timing, err := loadgen.ParseTiming(text); err == nil {
			t.Errorf("LG5 took %q as %v", text, timing)
		}
	}
}

func TestHumansReactLikeAnAudience(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	human := loadgen.Timing{Kind: loadgen.TimingHuman}
	const n = 20_000
	within := 0
	for range n {
		after := human.After(r)
		if after < 200*time.Millisecond {
			t.Fatalf("LG5 somebody answers after %v", after)
		}
		if after <= time.Second {
			within++
		}
	}
	if share := float64(within) / n; share < 0.60 || share > 0.85 {
		t.Errorf("LG5 %.2f answer within a second, want 0.60 to 0.85", share)
	}
}

func TestOtherTimings(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	worst := loadgen.Timing{Kind: loadgen.TimingWorst}
	first := worst.After(r)
	spread := loadgen.Timing{Kind: loadgen.TimingSpread, Over: 200 * time.Millisecond}
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		if got := worst.After(r); got != first {
			t.Fatalf("LG5 the worst case taps after %v and after %v", first, got)
		}
		got := spread.After(r)
		low, high = min(low, got), max(high, got)
	}
	if width := high - low; width < 195*time.Millisecond || width > 200*time.Millisecond {
		t.Errorf("LG5 a spread of 200 ms is %v wide", width)
	}
}
