package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// watchEvery is how often the clocks of the machine are compared.
	watchEvery = time.Second
	// slept is by how much the boot clock is ahead when the machine was asleep.
	slept = 100 * time.Millisecond
	// saveFrom is by how much R may differ from what is saved.
	saveFrom = 500 * time.Microsecond
)

// Config is where a node's clock is kept.
type Config struct {
	// Dir is the data folder; the clock is in its file clock.json.
	Dir string
	// Machine is whose clocks are read. Default: ThisMachine.
	Machine Machine
	// Log is told when R could not be continued. Default: nowhere.
	Log *slog.Logger
}

// Clock is this node's R.
type Clock struct {
	cfg  Config
	file string
	room *clock.Room

	// All below belongs to Open, then to Run.

	boot    string
	start   reading // from which on the two clocks go alike
	saved   saved
	failing bool // the last save did not succeed
}

// Open continues the R kept in cfg.Dir, or starts a new one from the wall clock
// with a new epoch: if the machine was booted since, or the file cannot be read
// (CL10). Errors: the machine's clocks cannot be read, or a new R not be saved.
func Open(cfg Config) (*Clock, error) {
	if cfg.Machine.Now == nil {
		cfg.Machine = ThisMachine()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Clock{cfg: cfg, file: filepath.Join(cfg.Dir, "clock.json")}
	var err error
	if c.boot, err = cfg.Machine.BootID(); err != nil {
		return nil, err
	}
	if c.start, err = cfg.Machine.read(); err != nil {
		return nil, err
	}
	was, err := read(c.file)
	switch {
	case err == nil && was.Boot == c.boot:
		c.saved = was
		c.room = clock.NewRoom(c.start.now, instant(c.start.boot+was.offset()), was.Epoch)
		return c, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		cfg.Log.Warn("room clock starts anew: its file cannot be read", "err", err)
	}
	c.room = clock.NewRoom(c.start.now, clock.InstantOf(c.start.now), clock.NextEpoch(was.Epoch, c.start.now))
	return c, c.save(c.start)
}

func instant(sinceEpoch time.Duration) clock.Instant {
	return clock.Instant(sinceEpoch / time.Microsecond)
}

// Room is R. It is there before Run and after it.
func (c *Clock) Room() *clock.Room { return c.room }

// Run watches the machine and saves R until ctx ends. It ends early with no
// error: a clock that cannot be saved goes on, and says so in the log.
func (c *Clock) Run(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.watch()
			return nil
		case <-tick.C:
			c.watch()
		}
	}
}

// watch looks whether the machine was asleep, and whether R is still what is
// saved.
func (c *Clock) watch() {
	r, err := c.cfg.Machine.read()
	if err != nil {
		c.complain(err)
		return
	}
	if away := (r.boot - c.start.boot) - r.now.Sub(c.start.now); away.Abs() > slept {
		c.wake(r, away)
	}
	if c.room.Epoch() != c.saved.Epoch || (c.offset(r)-c.saved.offset()).Abs() >= saveFrom {
		c.complain(c.save(r))
	}
}

// wake sets R to where it would be had the machine not slept (CL11).
func (c *Clock) wake(r reading, away time.Duration) {
	to := c.room.At(r.now).Add(away)
	c.room.Step(r.now, to, clock.NextEpoch(c.room.Epoch(), r.now))
	c.start = r
	c.cfg.Log.Warn("the machine was asleep, the room clock begins a new epoch", "dur", away)
}

func (c *Clock) offset(r reading) time.Duration {
	return time.Duration(c.room.At(r.now))*time.Microsecond - r.boot
}

func (c *Clock) save(r reading) error {
	epoch := c.room.Epoch()
	next := saved{Boot: c.boot, Epoch: epoch, Offset: int64(c.offset(r) / time.Microsecond)}
	if err := write(c.file, next, epoch != c.saved.Epoch); err != nil {
		return err
	}
	c.saved = next
	return nil
}

// complain logs the first of a row of errors.
func (c *Clock) complain(err error) {
	if err != nil && !c.failing {
		c.cfg.Log.Error("room clock is not saved: a restart will begin a new one or an old one", "err", err)
	}
	c.failing = err != nil
}
