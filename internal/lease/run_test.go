package lease_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/lease"
)

const ttl = 2 * time.Second

// node is one that campaigns.
type node struct {
	stop   context.CancelFunc
	done   chan error
	finish time.Duration // how long what it runs needs to end

	mu sync.Mutex // protects on
	on past
}

// past is how it went.
type past struct {
	held    []lease.Lease
	began   []time.Time
	told    []time.Time // when it was told to end
	causes  []error
	holding bool
}

// now returns a copy of how it went.
func (n *node) now() past {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.on
}

func (n *node) note(change func(p *past)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.on)
}

func campaign(ctx context.Context, s lease.Store, owner string, finish time.Duration) *node {
	n := &node{done: make(chan error, 1), finish: finish}
	ctx, n.stop = context.WithCancel(ctx)
	go func() {
		n.done <- lease.Run(ctx, lease.Config{Store: s, Name: "engine:show", Owner: owner, TTL: ttl}, n.hold)
	}()
	return n
}

func (n *node) hold(ctx context.Context, l lease.Lease) error {
	n.note(func(p *past) { p.held, p.began, p.holding = append(p.held, l), append(p.began, time.Now()), true })
	<-ctx.Done()
	n.note(func(p *past) { p.told, p.causes = append(p.told, time.Now()), append(p.causes, context.Cause(ctx)) })
	time.Sleep(n.finish)
	n.note(func(p *past) { p.holding = false })
	return nil
}

// settle lets time pass.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOneHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(memory)
		var nodes []*node
		for _, owner := range []string{"a", "b", "c"} {
			nodes = append(nodes, campaign(t.Context(), s, owner, 0))
		}
		for range 600 {
			settle(100 * time.Millisecond)
			if holders(nodes) != 1 {
				t.Fatalf("LE1 %d holders", holders(nodes))
			}
		}
		for _, n := range nodes {
			n.stop()
			if err := <-n.done; err != nil {
				t.Error(err)
			}
			if len(n.now().held) > 1 {
				t.Errorf("held %d times for a minute in which nothing happened", len(n.now().held))
			}
		}
	})
}

func holders(nodes []*node) (n int) {
	for _, one := range nodes {
		if one.now().holding {
			n++
		}
	}
	return n
}

func TestGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(memory)
		a := campaign(t.Context(), s, "a", 5*time.Second) // longer than a lease lasts
		settle(time.Second)
		b := campaign(t.Context(), s, "b", 0)
		settle(time.Second)
		a.stop()
		settle(a.finish - time.Millisecond)
		if !a.now().holding || b.now().holding {
			t.Errorf("LE3 a holds %v, b holds %v while a finishes", a.now().holding, b.now().holding)
		}
		settle(ttl/4 + time.Millisecond)
		if a.now().holding || !b.now().holding {
			t.Errorf("LE3 a holds %v, b holds %v after a has given it back", a.now().holding, b.now().holding)
		}
		if err := <-a.done; err != nil {
			t.Error(err)
		}
		if b.now().held[0].Fence <= a.now().held[0].Fence {
			t.Errorf("LE2 fence %d after %d", b.now().held[0].Fence, a.now().held[0].Fence)
		}
		b.stop()
		<-b.done
	})
}

// partition is a store that one node does not reach.
type partition struct {
	*memory
	cut *memory
}

func (p partition) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (lease.Lease, error) {
	if err := p.cut.enter(ctx); err != nil {
		return lease.Lease{}, err
	}
	return p.memory.Acquire(ctx, name, owner, ttl)
}

func (p partition) Renew(ctx context.Context, l lease.Lease, ttl time.Duration) error {
	if err := p.cut.enter(ctx); err != nil {
		return err
	}
	return p.memory.Renew(ctx, l, ttl)
}

func (p partition) Release(ctx context.Context, l lease.Lease) error {
	if err := p.cut.enter(ctx); err != nil {
		return err
	}
	return p.memory.Release(ctx, l)
}

func TestStopsBelievingInTime(t *testing.T) {
	for name, fail := range map[string]func(*memory){
		"the store is down": func(m *memory) { m.down = true },
		"the store hangs":   func(m *memory) { m.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, cut := new(memory), new(memory)
				a := campaign(t.Context(), partition{s, cut}, "a", 0)
				settle(10 * time.Second)
				b := campaign(t.Context(), s, "b", 0)
				settle(time.Second)
				cut.set(fail)
				lost := time.Now()
				settle(2 * ttl)
				if len(a.now().told) != 1 || !errors.Is(a.now().causes[0], lease.ErrLost) {
					t.Fatalf("LE1 a was told %v at %v", a.now().causes, a.now().told)
				}
				if at := b.now().began[0].Sub(a.now().told[0]); at < ttl/4 {
					t.Errorf("LE1 b began %v after a was told to end", at)
				}
				if took := b.now().began[0].Sub(lost); took > ttl+ttl/4 {
					t.Errorf("LE4 b took over after %v", took)
				}
				if b.now().held[0].Fence <= a.now().held[0].Fence {
					t.Errorf("LE2 fence %d after %d", b.now().held[0].Fence, a.now().held[0].Fence)
				}
				cut.set(func(m *memory) { m.down, m.hangs = false, false })
				b.stop()
				<-b.done
				settle(2 * ttl) // a call that hangs now is given up first
				if len(a.now().held) != 2 || !a.now().holding {
					t.Errorf("LE4 a does not campaign again: %v", a.now().held)
				}
				a.stop()
				<-a.done
			})
		})
	}
}

func TestWaitsForWhatItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(memory)
		a := campaign(t.Context(), s, "a", time.Minute)
		settle(time.Second)
		s.set(func(m *memory) { m.entry("engine:show").Lease = lease.Lease{Name: "engine:show", Fence: 9} })
		settle(30 * time.Second)
		if len(a.now().causes) != 1 || !errors.Is(a.now().causes[0], lease.ErrLost) {
			t.Fatalf("LE3 told %v", a.now().causes)
		}
		if len(a.now().held) != 1 {
			t.Errorf("LE3 acquires again before what it ran has ended")
		}
		settle(time.Minute)
		if len(a.now().held) != 2 || a.now().held[1].Fence <= 9 {
			t.Errorf("LE2 LE3 held %v", a.now().held)
		}
		a.stop()
		<-a.done
	})
}

func TestSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &memory{delay: 300 * time.Millisecond}
		a := campaign(t.Context(), s, "a", 0)
		settle(time.Minute)
		if !a.now().holding || len(a.now().held) != 1 {
			t.Errorf("with answers after 300 ms: held %d times", len(a.now().held))
		}
		s.set(func(m *memory) { m.delay = ttl }) // too late to be of use
		settle(time.Minute)
		if a.now().holding {
			t.Error("LE1 believes in what came too late")
		}
		s.set(func(m *memory) { m.delay = 0 })
		settle(2 * ttl)
		if !a.now().holding {
			t.Error("LE4 does not hold what is free")
		}
		a.stop()
		<-a.done
	})
}

func TestWhatRunsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, times := new(memory), []time.Time{}
		cfg := lease.Config{Store: s, Name: "x", Owner: "a", TTL: ttl}
		err := lease.Run(t.Context(), cfg, func(context.Context, lease.Lease) error {
			if times = append(times, time.Now()); len(times) < 3 {
				return errors.New("fenced")
			}
			return nil
		})
		if err != nil || len(times) != 3 || times[2].Sub(times[0]) != 2*ttl {
			t.Errorf("err = %v, ran at %v", err, times)
		}
		if l, err := s.Holder(t.Context(), "x"); err != nil || l.Owner != "" {
			t.Errorf("LE3 held by %+v, %v", l, err)
		}
	})
}

func TestConfig(t *testing.T) {
	err := lease.Run(t.Context(), lease.Config{TTL: time.Millisecond}, nil)
	for _, part := range []string{"store", "name", "ttl"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("err = %v, does not speak of %s", err, part)
		}
	}
}
