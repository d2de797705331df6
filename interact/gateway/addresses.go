package gateway

import (
	"net/http"
	"net/netip"
	"sync"
)

// addresses counts sockets, in all and by remote address.
type addresses struct {
	mu    sync.Mutex // protects everything below
	total int
	most  int // the highest total there was
	from  map[netip.Addr]int
}

// admit counts one more from addr. It returns 0, or the HTTP status with which
// to refuse: 503 if the server is full, 429 if the address has enough.
func (a *addresses) admit(addr netip.Addr, l Limits) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	per := l.PerAddress
	if addr.IsLoopback() {
		per = l.PerLoopback
	}
	switch {
	case a.total >= l.Connections:
		return http.StatusServiceUnavailable
	case a.from[addr] >= per:
		return http.StatusTooManyRequests
	}
	a.total++
	a.most = max(a.most, a.total)
	a.from[addr]++
	return 0
}

// open returns how many sockets there are.
func (a *addresses) open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

// record returns the most there ever were.
func (a *addresses) record() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

func (a *addresses) release(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.from[addr]--; a.from[addr] == 0 {
		delete(a.from, addr)
	}
}

// remoteOf returns what r is counted under: its address, or the /64 network of
// an IPv6 one, since every household has one of those. The zero Addr stands
// for everything that is not an IP address.
func remoteOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is4() || addr.IsLoopback() {
		return addr
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return network.Addr()
}
