package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

// deeds keeps leases for nodes of one test.
type deeds struct {
	mu    sync.Mutex // protects what follows
	now   lease.Lease
	until time.Time
	fence uint64
	away  bool
}

var errAway = errors.New("the store is away")

func (d *deeds) Acquire(_ context.Context, name, owner string, ttl time.Duration) (lease.Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return lease.Lease{}, errAway
	}
	if d.now.Owner != "" && d.now.Owner != owner && time.Now().Before(d.until) {
		return lease.Lease{}, lease.ErrHeld
	}
	d.fence++
	d.now, d.until = lease.Lease{Name: name, Owner: owner, Fence: d.fence}, time.Now().Add(ttl)
	return d.now, nil
}

func (d *deeds) Renew(_ context.Context, l lease.Lease, ttl time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		return errAway
	case d.now != l || !time.Now().Before(d.until):
		return lease.ErrLost
	}
	d.until = time.Now().Add(ttl)
	return nil
}

func (d *deeds) Release(_ context.Context, l lease.Lease) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now == l {
		d.now = lease.Lease{}
	}
	return nil
}

func (d *deeds) Holder(context.Context, string) (lease.Lease, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, nil
}

func (d *deeds) set(away bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = away
}

// street is nodes that may be the home of one channel.
type street struct {
	t     *testing.T
	clip  *demo.Clip
	deeds *deeds
	slate *memory.Slate
	room  *clock.Room
	homes []*home
}

func onStreet(t *testing.T, takeover bool, test func(s *street)) {
	synctest.Test(t, func(t *testing.T) {
		clip, err := demo.Load()
		if err != nil {
			t.Fatal(err)
		}
		s := &street{t: t, clip: clip, deeds: new(deeds), slate: new(memory.Slate), room: clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, node := range []string{"a", "b"} {
			h := s.build(node, takeover)
			all.Go(func() { h.Run(ctx) }) // returns nil
		}
		test(s)
		stop()
		all.Wait()
	})
}

func (s *street) build(node string, takeover bool) *home {
	s.t.Helper()
	cfg := packager.Config{PartTarget: 334 * time.Millisecond, SegmentTarget: 2 * time.Second, Window: time.Minute}
	ch, err := newChannel(channelConfig{name: "show", room: s.room, packager: cfg, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	h := &home{
		channel: ch, node: node, boot: node, takeover: takeover, leases: s.deeds, slate: s.slate, log: slog.New(slog.DiscardHandler),
		turn: make(chan struct{}, 1), saved: make(chan struct{}, 1), yields: make(chan struct{}, 1), taken: func() {},
		ready: func() bool { return true },
	}
	h.whisper = func(kind string, v any) { // everybody hears it
		for _, other := range s.homes {
			if other == h {
				continue
			}
			switch kind {
			case whisperEdge:
				other.hear(packed(v))
			case whisperYield:
				other.yield()
			}
		}
	}
	s.homes = append(s.homes, h)
	return h
}

// push publishes to a node for d and stops there.
func (s *street) push(h *home, d time.Duration) error {
	began := time.Now()
	if err := h.Begin(ingest.Info{Protocol: "rtmp", Started: began}, s.clip.Tracks); err != nil {
		return err
	}
	for n := int64(0); ; n++ {
		f := s.clip.Frame(n)
		due := began.Add(f.DTS.Duration())
		if due.Sub(began) > d {
			return nil
		}
		time.Sleep(time.Until(due))
		h.Observe(ingest.Observation{DTS: f.DTS, Arrival: time.Now()})
		if err := h.Write(f); err != nil {
			h.End(err)
			return err
		}
	}
}

func code(err error) ingest.Code {
	if e, ok := errors.AsType[*ingest.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestOneHomeAtATime(t *testing.T) {
	onStreet(t, false, func(s *street) {
		a, b := s.homes[0], s.homes[1]
		if err := s.push(a, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := code(s.push(b, time.Second)); got != ingest.CodeBusy {
			t.Errorf("a second publisher elsewhere: %q", got)
		}
		a.End(nil)
		if got := code(s.push(b, time.Second)); got != ingest.CodeBusy {
			t.Errorf("while the first may come back: %q", got)
		}
		if err := s.push(a, time.Second); err != nil {
			t.Errorf("the first does: %v", err)
		}
		a.End(nil)
		time.Sleep(homeGrace + homeTTL)
		if !a.is() {
			t.Error("nobody is the home, though its media are there")
		}
		if err := s.push(b, time.Second); err != nil {
			t.Errorf("after it has gone for good: %v", err)
		}
		time.Sleep(2 * homeBeat)
		if a.is() || !b.is() {
			t.Errorf("homes: a %v, b %v", a.is(), b.is())
		}
		b.End(nil)
	})
}

func TestTheNextHomeGoesOn(t *testing.T) {
	onStreet(t, false, func(s *street) {
		a, b := s.homes[0], s.homes[1]
		if err := s.push(a, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		before, edge, at := a.event.Load().Numbers(), a.edge, a.current.Load().At(a.edge)
		a.supersede() // it is gone, and says nothing any more
		time.Sleep(homeTTL)
		if err := s.push(b, 4*time.Second); err != nil {
			t.Fatal(err)
		}
		after := b.event.Load().Numbers()
		if after.MSN <= before.MSN || after.Discontinuity <= before.Discontinuity {
			t.Errorf("HV2 numbers %+v come after %+v", after, before)
		}
		if now := b.current.Load().At(b.edge); b.edge <= edge || now <= at {
			t.Errorf("TL24 media %d at %d come after %d at %d", b.edge, now, edge, at)
		}
		if a.current.Load().Epoch >= b.current.Load().Epoch {
			t.Errorf("epoch %d comes after %d", b.current.Load().Epoch, a.current.Load().Epoch)
		}
		b.End(nil)
	})
}

func TestTakeoverElsewhere(t *testing.T) {
	onStreet(t, true, func(s *street) {
		a, b := s.homes[0], s.homes[1]
		cut := make(chan error, 1)
		go func() { cut <- s.push(a, time.Minute) }()
		time.Sleep(5 * time.Second)
		if err := s.push(b, time.Second); err != nil {
			t.Errorf("taking over: %v", err)
		}
		if got := code(<-cut); got != ingest.CodeReplaced {
			t.Errorf("the first publisher ended with %q", got)
		}
		b.End(nil)
	})
}

// A store that is away for longer than the lease cuts nobody off, as long as no
// other node has taken the channel.
func TestHomeOutlivesTheStore(t *testing.T) {
	onStreet(t, false, func(s *street) {
		a, b := s.homes[0], s.homes[1]
		done := make(chan error, 1)
		go func() { done <- s.push(a, 30*time.Second) }()
		time.Sleep(5 * time.Second)
		s.deeds.set(true)
		time.Sleep(4 * homeTTL)
		s.deeds.set(false)
		time.Sleep(homeTTL)
		if got := code(s.push(b, time.Second)); got != ingest.CodeBusy {
			t.Errorf("another node takes the channel: %q", got)
		}
		if err := <-done; err != nil {
			t.Errorf("the publisher was cut off: %v", err)
		}
		a.End(nil)
	})
}
