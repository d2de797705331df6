package ingest_test

import (
	"testing"

	"github.com/cuelight/cuelight/ingest"
)

func TestUnwrap(t *testing.T) {
	for _, tc := range []struct {
		name string // begins with the rule's id in SPEC.md
		bits uint
		in   []uint64
		want []int64
	}{
		{"IG30 counts on over 2^32 ms", 32, []uint64{1<<32 - 40, 1<<32 - 7, 26, 59}, []int64{1<<32 - 40, 1<<32 - 7, 1<<32 + 26, 1<<32 + 59}},
		{"IG30 counts on over 2^33 ticks", 33, []uint64{1<<33 - 3000, 0, 3000}, []int64{1<<33 - 3000, 1 << 33, 1<<33 + 3000}},
		{"IG30 31 bits count on over 2^31 that begins again", 31, []uint64{1<<31 - 7, 26}, []int64{1<<31 - 7, 1<<31 + 26}},
		{"IG30 31 bits count on over 2^31 that goes on", 31, []uint64{1<<31 - 7, 1<<31 + 26}, []int64{1<<31 - 7, 1<<31 + 26}},
		{"IG30 31 bits count on over 2^32", 31, []uint64{1<<32 - 7, 26}, []int64{1<<31 - 7, 1<<31 + 26}},
		{"IG30 wraps more than once", 32, []uint64{0, 1 << 30, 1 << 31, 3 << 30, 0, 1 << 30}, []int64{0, 1 << 30, 1 << 31, 3 << 30, 1 << 32, 5 << 30}},
		{"IG31 audio behind video across the wrap", 33, []uint64{1<<33 - 100, 200, 1<<33 - 50, 400}, []int64{1<<33 - 100, 1<<33 + 200, 1<<33 - 50, 1<<33 + 400}},
		{"IG31 goes below the first value", 33, []uint64{50, 1<<33 - 50}, []int64{50, -50}},
		{"IG32 an alien value leaves no trace", 33, []uint64{1000, 5_000_000_000, 4000}, []int64{1000, 5_000_000_000 - 1<<33, 4000}},
		{"IG30 bits above the counter are ignored", 33, []uint64{1<<40 | 7, 1<<50 | 8}, []int64{7, 8}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := ingest.NewUnwrapper(tc.bits)
			for i, raw := range tc.in {
				if got := u.Unwrap(raw); got != tc.want[i] {
					t.Errorf("value %d: %d → %d, want %d", i, raw, got, tc.want[i])
				}
			}
		})
	}
}
