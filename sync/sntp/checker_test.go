package sntp_test

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/sntp"
)

// network is servers in memory, all of which tell utc.
type network struct {
	utc    func(time.Time) time.Time
	kiss   atomic.Pointer[string]
	asked  atomic.Int64
	silent atomic.Bool
	served sync.WaitGroup
}

func (n *network) dial(context.Context, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	n.served.Go(func() {
		defer theirs.Close()
		b := make([]byte, 1024)
		for {
			if _, err := theirs.Read(b); err != nil {
				return
			}
			n.asked.Add(1)
			if n.silent.Load() {
				continue
			}
			time.Sleep(2 * time.Millisecond) // the way there
			nonce, now := binary.BigEndian.Uint64(b[40:]), n.utc(time.Now())
			reply := packet(nonce, now, now)
			if code := n.kiss.Load(); code != nil {
				reply = kiss(*code)(nonce, now)[0]
			}
			time.Sleep(2 * time.Millisecond) // and back
			if _, err := theirs.Write(reply); err != nil {
				return
			}
		}
	})
	return ours, nil
}

// run starts a checker over n and returns it with what ends it.
func (n *network) run(t *testing.T, room *clock.Room, idle func() bool) (*sntp.Checker, func()) {
	c, err := sntp.New(sntp.Config{
		Servers: []string{"a.example", "b.example", "c.example"}, Room: room, Idle: idle, Dial: n.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n.served.Wait()
	}
}

// ahead is a room clock ahead of the time servers by d, which tell the time of
// the bubble.
func ahead(d time.Duration) (*clock.Room, *network) {
	now := time.Now()
	return clock.NewRoom(now, clock.InstantOf(now.Add(d)), 7), &network{utc: func(t time.Time) time.Time { return t }}
}

func errorOf(room *clock.Room) time.Duration {
	now := time.Now()
	return room.At(now).Time().Sub(now)
}

func TestCheckerOnlyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, n := ahead(80 * time.Millisecond)
		c, stop := n.run(t, room, nil)
		defer stop()
		time.Sleep(time.Minute)
		if check := c.Last(); !check.Off() || (check.Error-80*time.Millisecond).Abs() > time.Millisecond {
			t.Errorf("CL14 %+v", check)
		}
		if n.asked.Load() != 9 {
			t.Errorf("CL13 asked %d times at the start, want 3 servers 3 times", n.asked.Load())
		}
		time.Sleep(9*time.Minute + 30*time.Second)
		if n.asked.Load() != 18 {
			t.Errorf("CL13 asked %d times after 10 minutes, want 18", n.asked.Load())
		}
		if off := errorOf(room); (off - 80*time.Millisecond).Abs() > 2*time.Microsecond {
			t.Errorf("CL15 R was moved to %v", off)
		}
	})
}

func TestCheckerSlews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, n := ahead(80 * time.Millisecond)
		var watched atomic.Bool
		c, stop := n.run(t, room, func() bool { return !watched.Load() })
		defer stop()
		time.Sleep(100 * time.Second)
		halfway := errorOf(room)
		if halfway < 59*time.Millisecond || halfway > 63*time.Millisecond {
			t.Errorf("CL15 off by %v after 100 s, want 80ms less 20ms", halfway)
		}
		if got := c.Last().Error; (got - halfway).Abs() > time.Millisecond {
			t.Errorf("CL13 Last says %v, R is off by %v", got, halfway)
		}
		watched.Store(true)
		time.Sleep(2 * time.Second)
		held := errorOf(room)
		time.Sleep(time.Hour)
		if off := errorOf(room); off != held {
			t.Errorf("CL15 off by %v, then %v while somebody watched", held, off)
		}
		watched.Store(false)
		time.Sleep(10 * time.Minute)
		if off := errorOf(room); off.Abs() > 10*time.Millisecond { // the servers' bound is 9 ms
			t.Errorf("CL15 off by %v after ten minutes", off)
		}
		if room.Epoch() != 7 {
			t.Error("CL15 the check began a new epoch")
		}
	})
}

func TestCheckerNeverSlewsFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, n := ahead(-time.Hour)
		c, stop := n.run(t, room, func() bool { return true })
		defer stop()
		time.Sleep(time.Hour)
		if off := errorOf(room); off != -time.Hour || !c.Last().Off() {
			t.Errorf("CL15 off by %v, said %v", off, c.Last().Error)
		}
	})
}

func TestCheckerAfterAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, n := ahead(0)
		c, stop := n.run(t, room, nil)
		defer stop()
		time.Sleep(time.Minute)
		now := time.Now()
		room.Step(now, clock.InstantOf(now.Add(time.Second)), 8)
		if c.Last().Servers != 0 {
			t.Error("CL13 a check of another epoch")
		}
		time.Sleep(time.Minute)
		if got := c.Last().Error; (got - time.Second).Abs() > time.Millisecond {
			t.Errorf("CL13 error %v a minute after the step, want 1s", got)
		}
	})
}

func TestCheckerDoesAsServersWish(t *testing.T) {
	for code, want := range map[string]int64{
		"DENY": 3,      // once each, and never again
		"RATE": 3 * 5,  // at 0, then after leaving out 1, 2, 4 and 8 checks
		"INIT": 3 * 21, // once each in every check
	} {
		synctest.Test(t, func(t *testing.T) {
			room, n := ahead(0)
			n.kiss.Store(&code)
			c, stop := n.run(t, room, nil)
			defer stop()
			time.Sleep(3*time.Hour + 29*time.Minute)
			if got := n.asked.Load(); got != want {
				t.Errorf("CL12 asked %d times after %s, want %d", got, code, want)
			}
			if c.Last().Known() {
				t.Error("CL13 known without a server")
			}
		})
	}
}

func TestCheckerLosesItsServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room, n := ahead(0)
		c, stop := n.run(t, room, nil)
		defer stop()
		time.Sleep(time.Minute)
		if !c.Last().Known() {
			t.Fatal("CL13 not known")
		}
		n.silent.Store(true)
		time.Sleep(11 * time.Minute)
		if last := c.Last(); last.Known() || last.Answered != 0 {
			t.Errorf("CL13 %+v from silent servers", last)
		}
	})
}
