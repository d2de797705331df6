// Package lifecycle starts the parts of the server and stops them in order.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Service is a part of the server that lives as long as Run does.
//
// Run blocks. When ctx ends it finishes what it promised, waits for every
// goroutine it started, and returns nil. An earlier return is a failure.
type Service interface {
	Run(ctx context.Context) error
}

// ServiceFunc makes a plain function a Service.
type ServiceFunc func(ctx context.Context) error

// Run calls f.
func (f ServiceFunc) Run(ctx context.Context) error { return f(ctx) }

// Group runs services together. They stop one by one, last added first, so a
// store is added before the gateway that needs it.
type Group struct {
	// Drain is how long one service may take to stop. Default 10s.
	Drain time.Duration

	members []*member
}

type member struct {
	name string
	svc  Service
	stop context.CancelFunc
	done chan struct{} // closed after err is set
	err  error
}

// Add registers s under the name used in errors. Call it before Run.
func (g *Group) Add(name string, s Service) {
	g.members = append(g.members, &member{name: name, svc: s})
}

// Run blocks until ctx ends or any service returns, then stops the rest.
//
// Errors: every service's error, joined and prefixed with its name; a service
// that returned nil before it was asked to stop; a service that is still
// running after Drain.
func (g *Group) Run(ctx context.Context) error {
	returned := make(chan *member, len(g.members))
	for _, m := range g.members {
		g.start(ctx, m, returned)
	}
	var errs []error
	select {
	case <-ctx.Done():
	case m := <-returned:
		if m.err == nil {
			errs = append(errs, fmt.Errorf("%s: ended although nobody asked it to", m.name))
		}
	}
	for _, m := range slices.Backward(g.members) {
		errs = append(errs, g.stop(m))
	}
	return errors.Join(errs...)
}

func (g *Group) start(ctx context.Context, m *member, returned chan<- *member) {
	// WithoutCancel keeps values but lets Run decide when each one stops.
	mctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	m.stop, m.done = stop, make(chan struct{})
	go func() {
		m.err = m.svc.Run(mctx)
		close(m.done)
		returned <- m
	}()
}

func (g *Group) stop(m *member) error {
	m.stop()
	drain := time.NewTimer(g.drain())
	defer drain.Stop()
	select {
	case <-m.done:
		if m.err != nil {
			return fmt.Errorf("%s: %w", m.name, m.err)
		}
		return nil
	case <-drain.C:
		return fmt.Errorf("%s: still running %v after stop", m.name, g.drain())
	}
}

func (g *Group) drain() time.Duration {
	if g.Drain > 0 {
		return g.Drain
	}
	return 10 * time.Second
}
