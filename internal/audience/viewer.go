package audience

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// Viewer is one viewer. Set the fields, then call Run once.
type Viewer struct {
	// URL is the server's socket: ws://HOST/ws/v1.
	URL     string
	Channel string
	// Token is the identity to come as. Empty: the server gives a new one,
	// which the viewer keeps as long as Run lasts.
	Token string
	// Seed makes the viewer's choices and pauses repeatable.
	Seed uint64
	// Behaviour decides about open windows. Default
	// Human(DefaultMedian, DefaultTurnout).
	Behaviour Behaviour
	// BackoffMin and BackoffMax bound the pause before coming back: it is drawn
	// evenly from zero to a limit that doubles with every attempt in vain.
	// Defaults 500ms and 30s.
	BackoffMin, BackoffMax time.Duration
	Hooks                  Hooks
	// Dial connects. Default net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Log gets connects and disconnects, at Debug. Default: none.
	Log *slog.Logger
}

// Hooks tell what a viewer does and hears. All are optional, are called from
// the viewer's goroutines and must not block.
type Hooks struct {
	// Connected is called after every welcome, Gone after it was lost.
	Connected func(participant string)
	Gone      func()
	// Opened is called when a window opens; late is by how much after O, by
	// the viewer's clock.
	Opened func(o wire.Opened, late time.Duration)
	// Answered is called for every answer sent; try counts from 1.
	Answered func(a wire.Answer, try int)
	// Receipt is called once per cue, for the first receipt heard of.
	Receipt func(participant string, r wire.Receipt)
	// Refused is called for every refusal.
	Refused func(participant string, r wire.Refused)
}

func (h Hooks) withDefaults() Hooks {
	if h.Connected == nil {
		h.Connected = func(string) {}
	}
	if h.Gone == nil {
		h.Gone = func() {}
	}
	if h.Opened == nil {
		h.Opened = func(wire.Opened, time.Duration) {}
	}
	if h.Answered == nil {
		h.Answered = func(wire.Answer, int) {}
	}
	if h.Receipt == nil {
		h.Receipt = func(string, wire.Receipt) {}
	}
	if h.Refused == nil {
		h.Refused = func(string, wire.Refused) {}
	}
	return h
}

func (v *Viewer) withDefaults() Viewer {
	d := *v
	d.BackoffMin = cmp.Or(d.BackoffMin, 500*time.Millisecond)
	d.BackoffMax = max(cmp.Or(d.BackoffMax, 30*time.Second), d.BackoffMin)
	d.Hooks = d.Hooks.withDefaults()
	if d.Behaviour == nil {
		d.Behaviour = Human(DefaultMedian, DefaultTurnout)
	}
	if d.Dial == nil {
		d.Dial = new(net.Dialer).DialContext
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Run watches until ctx ends and returns nil. It comes back after every loss of
// the connection.
//
// Errors: *TurnedAwayError if the server does not want this viewer.
func (v *Viewer) Run(ctx context.Context) error {
	d := v.withDefaults()
	watching, stop := context.WithCancelCause(ctx)
	born := time.Now()
	local := func() clock.Local { return time.Since(born) }

	events := make(chan event, 8)
	l := &link{viewer: &d, local: local, events: events, rand: rand.New(rand.NewPCG(d.Seed, 1)), token: d.Token}
	s := &seat{viewer: &d, local: local, rand: rand.New(rand.NewPCG(d.Seed, 2))}
	var wg sync.WaitGroup
	wg.Go(func() { stop(l.run(watching)) })
	s.run(watching, events)
	stop(nil)
	wg.Wait()
	if away, ok := errors.AsType[*TurnedAwayError](context.Cause(watching)); ok {
		return away
	}
	return nil
}
