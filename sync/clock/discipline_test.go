package clock_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// pair is a follower and its leader, with their clocks and the way between them.
type pair struct {
	t       *testing.T
	now     time.Time // the follower's machine
	started time.Time
	leader  func(time.Time) clock.Instant
	epoch   uint32
	way     func() time.Duration
	live    bool

	room *clock.Room
	d    *clock.Discipline
}

// newPair has a leader whose clock runs drift faster than the follower's, and
// an R that shows something else by off.
func newPair(t *testing.T, drift clock.Rate, off time.Duration, way func() time.Duration) *pair {
	start := time.Now()
	leads := clock.NewRoom(start, zero, 70)
	leads.Steer(start, 0, drift, 0)
	p := &pair{
		t: t, now: start, started: start, leader: leads.At, epoch: 70, way: way,
		room: clock.NewRoom(start, zero.Add(off), 7),
	}
	p.d = clock.NewDiscipline(p.room, start)
	return p
}

// ping is one exchange; it ends pause after it began, or when it is done.
func (p *pair) ping(pause time.Duration) {
	up, down := p.way(), p.way()
	a := clock.Answer{
		Sent: p.now, Received: p.leader(p.now.Add(up)), Replied: p.leader(p.now.Add(up + 20*time.Microsecond)),
		Returned: p.now.Add(up + 20*time.Microsecond + down), Epoch: p.epoch,
	}
	if !p.d.Add(a, a.Returned, p.live) {
		p.t.Fatalf("CL7 refused %+v", a)
	}
	p.now = p.now.Add(max(pause, a.Returned.Sub(a.Sent)))
}

func (p *pair) run(d time.Duration) {
	for end := p.now.Add(d); p.now.Before(end); {
		if p.d.Settling() {
			p.ping(50 * ms)
		} else {
			p.ping(time.Second)
		}
	}
}

func (p *pair) error() time.Duration { return p.room.At(p.now).Sub(p.leader(p.now)) }

// lan is a quiet wire: 0.2 ms, and now and then a millisecond more.
func lan(seed uint64) func() time.Duration {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() time.Duration {
		d := 200*time.Microsecond + time.Duration(r.ExpFloat64()*float64(50*time.Microsecond))
		if r.IntN(20) == 0 {
			d += time.Duration(r.ExpFloat64() * float64(ms))
		}
		return d
	}
}

func TestFollowerOnALAN(t *testing.T) {
	for seed := range uint64(40) {
		for _, drift := range []clock.Rate{-100 * clock.PPM, -37 * clock.PPM, 0, 100 * clock.PPM} {
			p := newPair(t, drift, 3*time.Hour, lan(seed))
			p.run(3 * time.Second)
			if p.room.Epoch() != p.epoch {
				t.Fatalf("CL16 epoch = %d after the first sync, want the leader's", p.room.Epoch())
			}
			for p.now.Sub(p.started) < 5*time.Minute {
				p.run(time.Second)
				if off := p.error().Abs(); off > 500*time.Microsecond {
					t.Fatalf("CL17 off by %v after %v at %v ppm", off, p.now.Sub(p.started), drift.PPM())
				}
			}
			lead := p.d.Lead(p.now)
			if !lead.Synced || (lead.Steady-drift).PPM() > 5 || (lead.Steady-drift).PPM() < -5 {
				t.Fatalf("CL18 %+v, want a steady rate of %v ppm", lead, drift.PPM())
			}
			// The leader goes away for a minute: what was learnt carries R.
			p.now = p.now.Add(time.Minute)
			if off := p.error().Abs(); off > 500*time.Microsecond {
				t.Fatalf("CL18 off by %v after a minute alone", off)
			}
		}
	}
}

func TestFollowerOfASlewingLeader(t *testing.T) {
	p := newPair(t, 100*clock.PPM, 0, lan(3))
	p.run(2 * time.Minute)
	before, at := p.leader, p.now
	// The leader is on its way to UTC, and its machine's clock is off as well.
	p.leader = func(t time.Time) clock.Instant { return before(t).Add(t.Sub(at) / 5000) }
	for range 200 {
		p.run(time.Second)
		if off := p.error().Abs(); off > ms {
			t.Fatalf("CL17 off by %v, %v after the leader began to slew", off, p.now.Sub(at))
		}
	}
}

func TestFollowerIsNeverStepped(t *testing.T) {
	p := newPair(t, 0, 0, lan(4))
	p.run(10 * time.Second)
	p.live = true
	// The leader is ahead all at once: its machine was paused, say.
	before, at := p.leader, p.now
	p.leader = func(t time.Time) clock.Instant { return before(t).Add(200 * ms) }
	for p.now.Sub(at) < 100*time.Second {
		from, was := p.now, p.room.At(p.now)
		p.run(time.Second)
		took := p.now.Sub(from)
		if moved := p.room.At(p.now).Sub(was) - took; moved.Abs() > took*501/1_000_000+2*time.Microsecond {
			t.Fatalf("CL16 R moved by %v in %v while somebody watched", moved, took)
		}
	}
	if off := p.error(); (off + 150*ms).Abs() > 2*ms {
		t.Errorf("CL17 off by %v after 100 s, want 50 ms less than 200", off)
	}
	if p.d.Lead(p.now).Synced {
		t.Error("CL17 a clock that is 150 ms off says that it is in step")
	}
	epoch := p.room.Epoch()
	p.live = false
	p.run(5 * time.Second)
	if off := p.error().Abs(); off > 500*time.Microsecond || p.room.Epoch() == epoch {
		t.Errorf("CL16 off by %v in epoch %d after the viewers were gone", off, p.room.Epoch())
	}
	epoch = p.room.Epoch()
	p.run(time.Minute)
	if p.room.Epoch() != epoch {
		t.Errorf("CL16 epoch %d became %d without a reason", epoch, p.room.Epoch())
	}
}

func TestFollowerWaitsForViewersToGo(t *testing.T) {
	p := newPair(t, 0, time.Second, lan(5))
	p.live = true
	p.run(20 * time.Second)
	if p.error() != time.Second && (p.error()-time.Second).Abs() > 10*time.Microsecond || p.room.Epoch() != 7 {
		t.Errorf("CL16 R was set while somebody watched: off by %v in epoch %d", p.error(), p.room.Epoch())
	}
	p.live = false
	p.run(2 * time.Second)
	if p.error().Abs() > ms || p.room.Epoch() != 70 {
		t.Errorf("CL16 off by %v in epoch %d, want the leader's", p.error(), p.room.Epoch())
	}
}

func TestFollowerTakesANewEpoch(t *testing.T) {
	p := newPair(t, 50*clock.PPM, 0, lan(6))
	p.run(time.Minute)
	p.live = true
	before := p.leader
	p.leader, p.epoch = func(t time.Time) clock.Instant { return before(t).Add(-time.Hour) }, 90
	p.run(2 * time.Second)
	if off := p.error().Abs(); off > 500*time.Microsecond || p.room.Epoch() != 90 {
		t.Errorf("CL16 off by %v in epoch %d after the leader began anew", off, p.room.Epoch())
	}
}

func TestFollowerAfterSleep(t *testing.T) {
	p := newPair(t, 0, 0, lan(7))
	p.run(time.Minute)
	// The machine sleeps an hour: its monotonic clock stands, the leader goes on,
	// and whoever watches the machine sets R by the boot clock, a bit wrong.
	before := p.leader
	p.leader = func(t time.Time) clock.Instant { return before(t).Add(time.Hour) }
	p.room.Step(p.now, p.leader(p.now).Add(2*ms), 71)
	if p.d.Lead(p.now).Synced {
		t.Error("CL11 in step before the leader was asked again")
	}
	p.run(20 * time.Second)
	if off := p.error().Abs(); off > 500*time.Microsecond {
		t.Errorf("CL11 off by %v after the sleep", off)
	}
	if p.room.Epoch() != 71 {
		t.Errorf("CL11 epoch = %d: clients would take answers from before the sleep for good", p.room.Epoch())
	}
}
