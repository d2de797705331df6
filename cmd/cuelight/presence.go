package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	presenceEvery = time.Second
	presenceTTL   = 5 * time.Second
	presenceSlate = "presence:"
)

// crowds knows who watches on other nodes, and tells them who does here.
type crowds struct {
	node     string
	channels []string
	here     func(channel string) wire.Presence
	slate    interact.Slate
	// read returns what the nodes have written of a channel.
	read func(ctx context.Context, channel string) (map[string][]byte, error)
	log  *slog.Logger

	mu        sync.Mutex // protects what follows
	elsewhere map[string]wire.Presence
	failing   bool
}

// of returns who watches a channel on other nodes.
func (c *crowds) of(channel string) wire.Presence {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elsewhere[channel]
}

// Run tells and reads until ctx ends.
func (c *crowds) Run(ctx context.Context) error {
	every := time.NewTicker(presenceEvery)
	defer every.Stop()
	for {
		c.exchange(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// exchange looks after all channels at the same time: one that is slow keeps no
// other one back.
func (c *crowds) exchange(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, presenceEvery)
	defer cancel()
	errs := make([]error, len(c.channels))
	var wg sync.WaitGroup
	for i, name := range c.channels {
		wg.Go(func() { errs[i] = c.exchangeOne(ctx, name) })
	}
	wg.Wait()
	var failed error
	for _, err := range errs {
		if err != nil {
			failed = err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if failed != nil && !c.failing && ctx.Err() == nil {
		c.log.Warn("viewers of other nodes are not known", "err", failed)
	}
	c.failing = failed != nil
}

func (c *crowds) exchangeOne(ctx context.Context, name string) error {
	data, err := json.Marshal(c.here(name))
	if err != nil {
		return err
	}
	if err := c.slate.Write(ctx, name, presenceSlate+c.node, 0, data, presenceTTL); err != nil {
		return err
	}
	all, err := c.read(ctx, name)
	if err != nil {
		return err
	}
	var sum wire.Presence
	for node, data := range all {
		var p wire.Presence
		if node != c.node && json.Unmarshal(data, &p) == nil {
			add(&sum, p)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elsewhere[name] = sum
	return nil
}

func add(sum *wire.Presence, p wire.Presence) {
	sum.Viewers += p.Viewers
	sum.Synced += p.Synced
	sum.In += p.In
	sum.Near += p.Near
	sum.Far += p.Far
	sum.Stuck += p.Stuck
	sum.Joins += p.Joins
	sum.Leaves += p.Leaves
	sum.Grades.Device += p.Grades.Device
	sum.Grades.PIN += p.Grades.PIN
	sum.Grades.Link += p.Grades.Link
	sum.Grades.Account += p.Grades.Account
}
