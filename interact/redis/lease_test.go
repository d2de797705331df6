package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/internal/redisproc"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
)

func acquire(t *testing.T, s lease.Store, owner string, ttl time.Duration) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), "engine:show", owner, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func wantHolder(t *testing.T, s lease.Store, owner string) {
	t.Helper()
	l, err := s.Holder(t.Context(), "engine:show")
	if err != nil || l.Owner != owner || l.Name != "engine:show" {
		t.Errorf("the holder is %+v (%v), want %q", l, err, owner)
	}
}

func TestLease(t *testing.T) {
	s := alone(t)(t).Leases()
	wantHolder(t, s, "")
	a := acquire(t, s, "a", time.Hour)
	wantHolder(t, s, "a")
	if _, err := s.Acquire(t.Context(), "engine:show", "b", time.Hour); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("LE1 b beside a: %v", err)
	}
	if other, err := s.Acquire(t.Context(), "engine:other", "b", time.Hour); err != nil || other.Owner != "b" {
		t.Errorf("another name: %+v, %v", other, err)
	}
	again := acquire(t, s, "a", time.Hour)
	if again.Fence <= a.Fence {
		t.Errorf("LE2 fence %d after %d", again.Fence, a.Fence)
	}
	if err := s.Renew(t.Context(), a, time.Hour); !errors.Is(err, lease.ErrLost) {
		t.Errorf("the one before is renewed: %v", err)
	}
	if err := s.Release(t.Context(), a); err != nil {
		t.Errorf("the one before is released: %v", err)
	}
	if err := s.Renew(t.Context(), again, time.Hour); err != nil {
		t.Error(err)
	}
	if err := s.Release(t.Context(), again); err != nil {
		t.Error(err)
	}
	wantHolder(t, s, "")
	if b := acquire(t, s, "b", time.Hour); b.Fence <= again.Fence {
		t.Errorf("LE2 fence %d after %d", b.Fence, again.Fence)
	}
}

func TestLeaseEnds(t *testing.T) {
	s := alone(t)(t).Leases()
	a := acquire(t, s, "a", 300*time.Millisecond)
	if err := s.Renew(t.Context(), a, 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	b, err := s.Acquire(t.Context(), "engine:show", "b", time.Hour)
	for began := time.Now(); errors.Is(err, lease.ErrHeld) && time.Since(began) < patience; {
		b, err = s.Acquire(t.Context(), "engine:show", "b", time.Hour)
	}
	if err != nil || b.Fence <= a.Fence {
		t.Fatalf("LE4 %+v after %+v: %v", b, a, err)
	}
	if err := s.Renew(t.Context(), a, time.Hour); !errors.Is(err, lease.ErrLost) {
		t.Errorf("one that is over is renewed: %v", err)
	}
	if err := s.Release(t.Context(), a); err != nil {
		t.Error(err)
	}
	wantHolder(t, s, "b")
}

func TestFencesSurviveTheServer(t *testing.T) {
	server := serve(t, redisproc.Options{}) // that keeps nothing
	s := open(t, redisstore.Config{Addresses: []string{server.Addr}, Level: interact.LevelMemory}).Leases()
	a := acquire(t, s, "a", time.Hour)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	var b lease.Lease
	for began := time.Now(); ; {
		var err error
		if b, err = s.Acquire(t.Context(), "engine:show", "b", time.Hour); err == nil {
			break
		}
		if time.Since(began) > patience {
			t.Fatal(err)
		}
	}
	if b.Fence <= a.Fence {
		t.Errorf("LE2 fence %d after %d", b.Fence, a.Fence)
	}
	if err := s.Renew(t.Context(), a, time.Hour); !errors.Is(err, lease.ErrLost) {
		t.Errorf("renewed after the loss: %v", err)
	}
}

func TestLeaseOfNobody(t *testing.T) {
	s := alone(t)(t).Leases()
	for _, bad := range []struct {
		name, owner string
		ttl         time.Duration
	}{{"", "a", time.Second}, {"x", "", time.Second}, {"x", "a", 0}} {
		if _, err := s.Acquire(t.Context(), bad.name, bad.owner, bad.ttl); err == nil {
			t.Errorf("acquired %+v", bad)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Acquire(ctx, "x", "a", time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestTakeover(t *testing.T) {
	s := alone(t)(t).Leases()
	const ttl = 400 * time.Millisecond
	first, second := make(chan lease.Lease), make(chan lease.Lease)
	run := func(ctx context.Context, owner string, got chan lease.Lease) chan error {
		done := make(chan error, 1)
		go func() {
			done <- lease.Run(ctx, lease.Config{Store: s, Name: "engine:show", Owner: owner, TTL: ttl}, func(ctx context.Context, l lease.Lease) error {
				got <- l
				<-ctx.Done()
				return nil
			})
		}()
		return done
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := run(ctx, "a", first)
	a := <-first
	run(t.Context(), "b", second)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	began := time.Now()
	b := <-second
	if took := time.Since(began); took > ttl {
		t.Errorf("LE3 a lease that was given back is acquired after %v", took)
	}
	if b.Fence <= a.Fence {
		t.Errorf("LE2 fence %d after %d", b.Fence, a.Fence)
	}
}

func TestHolderOfFrozenStore(t *testing.T) {
	server := serve(t, redisproc.Options{})
	s := open(t, redisstore.Config{Addresses: []string{server.Addr}, Level: interact.LevelMemory}).Leases()
	const ttl = time.Second
	held, told := make(chan lease.Lease), make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- lease.Run(ctx, lease.Config{Store: s, Name: "engine:show", Owner: "a", TTL: ttl}, func(ctx context.Context, l lease.Lease) error {
			held <- l
			<-ctx.Done()
			told <- context.Cause(ctx)
			return nil
		})
	}()
	first := <-held
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	frozen := time.Now()
	if err := <-told; !errors.Is(err, lease.ErrLost) {
		t.Errorf("LE1 told %v", err)
	}
	// The last renewal was before the freeze; the rest is what a busy machine needs.
	if took := time.Since(frozen); took > ttl-ttl/4+200*time.Millisecond {
		t.Errorf("LE1 told %v after the freeze", took)
	}
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	if again := <-held; again.Fence <= first.Fence {
		t.Errorf("LE2 fence %d after %d", again.Fence, first.Fence)
	}
	cancel()
	if err := <-told; !errors.Is(err, context.Canceled) {
		t.Errorf("LE3 told %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantHolder(t, s, "")
}
