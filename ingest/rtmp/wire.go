package rtmp

import (
	"errors"
	"net"
	"time"
)

const (
	// greeting is how many bytes a connection may send before it is admitted:
	// handshake, connect and publish take about 4 KiB.
	greeting = 64 << 10
	// writeTimeout is how long the peer may leave our answers unread.
	writeTimeout = 10 * time.Second
)

var errGreeting = errors.New("too much before publishing")

// wire is the byte side of a connection. What is written stays here until the
// next read, when the peer must have it, or until release: the last answer can
// therefore be taken back. It belongs to one goroutine.
type wire struct {
	net.Conn
	held     []byte
	budget   int         // bytes left to read before admission
	received func(n int) // set once admitted
	arrival  time.Time   // when the last bytes were read
}

func newWire(nc net.Conn) *wire { return &wire{Conn: nc, budget: greeting} }

// Read stamps the arrival of what it returns.
func (w *wire) Read(p []byte) (int, error) {
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
	return n, err
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

// takeBack forgets what is held back.
func (w *wire) takeBack() { w.held = w.held[:0] }
