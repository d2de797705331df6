//go:build !unix

package loadgen

import (
	"net"
	"time"
)

// listenRaw is for systems that can read a plain connection more cheaply.
func listenRaw(net.Conn, func(read func([]byte) (int, error)) error) (bool, error) {
	return false, nil
}

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
