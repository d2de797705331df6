package audience

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// Reaction is what a viewer does about a window that opened.
type Reaction struct {
	// After is how long it takes from the opening to the tap.
	After time.Duration
	// Choice is what it taps.
	Choice []int
}

// Behaviour decides about a cue whose window opened, or returns false to let
// it pass. It is called once a cue, with a source that only this viewer uses.
type Behaviour func(r *rand.Rand, cue wire.Cue) (Reaction, bool)

// How people react.
const (
	// DefaultMedian is the time half of them need.
	DefaultMedian = 2500 * time.Millisecond
	// DefaultTurnout is the share that answers at all.
	DefaultTurnout = 0.85

	spread   = 0.5                    // σ of the logarithm of the time
	quickest = 400 * time.Millisecond // nobody reads and taps faster
)

// Human reacts as people do: most soon, some late, a few never, and with a
// taste that differs from cue to cue but is shared by the audience. Times are
// log-normal around median. Turnout is from 0 to 1.
func Human(median time.Duration, turnout float64) Behaviour {
	return func(r *rand.Rand, cue wire.Cue) (Reaction, bool) {
		after := time.Duration(float64(median) * math.Exp(spread*r.NormFloat64()))
		choice := favourite(r, cue)
		return Reaction{After: max(after, quickest), Choice: []int{choice}}, r.Float64() < turnout
	}
}

// favourite draws an option. Each is half as popular again as the next one, in
// an order that depends on the cue.
func favourite(r *rand.Rand, cue wire.Cue) int {
	h := fnv.New64a()
	h.Write([]byte(cue.ID))
	order := rand.New(rand.NewPCG(h.Sum64(), 1)).Perm(cue.Choices)
	total, weight := 0.0, 1.0
	for range order {
		total, weight = total+weight, weight/1.5
	}
	at, weight := r.Float64()*total, 1.0
	for _, option := range order {
		if at -= weight; at < 0 {
			return option
		}
		weight /= 1.5
	}
	return order[len(order)-1]
}
