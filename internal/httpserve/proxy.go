package httpserve

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// fromProxy puts the client's address and scheme into r. What a proxy says is
// believed only of a peer in trusted; of its list, the last address that is
// not itself a trusted proxy's is the client's: what stands before it was
// written by the client.
func fromProxy(r *http.Request, trusted []netip.Prefix) {
	r.URL.Scheme = ""
	if r.TLS != nil {
		r.URL.Scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !within(peer.Addr(), trusted) {
		return
	}
	if r.TLS == nil && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		r.URL.Scheme = "https"
	}
	if client, ok := clientOf(r.Header.Values("X-Forwarded-For"), trusted); ok {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
	}
}

func clientOf(headers []string, trusted []netip.Prefix) (netip.Addr, bool) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	var client netip.Addr
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = addr
		if !within(addr, trusted) {
			break
		}
	}
	return client, client.IsValid()
}

func within(addr netip.Addr, networks []netip.Prefix) bool {
	addr = addr.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
