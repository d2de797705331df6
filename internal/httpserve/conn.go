package httpserve

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// listener accepts connections that can be corked.
type listener struct{ net.Listener }

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &conn{TCPConn: tcp}, nil
	}
	return c, err
}

// conn sends the head of an answer and its body in one go. net/http has a
// buffer of 4 KiB for both, and writes twice when they do not fit: a system
// call more, and a segment that is cut short.
//
// A conn that was corked holds back the first small write, until the next one
// or uncork. Only the goroutine of the request that is answered may write
// while it is corked; everything else may be called by anybody.
type conn struct {
	*net.TCPConn
	held   *[heldSize]byte // nil unless corked
	n      int             // how much of it is waiting
	pieces [2][]byte
	vector net.Buffers
}

// heldSize has room for the head of an answer of media. One that is larger
// goes out in pieces.
const heldSize = 2 << 10

var heads = sync.Pool{New: func() any { return new([heldSize]byte) }}

type connKey struct{}

// remember makes the connection known to its requests.
func remember(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// connOf returns the connection that r alone is answered on, nil if it cannot
// be corked. Who asks with a body may be told to go on at any moment, which is
// a write of its own.
func connOf(r *http.Request) *conn {
	if r.ProtoMajor != 1 || r.ContentLength != 0 {
		return nil
	}
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

func (c *conn) cork() { c.held = heads.Get().(*[heldSize]byte) }

// uncork sends what is still held back.
func (c *conn) uncork() (err error) {
	if c.n > 0 {
		_, err = c.TCPConn.Write(c.held[:c.n])
	}
	heads.Put(c.held)
	c.held, c.n = nil, 0
	return err
}

// Write sends b behind what was held back, or holds it back itself.
func (c *conn) Write(b []byte) (int, error) {
	switch {
	case c.held == nil:
		return c.TCPConn.Write(b)
	case c.n+len(b) <= len(c.held):
		c.n += copy(c.held[c.n:], b)
		return len(b), nil
	}
	return c.writeBehind(b)
}

func (c *conn) writeBehind(b []byte) (int, error) {
	c.pieces = [2][]byte{c.held[:c.n], b}
	c.vector = c.pieces[:]
	sent, err := c.vector.WriteTo(c.TCPConn)
	before := c.n
	c.n, c.pieces = 0, [2][]byte{}
	return max(0, int(sent)-before), err
}
