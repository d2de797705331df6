package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/node"
)

// machine is one whose clocks a test turns. Its monotonic clock is the bubble's.
type machine struct {
	started time.Time
	asleep  atomic.Int64 // ns
	boot    string
	broken  error
}

func newMachine() *machine { return &machine{started: time.Now().Add(-time.Hour), boot: "boot-1"} }

func (m *machine) clocks() node.Machine {
	return node.Machine{
		Now:       time.Now,
		SinceBoot: func() (time.Duration, error) { return time.Since(m.started) + time.Duration(m.asleep.Load()), m.broken },
		BootID:    func() (string, error) { return m.boot, nil },
	}
}

// reboot restarts the machine: the boot clock begins anew.
func (m *machine) reboot(boot string) {
	m.boot, m.started = boot, time.Now()
	m.asleep.Store(0)
}

func open(t *testing.T, dir string, m node.Machine) *node.Clock {
	t.Helper()
	c, err := node.Open(node.Config{Dir: dir, Machine: m})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run runs c for d of the bubble's time.
func run(t *testing.T, c *node.Clock, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
}

func near(a, b clock.Instant, within time.Duration) bool { return a.Sub(b).Abs() <= within }

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := t.TempDir(), newMachine()
		first := open(t, dir, m.clocks())
		first.Room().Steer(time.Now(), 45*time.Millisecond, 0, 0)
		run(t, first, time.Minute)
		time.Sleep(time.Minute) // nothing runs
		second := open(t, dir, m.clocks())
		now := time.Now()
		// The process that is gone would have moved R by another 15 ms by now.
		if got, want := second.Room().At(now), first.Room().At(now).Add(-15*time.Millisecond); !near(got, want, 20*time.Microsecond) {
			t.Errorf("CL10 R moved by %v over a restart", got.Sub(first.Room().At(now)))
		}
		if second.Room().Epoch() != first.Room().Epoch() {
			t.Error("CL10 another epoch on the same boot")
		}
	})
}

func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := t.TempDir(), newMachine()
		first := open(t, dir, m.clocks())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- first.Run(ctx) }()
		first.Room().Steer(time.Now(), 10*time.Second, 0, 0)
		time.Sleep(90*time.Second + 700*time.Millisecond)
		second := open(t, dir, m.clocks()) // as if first ended here, with no time to save
		now := time.Now()
		if got := second.Room().At(now).Sub(first.Room().At(now)).Abs(); got > 1100*time.Microsecond {
			t.Errorf("CL10 R moved by %v over a kill", got)
		}
		cancel()
		<-done
	})
}

func TestReboot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := t.TempDir(), newMachine()
		first := open(t, dir, m.clocks())
		time.Sleep(time.Minute)
		m.reboot("boot-2")
		second := open(t, dir, m.clocks())
		if second.Room().Epoch() <= first.Room().Epoch() {
			t.Errorf("CL10 epoch %d after %d", second.Room().Epoch(), first.Room().Epoch())
		}
		if now := time.Now(); second.Room().At(now) != clock.InstantOf(now) {
			t.Errorf("CL10 a new R is %v off the wall clock", second.Room().At(now).Time().Sub(now))
		}
	})
}

func TestFileCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"CL10 torn":          `{"boot_id":"boot-1","epo`,
		"CL10 empty":         ``,
		"CL10 cannot be":     `{"boot_id":"boot-1","epoch":4000000000,"offset_us":9000000000000000000}`,
		"CL10 negative":      `{"boot_id":"boot-1","epoch":4000000000,"offset_us":-5}`,
		"CL10 another shape": `{"boot_id":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "clock.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := open(t, dir, newMachine().clocks())
			if now := time.Now(); !near(c.Room().At(now), clock.InstantOf(now), time.Millisecond) || c.Room().Epoch() == 0 {
				t.Errorf("R = %v, epoch %d", c.Room().At(now).Time(), c.Room().Epoch())
			}
			again := open(t, dir, newMachine().clocks())
			if again.Room().Epoch() != c.Room().Epoch() {
				t.Error("the new clock was not saved")
			}
		})
	}
}

func TestEpochsGrowThoughTheWallClockWentBack(t *testing.T) {
	dir := t.TempDir()
	text := `{"boot_id":"another","epoch":4000000000,"offset_us":5}`
	if err := os.WriteFile(filepath.Join(dir, "clock.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir, newMachine().clocks()).Room().Epoch(); got != 4000000001 {
		t.Errorf("CL10 epoch = %d", got)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := t.TempDir(), newMachine()
		c := open(t, dir, m.clocks())
		room, epoch := c.Room(), c.Room().Epoch()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(10*time.Second + time.Millisecond)
		stepped := room.Stepped()
		before := room.At(time.Now())
		m.asleep.Add(int64(8 * time.Hour)) // the monotonic clock stands
		select {
		case <-stepped:
		case <-time.After(1500 * time.Millisecond):
			t.Fatal("CL11 nobody was told of the sleep")
		}
		want := before.Add(8*time.Hour + 999*time.Millisecond)
		if got := room.At(time.Now()); !near(got, want, 10*time.Microsecond) {
			t.Errorf("CL11 R is %v from where it would be", got.Sub(want))
		}
		if room.Epoch() <= epoch {
			t.Error("CL11 the same epoch after a sleep")
		}
		epoch = room.Epoch()
		time.Sleep(time.Hour)
		if room.Epoch() != epoch {
			t.Error("CL11 one sleep was noticed twice")
		}
		cancel()
		<-done
		again := open(t, dir, m.clocks())
		if now := time.Now(); again.Room().Epoch() != epoch || !near(again.Room().At(now), room.At(now), 10*time.Microsecond) {
			t.Error("CL11 a restart after the sleep does not continue R")
		}
	})
}

func TestSleepBetweenTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := t.TempDir(), newMachine()
		first := open(t, dir, m.clocks())
		m.asleep.Add(int64(time.Hour))
		second := open(t, dir, m.clocks())
		now := time.Now()
		if !near(second.Room().At(now), first.Room().At(now).Add(time.Hour), 10*time.Microsecond) || second.Room().Epoch() != first.Room().Epoch() {
			t.Error("CL10 R was not continued over a sleep")
		}
	})
}

func TestFileIsReplacedAtOnce(t *testing.T) {
	dir, m := t.TempDir(), newMachine()
	c := open(t, dir, m.clocks())
	for i := range 50 {
		c.Room().Step(time.Now(), clock.InstantOf(time.Now()), uint32(4_000_000_000+i))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.Run(ctx) // saves when it ends
		var s struct{ Epoch uint32 }
		text, err := os.ReadFile(filepath.Join(dir, "clock.json"))
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil || s.Epoch != c.Room().Epoch() {
			t.Fatalf("CL10 %s: %v", text, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("CL10 left behind: %v", left)
	}
}

func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, m := filepath.Join(t.TempDir(), "data"), newMachine()
		if _, err := node.Open(node.Config{Dir: dir, Machine: m.clocks()}); err == nil {
			t.Fatal("CL10 a clock that cannot be saved")
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, m.clocks())
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		c.Room().Step(time.Now(), 1_800_000_000_000_000, 4_000_000_000)
		run(t, c, 5*time.Second) // goes on without
		m.broken = errors.New("no such clock")
		run(t, c, 5*time.Second)
		if got := c.Room().Epoch(); got != 4_000_000_000 {
			t.Errorf("CL10 epoch = %d", got)
		}
	})
}

// TestThisMachine reads the clocks of the machine the test runs on.
func TestThisMachine(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, node.Machine{})
	second := open(t, dir, node.Machine{})
	now := time.Now()
	if d := second.Room().At(now).Sub(first.Room().At(now)).Abs(); d > time.Millisecond || first.Room().Epoch() != second.Room().Epoch() {
		t.Errorf("CL10 R moved by %v over a restart, epoch %d became %d", d, first.Room().Epoch(), second.Room().Epoch())
	}
}
