package rtmp

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpState asks the system for the round trip and for the packets that came
// out of order. Those came after one that was lost, or late: the receiving side
// is told nothing else of what was sent again.
func tcpState(nc net.Conn) (rtt time.Duration, disordered uint64, ok bool) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return 0, 0, false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var info *unix.TCPInfo
	var failed error
	err = rc.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || failed != nil {
		return 0, 0, false
	}
	return time.Duration(info.Rtt) * time.Microsecond, uint64(info.Rcv_ooopack), true
}
