//go:build !linux

package rtmp

import (
	"net"
	"time"
)

// tcpState knows nothing here.
func tcpState(net.Conn) (rtt time.Duration, disordered uint64, ok bool) { return 0, 0, false }
