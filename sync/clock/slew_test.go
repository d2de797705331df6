package clock_test

import (
	"sync"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/sync/clock"
)

// step returns t as time.Now would have given it had the system's wall clock
// been set by d before: the monotonic reading is the same.
func step(t time.Time, d time.Duration) time.Time {
	const seconds = 30 // the first word of a Time: a flag, 33 bits of seconds, 30 of ns
	*(*uint64)(unsafe.Pointer(&t)) += uint64(int64(d/time.Second)) << seconds
	return t
}

func TestWallClockStep(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		start := time.Now()
		r := clock.NewRoom(start, zero, 7)
		r.Steer(start, time.Second, 0, 0)
		honest := start.Add(10 * time.Minute)
		stepped := step(honest, by)
		if moved := stepped.Round(0).Sub(honest.Round(0)); moved != by {
			t.Fatalf("the test's wall clock moved by %v, want %v", moved, by)
		}
		if got, want := r.At(stepped), r.At(honest); got != want {
			t.Errorf("CL1 R moved by %v when the wall clock was set by %v", got.Sub(want), by)
		}
		r.Steer(stepped, 0, 0, 0)
		later := stepped.Add(time.Minute)
		if got, want := r.At(later).Sub(r.At(stepped)), time.Minute; got != want {
			t.Errorf("CL1 R ran %v in a minute after the wall clock was set", got)
		}
	}
}

func TestSteer(t *testing.T) {
	start := time.Now()
	for _, tc := range []struct {
		name       string
		by, over   time.Duration
		steady     clock.Rate
		after      time.Duration
		want       time.Duration // R − monotonic
		rate, left int64         // ppb, µs
	}{
		{"CL9 at most 500 ppm", time.Second, 0, 0, 1000 * time.Second, 500 * ms, 500_000, 500_000},
		{"CL9 backwards too", -time.Second, 0, 0, 1000 * time.Second, -500 * ms, -500_000, -500_000},
		{"CL9 a second takes 33 minutes", time.Second, 0, 0, 2001 * time.Second, time.Second, 0, 0},
		{"CL9 no faster than asked", 10 * ms, 100 * time.Second, 0, 50 * time.Second, 5 * ms, 100_000, 5_000},
		{"CL9 no faster than asked, backwards", -10 * ms, 100 * time.Second, 0, 100 * time.Second, -10 * ms, 0, 0},
		{"CL9 with a steady rate", 100 * ms, 0, 100 * clock.PPM, 100 * time.Second, 50 * ms, 500_000, 60_000},
		{"CL9 against a steady rate", -100 * ms, 0, 100 * clock.PPM, 100 * time.Second, -50 * ms, -500_000, -40_000},
		{"CL9 steady only", 0, 0, 100 * clock.PPM, 100 * time.Second, 10 * ms, 100_000, 0},
		{"CL9 steady is bounded", 0, 0, 400 * clock.PPM, 100 * time.Second, 25 * ms, 250_000, 0},
		{"CL9 a nanosecond", 1, time.Hour, 0, 2 * time.Hour, 0, 0, 0},
		{"CL9 more than can ever be", 1000 * time.Hour, 0, 0, 100 * time.Second, 50 * ms, 500_000, 86_399_950_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := clock.NewRoom(start, zero, 7)
			r.Steer(start, tc.by, tc.steady, tc.over)
			now := start.Add(tc.after)
			if got := r.At(now).Sub(zero) - tc.after; (got - tc.want).Abs() > 2*time.Microsecond {
				t.Errorf("moved by %v, want %v", got, tc.want)
			}
			rate, left := r.Slew(now)
			if rate != clock.Rate(tc.rate) || (left-time.Duration(tc.left)*time.Microsecond).Abs() > 2*time.Microsecond {
				t.Errorf("rate %d, left %v; want %d, %d µs", rate, left, tc.rate, tc.left)
			}
		})
	}
}

func TestStep(t *testing.T) {
	start := time.Now()
	r := clock.NewRoom(start, zero, 7)
	stepped := r.Stepped()
	r.Steer(start, time.Second, 0, 0)
	select {
	case <-stepped:
		t.Fatal("CL2 a slew was told as a step")
	default:
	}
	now := start.Add(time.Minute)
	r.Step(now, zero.Add(time.Hour), 8)
	select {
	case <-stepped:
	default:
		t.Error("CL2 nobody was told of the step")
	}
	select {
	case <-r.Stepped():
		t.Error("CL2 told of a step to come")
	default:
	}
	if at, epoch := r.Read(now.Add(time.Second)); epoch != 8 || at != zero.Add(time.Hour+time.Second) {
		t.Errorf("CL2 epoch %d at %v", epoch, at.Sub(zero))
	}
}

func TestNextEpoch(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	if got := clock.NextEpoch(5, now); got != 1_800_000_000 {
		t.Errorf("CL10 epoch after 5 = %d", got)
	}
	if got := clock.NextEpoch(1_900_000_000, now); got != 1_900_000_001 {
		t.Errorf("CL10 epoch after a wall clock that went back = %d", got)
	}
}

// TestRoomIsSmooth steers at random and reads everywhere.
func TestRoomIsSmooth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		r := clock.NewRoom(now, zero, 7)
		last, lastAt := r.At(now), now
		for range rapid.IntRange(1, 60).Draw(t, "turns") {
			if rapid.Bool().Draw(t, "steer") {
				r.Steer(now,
					time.Duration(rapid.Int64Range(-2e9, 2e9).Draw(t, "by")),
					clock.Rate(rapid.Int64Range(-400_000, 400_000).Draw(t, "steady")),
					time.Duration(rapid.Int64Range(-1, 100e9).Draw(t, "over")))
			}
			if got := r.At(now); (got-last).Time().Sub(clock.Instant(0).Time()).Abs() > time.Microsecond && now.Equal(lastAt) {
				t.Fatalf("CL9 R jumped by %v", got.Sub(last))
			}
			now = now.Add(time.Duration(rapid.Int64Range(0, 300e9).Draw(t, "pause")))
			at, took := r.At(now), now.Sub(lastAt)
			if off := at.Sub(last) - took; off.Abs() > took*500/1_000_000+2*time.Microsecond {
				t.Fatalf("CL9 R is off by %v after %v, more than 500 ppm", off, took)
			}
			if back := r.TimeAt(at); r.At(back) != at || r.At(back.Add(-1)) >= at {
				t.Fatalf("CL9 TimeAt(%d) is not the earliest time at which R shows it", at)
			}
			ahead := at.Add(time.Duration(rapid.Int64Range(0, 3600e9).Draw(t, "ahead")))
			if due := r.TimeAt(ahead); r.At(due) < ahead || r.At(due.Add(-1)) >= ahead {
				t.Fatalf("CL9 a timer for %d would fire when R shows %d", ahead, r.At(due))
			}
			last, lastAt = at, now
		}
	})
}

// TestRoomRemembers reads the clock at times before the latest corrections.
func TestRoomRemembers(t *testing.T) {
	start := time.Now()
	r := clock.NewRoom(start, zero, 7)
	var times []time.Time
	var reads []clock.Instant
	for i := range 8 {
		now := start.Add(time.Duration(i) * time.Second)
		r.Steer(now, ms, 0, 0)
		times = append(times, now.Add(500*ms))
		reads = append(reads, r.At(now.Add(500*ms)))
	}
	for i, at := range times {
		if got := r.At(at); got != reads[i] {
			t.Errorf("CL9 what was read as %d is %d now", reads[i], got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name       string
		c          clock.Check
		known, off bool
		owed       time.Duration
	}{
		{"CL13 nothing asked", clock.Check{}, false, false, 0},
		{"CL13 one says nothing", clock.Check{Servers: 1, Agree: 1, Error: time.Second}, false, false, 0},
		{"CL13 half is no majority", clock.Check{Servers: 4, Agree: 2, Error: time.Second}, false, false, 0},
		{"CL14 off", clock.Check{Servers: 3, Agree: 2, Error: -60 * ms, Bound: 5 * ms}, true, true, 60 * ms},
		{"CL14 near enough", clock.Check{Servers: 3, Agree: 2, Error: 50 * ms, Bound: 5 * ms}, true, false, -50 * ms},
		{"CL15 within what they can tell", clock.Check{Servers: 3, Agree: 3, Error: 20 * ms, Bound: 20 * ms}, true, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.c.Known() != tc.known || tc.c.Off() != tc.off || tc.c.Owed() != tc.owed {
				t.Errorf("known %v, off %v, owed %v", tc.c.Known(), tc.c.Off(), tc.c.Owed())
			}
		})
	}
}

// TestRoomIsShared reads, steers and steps from several goroutines.
func TestRoomIsShared(t *testing.T) {
	start := time.Now()
	r := clock.NewRoom(start, zero, 7)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 200 {
				r.Steer(start.Add(time.Duration(n)*ms), time.Duration(i-2)*time.Second, 0, 0)
			}
		})
		all.Go(func() {
			last := clock.Instant(0)
			for n := range 1000 {
				at, epoch := r.Read(start.Add(time.Duration(n) * ms))
				if epoch == 7 && at < last {
					t.Errorf("CL9 R ran back by %v", last.Sub(at))
				}
				if last = at; epoch != 7 {
					return
				}
			}
		})
	}
	stepped := r.Stepped()
	all.Go(func() {
		<-stepped
		if r.Epoch() != 8 {
			t.Errorf("CL2 told of a step in epoch %d", r.Epoch())
		}
	})
	all.Go(func() { r.Step(start, zero.Add(time.Hour), 8) })
	all.Wait()
}
