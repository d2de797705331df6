package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// DefaultTTL is how long a lease lasts that is not renewed.
const DefaultTTL = 2 * time.Second

// Config says which lease Run campaigns for.
type Config struct {
	// Store keeps the leases. Needed.
	Store Store
	// Name is that of the lease, Owner that of this node. Needed; no two nodes
	// have the same.
	Name, Owner string
	// TTL is how long a lease lasts that is not renewed. It is renewed four times
	// as often, and another node tries as often to get it. Default DefaultTTL, at
	// least 40 ms.
	TTL time.Duration
	// Log is told of taking and losing the lease. Nil tells nobody.
	Log *slog.Logger
}

// minTTL leaves 10 ms between two renewals.
const minTTL = 40 * time.Millisecond

// Validate reports every problem, each beginning with the setting's name.
func (c Config) Validate() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("store: none given"))
	}
	if c.Name == "" || c.Owner == "" {
		errs = append(errs, errors.New("name, owner: both are needed"))
	}
	if c.TTL != 0 && c.TTL < minTTL {
		errs = append(errs, fmt.Errorf("ttl: %v: at least %v is needed", c.TTL, minTTL))
	}
	return errors.Join(errs...)
}

// Run campaigns for the lease until ctx ends, and while it holds it runs hold,
// whose context ends when ctx does, or when the lease may be another node's: then
// context.Cause says ErrLost. While hold finishes after the end of ctx, the lease
// is renewed; it is given back when hold has returned.
//
// When hold returns nil without having been told to end, Run does too. When it
// returns an error, that is logged, and this node campaigns again after a time to
// live, so that another one comes first.
//
// Errors: a Config that cannot work. Store's errors are logged, and tried again.
func Run(ctx context.Context, cfg Config, hold func(ctx context.Context, l Lease) error) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("lease %s: %w", cfg.Name, err)
	}
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := campaign{Config: cfg, hold: hold}
	c.Log = c.Log.With("lease", cfg.Name)
	for ctx.Err() == nil {
		l, until, ok := c.acquire(ctx)
		if !ok {
			continue
		}
		if done := c.reign(ctx, l, until); done {
			return nil
		}
	}
	return nil
}

// campaign is one Run.
type campaign struct {
	Config
	hold     func(context.Context, Lease) error
	troubled bool // the store's last answer was an error, and has been logged
}

// every is how long to wait between two renewals, or two attempts.
func (c *campaign) every() time.Duration { return c.TTL / 4 }

// belief is how long a lease is believed in after it was asked for (LE1).
func (c *campaign) belief() time.Duration { return c.TTL - c.TTL/4 }

// acquire tries once, and waits if somebody else holds the lease.
func (c *campaign) acquire(ctx context.Context) (l Lease, until time.Time, ok bool) {
	asked := time.Now()
	try, cancel := context.WithTimeout(ctx, c.belief())
	l, err := c.Store.Acquire(try, c.Name, c.Owner, c.TTL)
	cancel()
	if err == nil && time.Since(asked) < c.belief() {
		c.troubled = false
		return l, asked.Add(c.belief()), true
	}
	if err == nil { // it came too late to be used
		c.release(ctx, l)
	} else if !errors.Is(err, ErrHeld) {
		c.trouble(ctx, "the lease cannot be acquired", err)
	} else {
		c.troubled = false
	}
	// By lot, so that nodes that lost a holder together do not ask together.
	c.wait(ctx, c.every()-rand.N(c.every()/4+1))
	return Lease{}, time.Time{}, false
}

// trouble logs the first of the store's errors in a row.
func (c *campaign) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil && !c.troubled {
		c.Log.Warn(what, "err", err)
		c.troubled = true
	}
}

func (c *campaign) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// reign runs hold under the lease. It reports whether hold was done.
func (c *campaign) reign(ctx context.Context, l Lease, until time.Time) (done bool) {
	c.Log.Info("the lease is held", "fence", l.Fence)
	held, lose := context.WithCancelCause(ctx)
	// hold may finish after ctx has ended, under a lease that is still renewed.
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		c.keep(keep, l, until, lose)
	}()
	err := c.hold(held, l)
	told := held.Err() != nil
	stop()
	<-kept
	if !errors.Is(context.Cause(held), ErrLost) { // else it ends by itself, or has
		c.release(ctx, l)
		c.Log.Info("the lease is given back", "fence", l.Fence)
	}
	lose(nil)
	if told || err == nil {
		return !told
	}
	c.Log.Warn("what runs under the lease has ended", "err", err)
	c.wait(ctx, c.TTL)
	return false
}

// keep renews the lease until ctx ends, and calls lose as soon as it may be
// another node's.
func (c *campaign) keep(ctx context.Context, l Lease, until time.Time, lose context.CancelCauseFunc) {
	doubt := time.AfterFunc(time.Until(until), func() { lose(ErrLost) })
	defer doubt.Stop()
	for {
		c.wait(ctx, c.every())
		if ctx.Err() != nil {
			return
		}
		asked := time.Now()
		try, cancel := context.WithDeadline(ctx, until)
		err := c.Store.Renew(try, l, c.TTL)
		cancel()
		switch {
		case errors.Is(err, ErrLost):
			c.Log.Warn("the lease is lost", "fence", l.Fence)
			lose(ErrLost)
			return
		case err != nil:
			c.trouble(ctx, "the lease cannot be renewed", err)
		case doubt.Stop():
			c.troubled, until = false, asked.Add(c.belief())
			doubt.Reset(time.Until(until))
		}
		if !time.Now().Before(until) {
			c.Log.Warn("the lease may be another node's by now", "fence", l.Fence)
			lose(ErrLost) // doubt may be stopped before it has said so
			return
		}
	}
}

// release gives the lease back in time or leaves it to end by itself.
func (c *campaign) release(ctx context.Context, l Lease) {
	try, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.TTL)
	defer cancel()
	if err := c.Store.Release(try, l); err != nil {
		c.trouble(ctx, "the lease cannot be given back", err)
	}
}
