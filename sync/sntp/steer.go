package sntp

import (
	"log/slog"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// utcSlew is how fast R is moved towards UTC: slow enough that a follower
	// whose own clock drifts keeps up within clock.MaxSlew.
	utcSlew = 200 * clock.PPM
	// maxOwed is the most that is slewed away: 14 hours at that rate.
	maxOwed = 10 * time.Second
	// enough is where a correction may end.
	enough = time.Millisecond
)

// steer slews R towards UTC while nobody watches, and leaves it alone as soon as
// somebody does (CL15).
func (c *Checker) steer(now time.Time) {
	if c.cfg.Idle == nil {
		return
	}
	owed := c.owed(now)
	free := c.cfg.Idle() && owed != 0
	switch {
	case free && !c.slewing:
		c.cfg.Room.Steer(now, owed, 0, utcSlew.Takes(owed))
	case !free && c.slewing:
		c.cfg.Room.Steer(now, 0, 0, 0)
	}
	c.slewing = free
}

// owed is by how much R is still to be moved.
func (c *Checker) owed(now time.Time) time.Duration {
	last := c.last.Load()
	if last == nil || last.epoch != c.cfg.Room.Epoch() {
		return 0
	}
	owed := last.Owed()
	if owed == 0 || owed.Abs() > maxOwed {
		return 0
	}
	left := owed - moved(c.cfg.Room, last.at, now)
	if left.Abs() < enough {
		return 0
	}
	return left
}

// report logs what an operator should know of a check: once for each server
// whose state changed, and each time that R is off or nobody can tell.
func (c *Checker) report(check clock.Check) {
	log := c.cfg.Log
	for _, s := range check.Sources {
		c.tell(s, check.Known())
	}
	figures := []any{
		slog.Duration("dur", check.Error), slog.Duration("bound", check.Bound),
		slog.Int("agree", check.Agree), slog.Int("servers", check.Servers),
	}
	switch {
	case !check.Known():
		log.Warn("time servers do not agree, nobody can tell how far the room clock is from utc", figures[2:]...)
	case check.Error.Abs() > maxOwed:
		log.Warn("room clock is too far from utc to be slewed there: set the system's clock and let the room clock start anew", figures...)
	case check.Off():
		log.Warn("room clock is off utc", figures...)
	default:
		log.Debug("room clock checked", figures...)
	}
}

// tell logs a server's state when it is another than before.
func (c *Checker) tell(s clock.Source, known bool) {
	state := "agrees"
	switch {
	case s.Err != nil:
		state = "gives no time"
	case known && !s.Agrees:
		state = "differs"
	}
	if c.told[s.Server] == state {
		return
	}
	c.told[s.Server] = state
	log := c.cfg.Log.With("remote", s.Server)
	switch state {
	case "gives no time":
		log.Warn("time server gives no time", "err", s.Err)
	case "differs":
		log.Warn("time server differs from the others", "dur", s.Error)
	default:
		log.Info("time server asked", "dur", s.Error)
	}
}
