package main

import (
	"testing"
	"time"
	"unsafe"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// counter is how a protocol counts: bits of a counter at ticks a unit.
type counter struct {
	name string
	bits uint
	unit clock.Ticks
}

// TestWraps: counters begin again in the middle of a session, and the timeline
// does not notice. Its timestamps go through what the protocols unwrap with.
func TestWraps(t *testing.T) {
	for _, k := range []counter{
		{"IG30 MPEG-TS, 33 bits", 33, 1},
		{"IG30 RTP, 32 bits", 32, 1},
		{"IG30 RTMP, 32 bits of ms", 32, ingest.TicksPerMilli},
		{"IG30 RTMP, 31 bits of ms", 31, ingest.TicksPerMilli},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := timelinetest.Sender{PPM: 40, Jitter: 5 * time.Millisecond, Length: 20 * time.Minute, Aliens: 7 * time.Second, Stalls: time.Minute, Thin: 5}
			s.First = 1<<k.bits*k.unit - 10*60*clock.TicksPerSecond
			j := &timelinetest.Judge{Sender: s}
			timelinetest.Play(timeline.New(timelinetest.Start, timeline.Config{}), k.through(s), false, j.Add)
			t.Logf("%s", timelinetest.Header)
			t.Logf("%s", j)
			for _, f := range j.Fails() {
				t.Errorf("TL6 %s", f)
			}
		})
	}
}

// through sends a session's timestamps through the counter and an unwrapper.
func (k counter) through(s timelinetest.Sender) func(func(timelinetest.Frame) bool) {
	return func(yield func(timelinetest.Frame) bool) {
		u := ingest.NewUnwrapper(k.bits)
		s.Frames()(func(f timelinetest.Frame) bool {
			reorder := f.PTS - f.DTS
			raw := uint64(f.DTS/k.unit) & (1<<k.bits - 1)
			f.DTS = clock.Ticks(u.Unwrap(raw)) * k.unit
			f.PTS = f.DTS + reorder
			return yield(f)
		})
	}
}

// TestWallSteps: the system's clock is set and leaps while a session runs. R,
// and with it P, does not notice.
func TestWallSteps(t *testing.T) {
	base := time.Now()
	room := clock.NewRoom(base, timelinetest.Start, 1)
	steps := []time.Duration{0, time.Hour, -time.Hour, -time.Second, 0}
	s := timelinetest.Sender{PPM: -40, Jitter: 5 * time.Millisecond, Length: 20 * time.Minute, Thin: 5}
	frames := func(yield func(timelinetest.Frame) bool) {
		s.Frames()(func(f timelinetest.Frame) bool {
			since := f.Arrives.Sub(timelinetest.Start)
			reading := wallSet(t, base.Add(since), steps[int(since/(5*time.Minute))%len(steps)])
			f.Arrives = room.At(reading)
			return yield(f)
		})
	}
	j := &timelinetest.Judge{Sender: s}
	timelinetest.Play(timeline.New(timelinetest.Start, timeline.Config{}), frames, false, j.Add)
	t.Logf("%s", timelinetest.Header)
	t.Logf("%s", j)
	for _, f := range j.Fails() {
		t.Errorf("CL1 %s", f)
	}
}

// wallSet returns what time.Now would read instead of now if the system's
// clock had been set by d seconds: the wall part moves, the monotonic one does
// not. Only the runtime can make such a reading, so the struct is written to;
// its layout is checked first.
func wallSet(t *testing.T, now time.Time, d time.Duration) time.Time {
	t.Helper()
	type reading struct {
		wall uint64 // a flag, 33 bits of seconds, 30 bits of nanoseconds
		ext  int64  // the monotonic part
		loc  *time.Location
	}
	set := now
	(*reading)(unsafe.Pointer(&set)).wall += uint64(d/time.Second) << 30
	if set.Round(0).Sub(now.Round(0)) != d || set.Sub(now) != 0 {
		t.Fatalf("time.Time is laid out in another way: set by %v it reads %v, %v by the monotonic clock", d, set.Round(0).Sub(now.Round(0)), set.Sub(now))
	}
	return set
}
