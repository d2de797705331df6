package loadgen

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"
)

// Waits of orders that end when all viewers are as far.
const (
	allInside  = 3 * time.Minute // beyond the ramp
	allBack    = 60 * time.Second
	allReached = 30 * time.Second
)

// connectAll waits until everybody is inside.
func (c *crowd) connectAll(ctx context.Context) (*connected, error) {
	wait := allInside
	if c.assigned.Ramp > 0 {
		wait += time.Duration(float64(len(c.viewers)) / c.assigned.Ramp * float64(time.Second))
	}
	if err := c.await(ctx, wait); err != nil {
		return nil, err
	}
	room, err := c.room(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	found := &connected{Ahead: int64(room.At(c.clock.local(now))) - now.UnixMicro(),
		Waits: c.waits, Began: c.since.UnixNano(), Ended: c.lastIn.UnixNano(), Refused: c.refused}
	c.waits, c.refused = nil, make(map[string]int)
	return found, nil
}

// await waits until everybody is inside.
func (c *crowd) await(ctx context.Context, wait time.Duration) error {
	c.mu.Lock()
	full := c.full
	c.mu.Unlock()
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-full:
		return nil
	case err := <-c.hopeless:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		return fmt.Errorf("%d of %d viewers are connected after %v; refused: %v", c.inside, len(c.viewers), wait, c.refused)
	}
}

// cut ends all connections as a network does that is gone, without a word, and
// waits until everybody is back.
func (c *crowd) cut(ctx context.Context) *resumed {
	now := time.Now()
	c.mu.Lock()
	c.back = &comingBack{cut: now}
	c.mu.Unlock()
	for _, v := range c.viewers {
		if v.drop() {
			c.outside()
			v.comeBack(0)
		}
	}
	_ = c.await(ctx, allBack) // who is not back is counted
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.back
	c.back = nil
	found := &resumed{
		Waits: b.waits, Resumed: b.resumed, Reset: b.reset, Lost: len(c.viewers) - c.inside, Refused: c.refused,
	}
	c.refused = make(map[string]int)
	return found
}

// drop ends the viewer's connection. It is false if there is none.
func (v *viewer) drop() bool {
	v.mu.Lock()
	conn := v.conn
	if conn == nil || v.welcomed != nil {
		v.mu.Unlock()
		return false // it is on its way in, and will be counted
	}
	v.conn = nil
	v.mu.Unlock()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // no farewell either
	}
	conn.Close()
	return true
}

// reached waits until a revision of a cue has reached everybody, and says when.
func (c *crowd) reached(ctx context.Context, o *arrivals) ([]int64, error) {
	c.mu.Lock()
	s := c.spreadingOf(o.Cue, o.Rev)
	c.mu.Unlock()
	late := time.NewTimer(allReached)
	defer late.Stop()
	select {
	case <-s.all:
	case <-late.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(s.times); n < len(c.viewers) {
		c.differing++
		c.differences = append(c.differences, fmt.Sprintf("revision %d of cue %s reached %d of %d viewers within %v", o.Rev, o.Cue, n, len(c.viewers), allReached))
	}
	return slices.Clone(s.times), nil
}
