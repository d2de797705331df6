package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/internal/lease"
)

// Leases keeps leases in Redis, which end by its clock. Fences ascend over the
// end of a lease, the loss of a server and the loss of its data, as long as the
// servers' clocks do not go back.
//
// When a primary is lost that had not copied a lease yet, another node may
// acquire it while the holder still believes in it, until it renews it: what is
// written with the lower fence is refused all the same. It is safe for
// concurrent use.
type Leases struct{ c *Client }

var _ lease.Store = (*Leases)(nil)

// Leases returns the store of leases.
func (c *Client) Leases() *Leases { return &Leases{c} }

func (c *Client) leaseKeys(name string) []string {
	k := c.wholeKey("lease/" + name)
	return []string{k, k + ":fence"}
}

// minLease is the shortest lease.
const minLease = time.Millisecond

// Acquire takes a free lease for ttl.
//
// Errors: lease.ErrHeld; *interact.Error with CodeUnavailable; ctx's.
func (s *Leases) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (lease.Lease, error) {
	switch {
	case ctx.Err() != nil:
		return lease.Lease{}, ctx.Err()
	case name == "" || owner == "" || ttl < minLease:
		return lease.Lease{}, fmt.Errorf("acquire lease %q for %q and %v: name, owner and at least %v are needed", name, owner, ttl, minLease)
	}
	f, err := s.c.ask(ctx, "acquire a lease", newCall("lease", "lease_acquire", false, s.c.leaseKeys(name), owner, ttlMS(ttl)))
	if _, held := errors.AsType[errSaid](err); held {
		return lease.Lease{}, lease.ErrHeld
	}
	if err != nil {
		return lease.Lease{}, err
	}
	return s.parse(ctx, name, owner, f)
}

func (s *Leases) parse(ctx context.Context, name, owner string, f []string) (lease.Lease, error) {
	if len(f) != 1 {
		return lease.Lease{}, s.c.refused(ctx, "read a lease", fmt.Errorf("%d fields", len(f)))
	}
	fence, err := strconv.ParseUint(f[0], 10, 64)
	if err != nil {
		return lease.Lease{}, s.c.refused(ctx, "read a lease", err)
	}
	return lease.Lease{Name: name, Owner: owner, Fence: fence}, nil
}

// Renew holds l for another ttl.
//
// Errors: lease.ErrLost; *interact.Error with CodeUnavailable; ctx's.
func (s *Leases) Renew(ctx context.Context, l lease.Lease, ttl time.Duration) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ttl < minLease:
		return fmt.Errorf("renew lease %q for %v: at least %v is needed", l.Name, ttl, minLease)
	}
	_, err := s.c.ask(ctx, "renew a lease", newCall("lease", "lease_renew", false, s.c.leaseKeys(l.Name)[:1], l.Owner, l.Fence, ttlMS(ttl)))
	if _, lost := errors.AsType[errSaid](err); lost {
		return lease.ErrLost
	}
	return err
}

// Release gives l back; one that is lost already is no error.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (s *Leases) Release(ctx context.Context, l lease.Lease) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.c.ask(ctx, "release a lease", newCall("lease", "lease_release", false, s.c.leaseKeys(l.Name)[:1], l.Owner, l.Fence))
	return err
}

// Holder returns who holds the lease now; an empty Owner means nobody.
//
// Errors: *interact.Error with CodeUnavailable; ctx's.
func (s *Leases) Holder(ctx context.Context, name string) (lease.Lease, error) {
	if err := ctx.Err(); err != nil {
		return lease.Lease{}, err
	}
	f, err := s.c.ask(ctx, "look up a lease", newCall("lease", "lease_holder", false, s.c.leaseKeys(name)[:1]))
	if _, free := errors.AsType[errSaid](err); free {
		return lease.Lease{Name: name}, nil
	}
	if err != nil {
		return lease.Lease{}, err
	}
	if len(f) != 2 {
		return lease.Lease{}, s.c.refused(ctx, "read a lease", fmt.Errorf("%d fields", len(f)))
	}
	return s.parse(ctx, name, f[0], f[1:])
}
