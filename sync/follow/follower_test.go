package follow_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/follow"
)

const start = clock.Instant(1_795_410_000_000_000)

// line is a leader in the bubble, at the other end of a wire with delays.
type line struct {
	room   atomic.Pointer[clock.Room]
	cut    atomic.Bool
	closed atomic.Bool
	random *rand.Rand // Ask's
}

// newLine has a leader whose clock runs drift faster than the bubble's.
func newLine(drift clock.Rate, epoch uint32, at clock.Instant) *line {
	w := &line{random: rand.New(rand.NewPCG(7, uint64(epoch)))}
	w.begin(drift, epoch, at)
	return w
}

// begin gives the leader a new R.
func (w *line) begin(drift clock.Rate, epoch uint32, at clock.Instant) {
	room := clock.NewRoom(time.Now(), at, epoch)
	room.Steer(time.Now(), 0, drift, 0)
	w.room.Store(room)
}

// delay is that of a LAN: 0.2 ms, and now and then a millisecond more.
func (w *line) delay() time.Duration {
	d := 200*time.Microsecond + time.Duration(w.random.ExpFloat64()*50_000)
	if w.random.IntN(20) == 0 {
		d += time.Duration(w.random.ExpFloat64() * 1_000_000)
	}
	return d
}

func (w *line) Ask(ctx context.Context) (clock.Answer, error) {
	a := clock.Answer{Sent: time.Now()}
	if w.cut.Load() || w.random.IntN(50) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(follow.AnswerWait):
		}
		return a, errors.New("lost")
	}
	time.Sleep(w.delay())
	a.Received, a.Epoch = w.room.Load().Read(time.Now())
	a.Replied = a.Received
	time.Sleep(w.delay())
	a.Returned = time.Now()
	return a, nil
}

func (w *line) Close() { w.closed.Store(true) }

func (w *line) off(room *clock.Room) time.Duration {
	now := time.Now()
	return room.At(now).Sub(w.room.Load().At(now))
}

// begin runs a follower of w and returns it, its room and what ends it.
func begin(t *testing.T, w *line, idle func() bool) (*follow.Follower, *clock.Room, func()) {
	room := clock.NewRoom(time.Now(), start, 7)
	f, err := follow.New(follow.Config{Room: room, Leader: w, Idle: idle})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return f, room, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !w.closed.Load() {
			t.Error("CL16 the leader's socket was left open")
		}
	}
}

func always() bool { return true }

func TestFollower(t *testing.T) {
	for _, drift := range []clock.Rate{-100 * clock.PPM, 0, 100 * clock.PPM} {
		synctest.Test(t, func(t *testing.T) {
			w := newLine(drift, 70, start.Add(-2*time.Hour))
			f, room, stop := begin(t, w, always)
			defer stop()
			select {
			case <-f.Followed():
			case <-time.After(3 * time.Second):
				t.Fatal("CL16 not followed within 3 s")
			}
			worst := time.Duration(0)
			for range 600 {
				time.Sleep(500 * time.Millisecond)
				worst = max(worst, w.off(room).Abs())
			}
			if worst > 500*time.Microsecond {
				t.Errorf("CL17 off by %v at %v ppm", worst, drift.PPM())
			}
			if lead := f.Lead(); !lead.Synced || lead.Epoch != 70 || room.Epoch() != 70 {
				t.Errorf("CL17 %+v in epoch %d", lead, room.Epoch())
			}
			t.Logf("%v ppm: off by %v at most", drift.PPM(), worst)
		})
	}
}

func TestFollowerLosesItsLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLine(100*clock.PPM, 70, start)
		f, room, stop := begin(t, w, always)
		defer stop()
		time.Sleep(2 * time.Minute)
		w.cut.Store(true)
		time.Sleep(time.Minute)
		if off := w.off(room).Abs(); off > time.Millisecond || !f.Lead().Synced {
			t.Errorf("CL18 off by %v after a minute alone", off)
		}
		time.Sleep(time.Minute)
		if f.Lead().Synced {
			t.Error("CL17 in step with a leader not heard of for two minutes")
		}
		w.cut.Store(false)
		time.Sleep(10 * time.Second)
		if off := w.off(room).Abs(); off > 500*time.Microsecond || !f.Lead().Synced || f.Lead().Lost < 50 {
			t.Errorf("CL17 off by %v with the leader back: %+v", off, f.Lead())
		}
	})
}

func TestFollowerWithoutLeaderAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLine(0, 70, start.Add(time.Minute))
		w.cut.Store(true)
		var watched atomic.Bool
		watched.Store(true)
		f, room, stop := begin(t, w, func() bool { return !watched.Load() })
		defer stop()
		time.Sleep(time.Minute)
		if room.Epoch() != 7 || f.Lead().Answers != 0 {
			t.Errorf("CL16 epoch %d, %+v", room.Epoch(), f.Lead())
		}
		w.cut.Store(false)
		time.Sleep(time.Minute)
		if off := w.off(room); (off+time.Minute).Abs() > 100*time.Microsecond || room.Epoch() != 7 {
			t.Errorf("CL16 R was set to %v off the leader's while somebody watched", off)
		}
		watched.Store(false)
		<-f.Followed()
		if off := w.off(room).Abs(); off > 500*time.Microsecond || room.Epoch() != 70 {
			t.Errorf("CL16 off by %v in epoch %d", off, room.Epoch())
		}
	})
}

func TestFollowerTakesTheLeadersNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLine(0, 70, start)
		var watched atomic.Bool
		_, room, stop := begin(t, w, func() bool { return !watched.Load() })
		defer stop()
		time.Sleep(10 * time.Second)
		watched.Store(true)
		stepped := room.Stepped()
		w.begin(0, 71, start.Add(-time.Hour))
		<-stepped
		if off := w.off(room).Abs(); off > 500*time.Microsecond || room.Epoch() != 71 {
			t.Errorf("CL16 off by %v in epoch %d", off, room.Epoch())
		}
	})
}
