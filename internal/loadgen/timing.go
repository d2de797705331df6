package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Kinds of timing.
const (
	TimingHuman  = "human"
	TimingWorst  = "worst"
	TimingSpread = "spread"
)

// People need half of median longer than that; nobody is quicker than quickest.
// With these, three of four answer within a second.
const (
	median   = 700 * time.Millisecond
	sigma    = 0.5 // of the logarithm of the time
	quickest = 250 * time.Millisecond
)

// together is when everybody taps who taps at once: after the shortest reaction
// that a server believes, and after the messages of the opening.
const together = 300 * time.Millisecond

// Timing says how long after a window opened viewers tap.
type Timing struct {
	// Kind is TimingHuman, TimingWorst or TimingSpread.
	Kind string `json:"kind"`
	// Over is how long a spread lasts.
	Over time.Duration `json:"over_ns,omitempty"`
}

// maxSpread keeps taps inside the shortest window.
const maxSpread = 5 * time.Minute

// ParseTiming reads "human", "worst" or "spread:MS".
func ParseTiming(text string) (Timing, error) {
	kind, over, hasOver := strings.Cut(text, ":")
	switch {
	case kind == TimingHuman && !hasOver, kind == TimingWorst && !hasOver:
		return Timing{Kind: kind}, nil
	case kind == TimingSpread:
		ms, err := strconv.ParseUint(over, 10, 32)
		if d := time.Duration(ms) * time.Millisecond; err == nil && d > 0 && d <= maxSpread {
			return Timing{kind, d}, nil
		}
		return Timing{}, fmt.Errorf("timing: %q: write spread:MS with 1 to %d milliseconds", text, maxSpread.Milliseconds())
	default:
		return Timing{}, fmt.Errorf("timing: %q is none of human, worst, spread:MS", text)
	}
}

// String is what ParseTiming reads.
func (t Timing) String() string {
	if t.Kind == TimingSpread {
		return fmt.Sprintf("%s:%d", t.Kind, t.Over.Milliseconds())
	}
	return t.Kind
}

// After draws how long after the opening one viewer taps.
func (t Timing) After(r *rand.Rand) time.Duration {
	switch t.Kind {
	case TimingWorst:
		return together
	case TimingSpread:
		return together + time.Duration(r.Int64N(int64(t.Over)))
	default:
		return max(quickest, time.Duration(float64(median)*math.Exp(sigma*r.NormFloat64())))
	}
}

// last is by when nearly all have tapped.
func (t Timing) last() time.Duration {
	if t.Kind == TimingHuman {
		return 5 * time.Second
	}
	return together + t.Over
}
