package redis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// door is the way to one server. It is shut while the server does not answer, so
// that nobody waits for it whose answers others could take meanwhile.
type door struct {
	shut    atomic.Bool
	lagging atomic.Bool   // too few replicas had it the last time
	inside  chan struct{} // has one for each connection that is used
}

// enter waits until a connection may be used, which leave is the end of.
//
// Errors: errDown; redis.ErrPoolTimeout after the longest wait; ctx's.
func (d *door) enter(ctx context.Context, longest time.Duration) error {
	if d.shut.Load() {
		return errDown
	}
	wait := time.NewTimer(longest)
	defer wait.Stop()
	select {
	case d.inside <- struct{}{}:
		if d.shut.Load() { // meanwhile
			d.leave()
			return errDown
		}
		return nil
	case <-wait.C:
		return redis.ErrPoolTimeout
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *door) leave() { <-d.inside }

// patience is how long to wait for replicas: not long for those that were not
// there the last time.
func (d *door) patience(most time.Duration) time.Duration {
	if d.lagging.Load() {
		return max(most/4, time.Millisecond)
	}
	return most
}

// knocking is how often a server that does not answer is asked whether it does.
const knocking = 100 * time.Millisecond

func (c *Client) door(node *redis.Client) *door {
	addr := node.Options().Addr
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.doors[addr]
	if d == nil {
		d = &door{inside: make(chan struct{}, c.cfg.Connections)}
		c.doors[addr] = d
	}
	return d
}

// shut shuts the door of a server until it answers again.
func (c *Client) shut(node *redis.Client) {
	d := c.door(node)
	if !d.shut.CompareAndSwap(false, true) {
		return
	}
	c.stats.down.Add(1)
	c.log.Warn("redis does not answer", "remote", node.Options().Addr)
	c.start(func() { c.knock(node, d) })
}

// knock asks a server until it answers, and opens its door.
func (c *Client) knock(node *redis.Client, d *door) {
	tick := time.NewTicker(knocking)
	defer tick.Stop()
	defer c.stats.down.Add(-1)
	defer d.shut.Store(false)
	for since := time.Now(); ; {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		if c.cluster != nil {
			c.cluster.ReloadState(context.Background())
		}
		if c.answers(node) {
			c.log.Info("redis answers again", "remote", node.Options().Addr, "dur", time.Since(since))
			return
		}
	}
}

// answers says whether a server does, if only with a refusal, or is none of ours
// any more.
func (c *Client) answers(node *redis.Client) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.DialTimeout)
	defer cancel()
	err := node.Ping(ctx).Err()
	return err == nil || errors.Is(err, redis.ErrClosed) || !isBroken(err) && !isMoving(err)
}
