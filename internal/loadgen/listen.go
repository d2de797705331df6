package loadgen

import (
	"errors"
	"net"
	"sync"
	"time"
)

var (
	// errNothing means that nothing more is there at the moment.
	errNothing = errors.New("nothing to read")
	// errEnded means that the server closed the connection.
	errEnded = errors.New("connection ended by the server")
)

// Buffers are needed while something is read, so few serve all connections
// that can be read without waiting in them.
const (
	scratchSize = 32 << 10
	ownSize     = 2 << 10 // of a connection that waits inside its read
)

var scratch = sync.Pool{New: func() any { return new([scratchSize]byte) }}

// listen reads frames from conn and hands on their messages, with the time at
// which they were read, until the connection or hear fails.
func listen(conn net.Conn, m *messages, hear func(op byte, payload []byte, at time.Time) error) error {
	raw, err := listenRaw(conn, func(read func([]byte) (int, error)) error {
		buf := scratch.Get().(*[scratchSize]byte)
		defer scratch.Put(buf)
		for {
			more, err := readOnce(read, buf[:], m, hear)
			if errors.Is(err, errNothing) {
				return nil
			}
			if err != nil || !more {
				return err
			}
		}
	})
	if raw {
		return err
	}
	buf := make([]byte, ownSize)
	for {
		if _, err := readOnce(conn.Read, buf, m, hear); err != nil {
			return err
		}
	}
}

// readOnce reads behind what was left of the last frame. more says that the
// buffer was full, so that more may be there.
func readOnce(read func([]byte) (int, error), buf []byte, m *messages, hear func(op byte, payload []byte, at time.Time) error) (more bool, err error) {
	if 2*len(m.rest) >= len(buf) {
		buf = make([]byte, 4*len(m.rest)) // a message longer than the buffer
	}
	kept := copy(buf, m.rest)
	n, err := read(buf[kept:])
	if n == 0 && err != nil {
		return false, err
	}
	at := time.Now()
	failed := m.take(buf[:kept+n], func(op byte, payload []byte) error { return hear(op, payload, at) })
	return kept+n == len(buf), errors.Join(failed, err)
}
