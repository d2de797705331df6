package rtsp_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest/rtsp"
)

func TestCapture(t *testing.T) {
	ramp := func(n int, ppm float64, bend func(i int, ntp float64) float64) (reports [][2]float64) {
		for i := range n {
			at := 5 * float64(i)
			reports = append(reports, [2]float64{at, bend(i, at*(1+ppm*1e-6))})
		}
		return reports
	}
	straight := func(_ int, ntp float64) float64 { return ntp }
	for _, tc := range []struct {
		name    string
		reports [][2]float64
		want    float64 // at the last one
		within  float64
	}{
		{"IG70 one report", ramp(1, 0, straight), 0, 1e-9},
		{"IG70 drift between the sender's clocks", ramp(20, 80, straight), 95 * (1 + 80e-6), 1e-4},
		{"IG70 jitter is averaged", ramp(20, 0, func(i int, ntp float64) float64 { return ntp + 0.004*float64(i%3-1) }), 95, 2e-3},
		{"IG70 a single odd report moves nothing", ramp(8, 0, func(i int, ntp float64) float64 {
			if i == 7 {
				return ntp + 3600
			}
			return ntp
		}), 35, 1e-6},
		{"IG70 two odd reports move nothing", ramp(8, 0, func(i int, ntp float64) float64 {
			if i >= 6 {
				return ntp - 2
			}
			return ntp
		}), 35, 1e-6},
		{"IG70 three that agree are a clock that was set", ramp(8, 0, func(i int, ntp float64) float64 {
			if i >= 5 {
				return ntp + 2
			}
			return ntp
		}), 37, 1e-6},
		{"IG70 three that do not agree are not", ramp(8, 0, func(i int, ntp float64) float64 {
			if i >= 5 {
				return ntp + 10*float64(i)
			}
			return ntp
		}), 35, 1e-6},
		{"IG70 drift beyond any clock's is bounded", ramp(20, 900, straight), 95 * (1 + 500e-6), 0.05},
	} {
		read := rtsp.Captures(tc.reports)
		if got := read[len(read)-1]; math.Abs(got-tc.want) > tc.within {
			t.Errorf("%s: %v s, want %v s", tc.name, got, tc.want)
		}
	}
}

func TestTimeOfNTP(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	after := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{now, after, time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC)} {
		if got := rtsp.TimeOfNTP(ntpOf(at), at.Add(time.Hour)); !got.Equal(at) {
			t.Errorf("IG70 %v became %v", at, got)
		}
	}
	if got := rtsp.TimeOfNTP(ntpOf(now)|1<<31, now); got.Sub(now) != time.Second/2 {
		t.Errorf("IG70 half a second became %v", got.Sub(now))
	}
}

func ntpOf(at time.Time) uint64 {
	const unixEpoch = 2_208_988_800
	return uint64(uint32(at.Unix()+unixEpoch))<<32 | uint64(at.Nanosecond())<<32/1e9
}

func TestReportsAreCaptureTimes(t *testing.T) {
	for _, tc := range []struct {
		name string
		off  time.Duration // of the sender's clock
		want bool
	}{
		{"IG70 a clock that is right", 0, true},
		{"IG70 a wrong time zone is for others to judge", 9 * time.Hour, true},
		{"IG70 1970", -20 * 365 * 24 * time.Hour, false},
		{"IG70 the far future", 10 * 365 * 24 * time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			sent := time.Now().Add(tc.off)
			video := &sender{track: 0, payload: 96}
			h, err := receive(t,
				report(0, ntpOf(sent), 1000), report(1, ntpOf(sent), 0),
				video.packet(1000, 0, true, 0x65, 0x88),
				video.packet(4600, 40*time.Millisecond, true, 0x41, 0x9a),
			)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range h.Observations {
				want := sent.Add(time.Duration(i) * 40 * time.Millisecond)
				if d := o.Capture.Sub(want).Abs(); tc.want && d > 20*time.Microsecond {
					t.Errorf("%s: frame %d captured at %v, want %v", tc.name, i, o.Capture, want)
				}
				if !tc.want && !o.Capture.IsZero() {
					t.Errorf("%s: frame %d captured at %v, want nothing", tc.name, i, o.Capture)
				}
			}
		})
	}
}

func TestASteppingReportDoesNotMoveMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := time.Now()
		video := &sender{track: 0, payload: 96}
		packets := []rtsp.Packet{report(0, ntpOf(sent), 0), report(1, ntpOf(sent), 0), video.packet(0, 0, true, 0x65, 0x88)}
		for i := range 5 { // each report 10 s off the one before
			step := time.Duration(i+1) * 11 * time.Second
			packets = append(packets, report(0, ntpOf(sent.Add(step)), uint32(i+1)*90000),
				video.packet(uint32(i+1)*90000, time.Second, true, 0x65, 0x88))
		}
		h, err := receive(t, packets...)
		if err != nil || len(h.Frames) != 6 {
			t.Fatalf("%d frames, %v", len(h.Frames), err)
		}
		for i, f := range h.Frames[1:] {
			if step := f.PTS - h.Frames[i].PTS; step != 90000 {
				t.Errorf("IG70 frame %d is %v after the one before", i+1, step.Duration())
			}
		}
	})
}
