package lease_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cuelight/cuelight/internal/lease"
)

// memory keeps leases in this process. A test makes it slow or unreachable.
type memory struct {
	mu     sync.Mutex // protects what follows
	leases map[string]*entry
	down   bool          // every call fails
	hangs  bool          // every call waits for its context
	delay  time.Duration // before a call is done
}

type entry struct {
	lease.Lease
	until time.Time
}

var errDown = errors.New("the store does not answer")

func (m *memory) set(change func(m *memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// enter waits as long as a call takes.
func (m *memory) enter(ctx context.Context) error {
	m.mu.Lock()
	down, hangs, delay := m.down, m.hangs, m.delay
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(delay)
	if down {
		return errDown
	}
	return ctx.Err()
}

func (m *memory) entry(name string) *entry {
	if m.leases == nil {
		m.leases = make(map[string]*entry)
	}
	if m.leases[name] == nil {
		m.leases[name] = &entry{Lease: lease.Lease{Name: name}}
	}
	return m.leases[name]
}

func (m *memory) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (lease.Lease, error) {
	if err := m.enter(ctx); err != nil {
		return lease.Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(name)
	if e.Owner != owner && e.Owner != "" && time.Now().Before(e.until) {
		return lease.Lease{}, lease.ErrHeld
	}
	e.Owner, e.Fence, e.until = owner, e.Fence+1, time.Now().Add(ttl)
	return e.Lease, nil
}

func (m *memory) holds(l lease.Lease) bool {
	e := m.entry(l.Name)
	return e.Lease == l && time.Now().Before(e.until)
}

func (m *memory) Renew(ctx context.Context, l lease.Lease, ttl time.Duration) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holds(l) {
		return lease.ErrLost
	}
	m.entry(l.Name).until = time.Now().Add(ttl)
	return nil
}

func (m *memory) Release(ctx context.Context, l lease.Lease) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds(l) {
		m.entry(l.Name).Owner = ""
	}
	return nil
}

func (m *memory) Holder(ctx context.Context, name string) (lease.Lease, error) {
	if err := m.enter(ctx); err != nil {
		return lease.Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entry(name)
	if !time.Now().Before(e.until) {
		return lease.Lease{Name: name}, nil
	}
	return e.Lease, nil
}
