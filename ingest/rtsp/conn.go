package rtsp

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

const (
	writeTimeout = 10 * time.Second
	// maxBefore is how many bytes may come before a publisher is admitted.
	maxBefore = 64 << 10
	// farewell is how long a connection stays after its last answer.
	farewell = time.Second
)

var errRequest = errors.New("this is not an RTSP request")

// conn is one connection as the library sees it. Our limits replace the
// library's deadlines: until admission the handshake's, then the session's.
type conn struct {
	net.Conn
	leave func() // of the registry's door; may be called again

	bytes    atomic.Int64 // read, or come by UDP, and not yet counted
	admitted atomic.Bool

	// These two belong to the goroutine that reads.
	head   []byte // the first four bytes
	before int

	// The library's requests pass these from one goroutine to the next.
	method    base.Method // of the newest request
	encoder   string      // what it calls itself
	publisher *publisher
	refused   bool // the registry has counted it

	end    error         // why the library stopped; read after closed
	closed chan struct{} // the library has stopped
}

func newConn(nc net.Conn, handshake time.Duration, leave func()) *conn {
	_ = nc.SetReadDeadline(time.Now().Add(handshake))
	return &conn{Conn: nc, leave: leave, closed: make(chan struct{})}
}

// Read counts, and before admission stops whoever sends too much or asks for
// RTSP in HTTP.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	if c.admitted.Load() {
		return n, err
	}
	c.before += n
	c.head = append(c.head, b[:min(n, 4-len(c.head))]...)
	if start := string(c.head); c.before > maxBefore || start == "GET " || start == "POST" {
		return 0, errRequest
	}
	return n, err
}

// SetReadDeadline does nothing: see conn.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// Close gives the place at the door back.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// admit lifts the handshake's limits.
func (c *conn) admit() {
	c.leave()
	c.admitted.Store(true)
	_ = c.Conn.SetReadDeadline(time.Time{})
}

// dismiss lets the connection end once the client has read its answer.
func (c *conn) dismiss() { _ = c.Conn.SetReadDeadline(time.Now().Add(farewell)) }
