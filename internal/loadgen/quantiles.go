package loadgen

import (
	"math"
	"slices"
)

// Quantiles describe many measured times. Units: ms.
type Quantiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// quantilesOf sorts micros in place. By nearest rank: times that were
// measured, never one in between. Zero without any.
func quantilesOf(micros []int64) Quantiles {
	if len(micros) == 0 {
		return Quantiles{}
	}
	slices.Sort(micros)
	at := func(q float64) float64 {
		// Rounding keeps 0.95 × 20 from being a little more than 19.
		rank := int(math.Ceil(math.Round(q*float64(len(micros))*1e9) / 1e9))
		return float64(micros[max(rank, 1)-1]) / 1000
	}
	return Quantiles{P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: at(1)}
}
