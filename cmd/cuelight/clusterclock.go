package main

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/sync/follow"
)

// clockLease is held by the node whose R the others keep.
const clockLease = "clock"

const (
	clockTTL = 2 * time.Second
	// clockLook is how often it is looked who leads, and whether this node may.
	clockLook = 500 * time.Millisecond
)

// whom says who leads the clock. While nobody does, the last one's clock is as
// good as it was.
func (c *cluster) whom() (address string, self bool) {
	if c.leadsClock.Load() {
		return "", true
	}
	if holder := c.clockHolder.Load(); holder != nil {
		return c.directory.clockOf(*holder), false
	}
	return "", false
}

// runClock campaigns for the clock as soon as this node may lead it, until ctx
// ends. Meanwhile it looks who leads.
func (c *cluster) runClock(ctx context.Context) error {
	look := time.NewTicker(clockLook)
	defer look.Stop()
	campaign := make(chan error, 1)
	campaigning := false
	for {
		if !campaigning && c.mayLeadClock() {
			campaigning = true
			go func() { campaign <- c.campaignForClock(ctx) }()
		}
		c.lookForClock(ctx)
		select {
		case <-ctx.Done():
			if campaigning {
				return <-campaign
			}
			return nil
		case <-look.C:
		}
	}
}

func (c *cluster) campaignForClock(ctx context.Context) error {
	return lease.Run(ctx, lease.Config{Store: c.leases, Name: clockLease, Owner: c.id, TTL: clockTTL, Log: c.log},
		func(ctx context.Context, _ lease.Lease) error {
			c.clockHolder.Store(nil) // or two nodes may follow each other while Redis is away
			c.leadsClock.Store(true)
			defer c.leadsClock.Store(false)
			<-ctx.Done()
			return nil
		})
}

// mayLeadClock says whether this node's R may become everybody's: it has that
// of the others, or there is nobody who has it.
func (c *cluster) mayLeadClock() bool {
	if !c.directory.known() {
		return false
	}
	var others []follow.Candidate
	for _, n := range c.directory.others() {
		others = append(others, n.load.Clock)
	}
	return c.srv.clock.lead.Candidate().MayLead(others)
}

func (c *cluster) lookForClock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockLook)
	defer cancel()
	holder, err := c.leases.Holder(ctx, clockLease)
	if err != nil || holder.Owner == "" || holder.Owner == c.id {
		return
	}
	c.clockHolder.Store(&holder.Owner)
}

// clockReady says what is missing of this node's R.
func (c *cluster) clockReady(context.Context) string {
	select {
	case <-c.srv.clock.lead.Followed():
		return ""
	default:
		return "not in step with the other nodes yet"
	}
}

// unwatched reports whether nobody would notice if the R of all nodes moved:
// nothing is on air on any of them, and no viewer is there.
func (c *cluster) unwatched() bool {
	for name, s := range c.seats {
		if _, _, live := s.Edge(); live || c.srv.gateway.Viewers(name)+c.crowds.of(name).Viewers > 0 {
			return false
		}
	}
	return true
}

// whileLeading runs a part of the server while this node leads the clock, anew
// each time that it becomes the leader.
type whileLeading struct {
	leads func() bool
	run   func(ctx context.Context) error
}

// Run looks until ctx ends. A part that ends by itself ends it too.
func (w *whileLeading) Run(ctx context.Context) error {
	look := time.NewTicker(clockLook)
	defer look.Stop()
	for {
		if w.leads() {
			if err := w.term(ctx, look.C); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// term runs the part until this node leads no more, or ctx ends.
func (w *whileLeading) term(ctx context.Context, look <-chan time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return <-done
		case <-look:
			if !w.leads() {
				cancel()
			}
		}
	}
}
