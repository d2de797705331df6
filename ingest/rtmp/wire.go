package rtmp

import (
	"errors"
	"net"
	"time"
)

const (
	// greetingBytes is how much a connection may send before it is admitted:
	// handshake, connect and publish take about 4 KiB.
	greetingBytes = 64 << 10
	// writeTimeout is how long the peer may leave our answers unread.
	writeTimeout = 10 * time.Second
	// usualWindow is after how many bytes a peer that names no window gets an
	// acknowledgement, at the latest.
	usualWindow = 2_500_000
)

var errGreeting = errors.New("too much before publishing")

// wire is the byte side of a connection. What is written stays here until the
// next read, when the peer must have it, or until release. It belongs to one
// goroutine, apart from interrupt.
type wire struct {
	net.Conn
	held     []byte
	budget   int         // bytes left to read before admission
	received func(n int) // set once admitted
	arrival  time.Time   // when the last bytes were read

	// The peer may stop when it has sent a window's bytes without being told
	// that they came.
	window, total, acked uint32
	acknowledge          func(total uint32) error
}

func newWire(nc net.Conn) *wire {
	return &wire{Conn: nc, budget: greetingBytes, window: usualWindow}
}

// Read stamps the arrival of what it returns. Before it waits the peer is told
// what it has to know.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.confirm(); err != nil {
		return 0, err
	}
	if err := w.release(); err != nil {
		return 0, err
	}
	if w.received == nil && len(p) > w.budget {
		p = p[:w.budget]
	}
	if len(p) == 0 {
		return 0, errGreeting
	}
	n, err := w.Conn.Read(p)
	w.arrival = time.Now()
	if w.received != nil {
		w.received(n)
	} else {
		w.budget -= n
	}
	w.total += uint32(n)
	return n, err
}

// confirm acknowledges what came when half a window has.
func (w *wire) confirm() error {
	if w.acknowledge == nil || w.total-w.acked < max(w.window/2, 1) {
		return nil
	}
	w.acked = w.total
	return w.acknowledge(w.total)
}

// Write holds p back.
func (w *wire) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	return len(p), nil
}

// release sends what is held back.
func (w *wire) release() error {
	if len(w.held) == 0 {
		return nil
	}
	if err := w.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := w.Conn.Write(w.held)
	w.held = w.held[:0]
	return err
}
