package main

import (
	"testing"
	"time"
)

// descending returns n, …, 2, 1.
func descending(n int) []time.Duration {
	d := make([]time.Duration, n)
	for i := range d {
		d[i] = time.Duration(n - i)
	}
	return d
}

func TestSpreadNearestRank(t *testing.T) {
	for _, tc := range []struct {
		name   string
		delays []time.Duration
		q      float64
		want   time.Duration
	}{
		{"nothing measured", nil, 0.5, 0},
		{"one is every percentile", []time.Duration{7}, 0.01, 7},
		{"the middle of three", []time.Duration{9, 1, 5}, 0.5, 5},
		{"the lower middle of four", descending(4), 0.5, 2},
		{"p95 of twenty is the last but one", descending(20), 0.95, 19},
		{"p99 of a hundred is the last but one", descending(100), 0.99, 99},
		{"p99 of fifty is the last", descending(50), 0.99, 50},
		{"all", descending(3), 1, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := spreadOf(tc.delays).at(tc.q); got != tc.want {
				t.Errorf("p%v = %d, want %d", tc.q*100, got, tc.want)
			}
		})
	}
}
