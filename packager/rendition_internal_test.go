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

func TestIndependence(t *testing.T) {
	for _, tc := range []struct {
		name string
		seg  Segment
		want bool
	}{
		{"R6 a key frame first", Segment{independent: true}, true},
		{"R6 a forced cut", Segment{}, false},
		{"R6 an open GOP", Segment{independent: true, leans: true}, false},
		{"R6 a gap", Segment{gap: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := Config{}.withDefaults()
			r := newRendition(Video, &cfg, 90_000, 1)
			r.segments = []*Segment{{independent: true}, &tc.seg}
			if got := r.allIndependent(); got != tc.want {
				t.Errorf("independent: %v, want %v", got, tc.want)
			}
			r.segments, r.open = r.segments[:1], &tc.seg
			if got := r.allIndependent(); got != tc.want {
				t.Errorf("independent while open: %v, want %v", got, tc.want)
			}
		})
	}
}
