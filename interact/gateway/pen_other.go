//go:build !unix

package gateway

import "net"

// rawPen has no way to write without waiting.
func rawPen(*net.TCPConn) pen { return nil }
