package edge

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// crowd counts the requests that wait, by address, as an origin does.
type crowd struct {
	most   int
	seed   maphash.Seed
	shards [16]crowdShard
}

type crowdShard struct {
	mu      sync.Mutex
	waiting map[netip.Addr]int // under mu
}

func newCrowd(most int) *crowd {
	c := &crowd{most: most, seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].waiting = make(map[netip.Addr]int)
	}
	return c
}

// addressOf returns what a request's RemoteAddr counts as: an IPv4 address or
// a /64 of IPv6. It is not valid for what is not limited.
func addressOf(remote string) netip.Addr {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if addr.IsLoopback() {
		return netip.Addr{}
	}
	if addr.Is6() {
		const site = 64
		if prefix, err := addr.Prefix(site); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}

func (c *crowd) shard(a netip.Addr) *crowdShard {
	return &c.shards[maphash.Comparable(c.seed, a)%uint64(len(c.shards))]
}

// enter counts one more, unless there are too many. True asks for leave.
func (c *crowd) enter(a netip.Addr) bool {
	if !a.IsValid() {
		return true
	}
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[a] >= c.most {
		return false
	}
	s.waiting[a]++
	return true
}

func (c *crowd) leave(a netip.Addr) {
	if !a.IsValid() {
		return
	}
	s := c.shard(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[a]--; s.waiting[a] == 0 {
		delete(s.waiting, a)
	}
}
