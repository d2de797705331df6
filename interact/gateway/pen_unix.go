//go:build unix

package gateway

import (
	"net"
	"sync"
	"syscall"
)

// filePen writes to a socket of the kernel.
type filePen struct{ raw syscall.RawConn }

func rawPen(tcp *net.TCPConn) pen {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &filePen{raw}
}

// attempt is one write. It is what the function given to RawConn works on, so
// that no function has to be made for each write.
type attempt struct {
	b   []byte
	n   int
	err error
	try func(fd uintptr) bool
}

var attemptsToWrite = sync.Pool{New: func() any {
	a := new(attempt)
	a.try = a.write
	return a
}}

// write never asks to be called again, which would be waiting.
func (a *attempt) write(fd uintptr) bool {
	for {
		a.n, a.err = syscall.Write(int(fd), a.b)
		if a.err != syscall.EINTR {
			return true
		}
	}
}

// TryWrite writes what the kernel takes at once.
func (p *filePen) TryWrite(b []byte) (int, error) {
	a := attemptsToWrite.Get().(*attempt)
	a.b = b
	err := p.raw.Write(a.try)
	if err == nil {
		err = a.err
	}
	n := max(a.n, 0)
	a.b, a.n, a.err = nil, 0, nil
	attemptsToWrite.Put(a)
	if err == syscall.EAGAIN {
		err = nil
	}
	return n, err
}
