package packager

import (
	"testing"
	"time"
)

func TestMemoryIsBounded(t *testing.T) {
	cfg := Config{}.withDefaults()
	for _, tc := range []struct {
		name string
		size int
		want int // segments to drop out of 40 of two seconds
	}{
		{"an ordinary stream keeps all", 1 << 20, 0},
		{"16 MiB a segment keeps sixteen", 16 << 20, 24},
		{"C8 three target durations stay, whatever their size", 200 << 20, 37},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRendition(Video, &cfg, 90_000, 1)
			for i := range 40 {
				r.segments = append(r.segments, &Segment{MSN: uint64(i + 1), size: tc.size, duration: 2 * time.Second})
			}
			if got := r.overfull(); got != tc.want {
				t.Errorf("%d segments have to go, want %d", got, tc.want)
			}
		})
	}
}
