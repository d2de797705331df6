// Package lease lets one node of several do what only one may do, and another
// one do it when that one is gone.
//
//   - LE1 At most one holder believes to hold a name at a time, as far as nodes'
//     monotonic clocks run at one rate: a holder stops believing a quarter of the
//     time to live before the lease ends.
//   - LE2 Fences ascend with every acquisition of a name.
//   - LE3 What runs under a lease is told to end, and has ended, before the node
//     tries to acquire it again; a node that stops gives it back.
//   - LE4 A lease whose holder is gone is acquired by another node within its
//     time to live and one more attempt.
package lease

import (
	"context"
	"errors"
	"time"
)

// ErrHeld means that another node holds the lease.
var ErrHeld = errors.New("another node holds the lease")

// ErrLost means that the lease is not held any more.
var ErrLost = errors.New("the lease is lost")

// Lease is the right to do something for a while.
type Lease struct {
	// Name is what is done, Owner the node that may.
	Name, Owner string
	// Fence is higher than that of every lease of this name before.
	Fence uint64
}

// Store keeps leases where all nodes see them. It is safe for concurrent use.
type Store interface {
	// Acquire takes a free lease for ttl. An owner that holds it gets a new one.
	// Errors: ErrHeld; the store's; ctx's.
	Acquire(ctx context.Context, name, owner string, ttl time.Duration) (Lease, error)
	// Renew holds l for another ttl. Errors: ErrLost; the store's; ctx's.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	// Release gives l back; one that is lost already is no error.
	Release(ctx context.Context, l Lease) error
	// Holder returns who holds the lease now; an empty Owner means nobody.
	Holder(ctx context.Context, name string) (Lease, error)
}
