package timeline

import "math"

// How P follows the estimate.
const (
	stride       = 5       // s of media, also the time constant
	deadBand     = 500.0   // µs that are left alone, so that P is mostly straight
	gentleError  = 50_000  // µs up to which gentleRate holds
	gentleRate   = 500.0   // µs/s
	briskRate    = 2_000.0 // µs/s
	steadyRate   = 700.0   // µs/s, correction and drift together, while gentle
	silence      = 60      // strides after which P was not corrected meanwhile
	rateQuantum  = 10      // ppm; makes P exact on a grid of gridTicks
	behindLimit  = 250_000 // µs
	behindBins   = 5
	lockedBelow  = 3_000  // µs of error
	lockedUntil  = 10_000 // µs of error
	cleanBelow   = 5_000  // µs of residual
	gridTicks    = 9_000  // 0.1 s
	strideTicks  = stride * 90_000
	horizonTicks = 2 * 90_000
)

// haste is how P may be corrected.
type haste struct {
	brisk     bool // small errors quickly, too: nobody relies on P yet
	earlyOnly bool // a young epoch is late by its start burst, never early
}

// steer chooses P's rate for the next stride, in ppm off the nominal one:
// e is by how much P is too early at its start (µs), slope the encoder's.
func steer(e, slope float64, rate int64, h haste) int64 {
	if drift := e + (slope-float64(rate))*stride; math.Abs(e) < deadBand && math.Abs(drift) < deadBand {
		return rate
	}
	if h.earlyOnly {
		e = min(e, 0)
	}
	total := slope + between(-gentleRate, e/stride, gentleRate)
	if h.brisk || math.Abs(e) > gentleError {
		total = slope + between(-briskRate, e/stride, briskRate)
	} else {
		total = between(-steadyRate, total, steadyRate)
	}
	return quantized(total)
}

func quantized(rate float64) int64 { return int64(math.Round(rate/rateQuantum)) * rateQuantum }

func between(low, v, high float64) float64 { return max(low, min(v, high)) }
