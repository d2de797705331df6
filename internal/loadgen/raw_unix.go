//go:build unix

package loadgen

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// listenRaw reads what comes on a plain connection until it ends, one system
// call a message: the usual way asks a second time each time, to find that
// nothing more is there. It is false where the connection cannot be read so.
func listenRaw(conn net.Conn, drain func(read func([]byte) (int, error)) error) (bool, error) {
	plain, ok := conn.(syscall.Conn)
	if !ok {
		return false, nil
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return false, nil
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		failed = drain(func(p []byte) (int, error) { return readFile(int(fd), p) })
		return failed != nil
	})
	return true, errors.Join(failed, err)
}

// readFile reads what is there. Nothing is errNothing, the end is errEnded.
func readFile(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, errNothing
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errEnded
		}
		return n, nil
	}
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
