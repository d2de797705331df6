package loadgen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// roomClock is what a worker knows of R: one filter for all its viewers, since
// they share this machine's clock. Safe for concurrent use.
type roomClock struct {
	zero time.Time

	mu     sync.Mutex // protects everything below
	filter clock.Filter
	epoch  uint32
	pongs  int // in this epoch
}

// One viewer of a worker asks for the time: often at first, since on a busy
// machine only the quickest of many answers tells the truth.
const (
	burstPings = 16
	burstEvery = 30 * time.Millisecond
	pingEvery  = 2 * time.Second
)

// keepTime pings until ctx ends.
func (c *crowd) keepTime(ctx context.Context) {
	for seq := uint16(0); ; seq++ {
		every := pingEvery
		if c.clock.heard() < burstPings {
			every = burstEvery
		}
		if !pause(ctx, every) {
			return
		}
		if conn := c.anybody(); conn != nil {
			_, _ = conn.Write(appendFrame(nil, opBinary, rand.Uint32(), c.clock.ping(seq))) // if it fails, its reader says so
		}
	}
}

// anybody returns the connection of one of the first viewers that has one.
func (c *crowd) anybody() net.Conn {
	for _, v := range c.viewers[:min(len(c.viewers), 8)] {
		v.mu.Lock()
		conn, inside := v.conn, v.welcomed == nil
		v.mu.Unlock()
		if conn != nil && inside {
			return conn
		}
	}
	return nil
}

func (c *roomClock) heard() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pongs
}

func (c *roomClock) local(t time.Time) clock.Local { return t.Sub(c.zero) }

// ping returns a clock frame that leaves now.
func (c *roomClock) ping(seq uint16) []byte {
	return wire.Ping{Seq: seq, Sent: float64(c.local(time.Now()).Nanoseconds())}.Append(nil)
}

// learn takes the answer to a ping, read at at.
func (c *roomClock) learn(frame []byte, at time.Time) error {
	pong, err := wire.ParsePong(frame)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if pong.ClockEpoch != c.epoch {
		c.filter.Reset()
		c.epoch, c.pongs = pong.ClockEpoch, 0
	}
	c.pongs++
	c.filter.Add(clock.Exchange{Sent: clock.Local(pong.Sent), Received: pong.Received, Replied: pong.Replied, Returned: c.local(at)})
	return nil
}

// room returns what is known of R, as soon as enough pings were answered.
func (c *crowd) room(ctx context.Context) (clock.Estimate, error) {
	for wait := time.Now().Add(clockWait); time.Now().Before(wait); {
		if e, ok := c.clock.best(); ok && c.clock.heard() >= burstPings {
			return e, nil
		}
		if !pause(ctx, 10*time.Millisecond) {
			return clock.Estimate{}, ctx.Err()
		}
	}
	return clock.Estimate{}, fmt.Errorf("the server's clock has answered %d pings in %v; it takes %d to know the time", c.clock.heard(), clockWait, burstPings)
}

// clockWait is how long the pongs may take.
const clockWait = 10 * time.Second

// best returns the estimate of R at the moment; false before the first pong.
func (c *roomClock) best() (clock.Estimate, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.filter.Best(c.local(time.Now()))
}

// when returns when R shows i, by an estimate.
func (c *roomClock) when(e clock.Estimate, i clock.Instant) time.Time { return c.zero.Add(e.Local(i)) }
