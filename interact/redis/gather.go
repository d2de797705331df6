package redis

import (
	"context"
	"sync"
)

// Limits of gathered calls.
const (
	// flights are under way at the same time, each of at most atOnce calls.
	flights, atOnce = 4, 1024
	// maxGathered calls may wait for one.
	maxGathered = 1 << 17
)

// gatherer lets calls of many viewers that come at the same time, as they do when
// all of them come back, share round trips. Without it each would need a
// connection of its own.
type gatherer struct {
	c *Client

	mu      sync.Mutex // protects what follows
	waiting []*gathered
	calls   int // of those waiting
	flying  int
}

// gathered are the calls of one caller.
type gathered struct {
	calls []*call
	done  chan struct{} // closed when they have run
}

// run runs calls with those of others, at once unless enough are under way.
//
// Errors: unavailable; ctx's.
func (g *gatherer) run(ctx context.Context, doing string, calls []*call) error {
	if err := ctx.Err(); err != nil || len(calls) == 0 {
		return err
	}
	one := &gathered{calls: calls, done: make(chan struct{})}
	if !g.join(one) {
		g.c.complain(doing, errBusy)
		return unavailable
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, one := range calls {
		if err := g.c.refused(ctx, doing, one.err); err != nil {
			return err
		}
	}
	return nil
}

// join lets calls wait for the next flight, and starts one if there may be.
func (g *gatherer) join(one *gathered) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calls+len(one.calls) > maxGathered {
		return false
	}
	if g.flying < flights {
		if !g.c.start(g.fly) {
			return false
		}
		g.flying++
	}
	g.waiting = append(g.waiting, one)
	g.calls += len(one.calls)
	return true
}

// fly runs what waits until nothing does.
func (g *gatherer) fly() {
	for {
		some, calls := g.next()
		if len(some) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*g.c.cfg.Timeout)
		g.c.exec(ctx, calls)
		cancel()
		for _, one := range some {
			close(one.done)
		}
	}
}

// next takes what goes together. With nothing left the flight has ended.
func (g *gatherer) next() (some []*gathered, calls []*call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.waiting) && (n == 0 || len(calls)+len(g.waiting[n].calls) <= atOnce) {
		calls = append(calls, g.waiting[n].calls...)
		n++
	}
	some, g.waiting = g.waiting[:n:n], g.waiting[n:]
	g.calls -= len(calls)
	switch {
	case n == 0:
		g.flying--
	case len(g.waiting) == 0:
		g.waiting = nil
	}
	return some, calls
}
