package main

import (
	"math"
	"slices"
	"time"
)

// spread is a set of measured delays, in ascending order.
type spread []time.Duration

// spreadOf sorts delays in place and owns them from now on.
func spreadOf(delays []time.Duration) spread {
	slices.Sort(delays)
	return delays
}

// at returns the delay that the share q of all delays does not exceed, by
// nearest rank: a delay that was measured, never one in between. q is in
// (0, 1]. Zero for an empty spread.
func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	// Rounding keeps 0.95 × 20 from being a little more than 19.
	rank := int(math.Ceil(math.Round(q*float64(len(s))*1e9) / 1e9))
	return s[min(max(rank, 1), len(s))-1]
}
