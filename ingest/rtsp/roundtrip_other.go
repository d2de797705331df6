//go:build !linux

package rtsp

import (
	"net"
	"time"
)

// roundTrip is not known: the systems' interfaces differ.
func roundTrip(net.Conn) (time.Duration, bool) { return 0, false }
