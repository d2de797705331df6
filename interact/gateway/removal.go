package gateway

import "github.com/cuelight/cuelight/interact/wire"

// Kick closes every socket of a viewing participant with wire.CloseKicked and
// returns how many. It may come back. Safe for concurrent use.
func (g *Gateway) Kick(channel, participant string) int {
	return g.Remove(channel, participant, wire.CloseKicked)
}

// Remove closes every socket of a viewing participant with code and returns how
// many. Whoever is to stay away is made known to the room before: a socket that
// has not joined yet is closed too, one that comes later asks the room (GW32).
// Safe for concurrent use.
func (g *Gateway) Remove(channel, participant string, code wire.CloseCode) int {
	h := g.hallOf(channel)
	if h == nil {
		return 0
	}
	sockets := h.of(participant)
	for _, c := range sockets {
		c.end(ending{code: code})
	}
	return len(sockets)
}
