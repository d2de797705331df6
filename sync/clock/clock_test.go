package clock_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
)

func TestRoom(t *testing.T) {
	start := time.Now()
	r := clock.NewRoom(start, zero, 7)
	later := start.Add(90 * time.Second)
	if got := r.At(later); got != zero.Add(90*time.Second) {
		t.Errorf("CL1 R moved by %v in 90 s", got.Sub(zero))
	}
	if got := r.TimeAt(zero.Add(90 * time.Second)); !got.Equal(later) {
		t.Errorf("CL1 TimeAt = %v, want %v", got, later)
	}
	if r.Epoch() != 7 {
		t.Errorf("CL2 epoch = %d", r.Epoch())
	}
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ticks clock.Ticks
		d     time.Duration
		us    int64
	}{
		{"CL8 a second", 90_000, time.Second, 1_000_000},
		{"CL8 a frame at 30 fps", 3_000, 33_333_333, 33_333},
		{"CL8 before zero", -3_000, -33_333_333, -33_333},
		{"CL8 a century", 90_000 * 3_153_600_000, 3_153_600_000 * time.Second, 3_153_600_000_000_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.ticks.Duration(); got != tc.d {
				t.Errorf("duration = %v, want %v", got, tc.d)
			}
			if got := tc.ticks.Micros(); got != tc.us {
				t.Errorf("micros = %d, want %d", got, tc.us)
			}
		})
	}
}

func TestTicksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := clock.Ticks(rapid.Int64Range(-1e14, 1e14).Draw(t, "ticks"))
		if got := clock.TicksOf(want.Duration()); got != want {
			t.Fatalf("CL8 %d became %d", want, got)
		}
	})
}

func TestInstant(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 123_456_000, time.UTC)
	if got := clock.InstantOf(at).Time(); !got.Equal(at) {
		t.Errorf("CL1 %v became %v", at, got)
	}
	if got := zero.Add(1500 * time.Nanosecond).Sub(zero); got != time.Microsecond {
		t.Errorf("CL1 1.5 µs became %v", got)
	}
}
