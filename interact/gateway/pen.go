package gateway

import "net"

// pen writes to a socket without waiting. A socket without one, such as that of
// a TLS connection, is written to by a goroutine of its own.
type pen interface {
	// TryWrite writes as much of b as fits at once and returns how much that was.
	// It keeps nothing of b.
	TryWrite(b []byte) (int, error)
}

// penOf returns nil if nc cannot be written to without waiting.
func penOf(nc net.Conn) pen {
	if p, ok := nc.(pen); ok {
		return p
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		return rawPen(tcp)
	}
	return nil
}
