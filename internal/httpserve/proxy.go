package httpserve

import (
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
	if len(trusted) == 0 {
		return
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !within(peer.Addr(), trusted) {
		return
	}
	if r.TLS == nil && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		r.URL.Scheme = "https"
	}
	if client, ok := clientOf(r.Header["X-Forwarded-For"], trusted); ok {
		r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	}
}

func clientOf(headers []string, trusted []netip.Prefix) (netip.Addr, bool) {
	rest := strings.Join(headers, ",")
	var client netip.Addr
	for more := true; more; {
		hop := rest
		if i := strings.LastIndexByte(rest, ','); i >= 0 {
			rest, hop = rest[:i], rest[i+1:]
		} else {
			more = false
		}
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
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
