package main

import (
	"context"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// maxRemovals are remembered at a time.
const maxRemovals = 1024

// removals are the participants of a channel whose sockets were just closed for
// good. That a ban is in force is heard on another way than that somebody has to
// go, so who came back in between is sent away once more. The zero value is
// ready.
type removals struct {
	mu   sync.Mutex // protects what follows
	list []removal
}

// note remembers a removal that is for good.
func (r *removals) note(one removal) {
	if one.Code != wire.CloseBanned {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) < maxRemovals {
		r.list = append(r.list, one)
	}
}

// take returns what was noted, and forgets it.
func (r *removals) take() []removal {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// runRemovals closes the sockets of who was banned once more, until ctx ends.
func (c *cluster) runRemovals(ctx context.Context) error {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	due := make(map[string][]removal) // noted in the second before the last
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		for name, s := range c.seats {
			for _, one := range due[name] {
				s.remove(one.Participant, one.Code)
			}
			due[name] = s.removed.take()
		}
	}
}
