package gatewaytest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is one end of a connection in memory. As a net.Conn it behaves like TCP
// with a bounded buffer each way: a write waits only while the buffer is full,
// and what was written before Close can still be read. It is safe for
// concurrent use.
type Conn struct {
	in, out *stream
	name    address
}

// Pipe returns the two ends of a connection that holds up to size bytes each
// way that were written and not read yet.
func Pipe(size int) (near, far *Conn) {
	up, down := newStream(size), newStream(size)
	return &Conn{in: down, out: up, name: "near"}, &Conn{in: up, out: down, name: "far"}
}

// Read waits for at least one byte.
// Errors: io.EOF after the other end has closed; os.ErrDeadlineExceeded;
// net.ErrClosed.
func (c *Conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write waits until all of b fits.
// Errors: io.ErrClosedPipe after the other end has closed;
// os.ErrDeadlineExceeded; net.ErrClosed.
func (c *Conn) Write(b []byte) (int, error) { return c.out.write(b) }

// TryWrite writes what fits at once. Errors: as Write.
func (c *Conn) TryWrite(b []byte) (int, error) { return c.out.tryWrite(b) }

// Tap hands everything that the other end writes from now on to take, in the
// goroutine that writes, instead of keeping it for Read. take does not block
// and keeps nothing of the bytes; it is called by one goroutine at a time.
func (c *Conn) Tap(take func([]byte)) { c.in.tapped(take) }

// Close ends both directions.
func (c *Conn) Close() error {
	c.in.shut(net.ErrClosed, io.ErrClosedPipe)
	c.out.shut(io.EOF, net.ErrClosed)
	return nil
}

// CloseWrite ends the direction that this end writes: the other end reads what
// is left, then io.EOF.
func (c *Conn) CloseWrite() error {
	c.out.shut(io.EOF, net.ErrClosed)
	return nil
}

// LocalAddr names this end.
func (c *Conn) LocalAddr() net.Addr { return c.name }

// RemoteAddr is the loopback address, from which the most sockets are allowed.
func (c *Conn) RemoteAddr() net.Addr { return address(Remote) }

// Remote is where connections of this package seem to come from.
const Remote = "127.0.0.1:1"

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.reader.setDeadline(c.in, t)
	c.out.writer.setDeadline(c.out, t)
	return nil
}

// SetReadDeadline ends a Read that waits at t. Zero: never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.reader.setDeadline(c.in, t)
	return nil
}

// SetWriteDeadline ends a Write that waits at t. Zero: never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.writer.setDeadline(c.out, t)
	return nil
}

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }

// stream is one direction: a ring of bytes that grows up to its limit.
type stream struct {
	mu             sync.Mutex // protects everything below
	ring           []byte
	start, held    int
	limit          int
	take           func([]byte) // instead of the ring
	reader, writer side
}

// side is one end of a stream.
type side struct {
	cond    sync.Cond
	closed  error // what it is told from then on
	expired bool
	timer   *time.Timer
}

func newStream(limit int) *stream {
	s := &stream{limit: limit}
	s.reader.cond.L, s.writer.cond.L = &s.mu, &s.mu
	return s
}

// setDeadline replaces the deadline of a side of s.
func (d *side) setDeadline(s *stream, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.expired = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.expired = true
		d.cond.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.timer == timer { // not replaced meanwhile
			d.expired = true
			d.cond.Broadcast()
		}
	})
	d.timer = timer
}

// endLocked stops the timer of a side that is closed.
func (d *side) endLocked(err error) {
	if d.closed == nil {
		d.closed = err
	}
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.cond.Broadcast()
}

func (s *stream) shut(reader, writer error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader.endLocked(reader)
	s.writer.endLocked(writer)
}

func (s *stream) tapped(take func([]byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take = take
	for s.held > 0 {
		take(s.nextLocked(s.held))
	}
	s.ring = nil
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held == 0 || s.reader.closed == net.ErrClosed {
		switch {
		case s.reader.closed != nil:
			return 0, s.reader.closed
		case s.reader.expired:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		s.reader.cond.Wait()
	}
	n := copy(b, s.nextLocked(len(b)))
	s.writer.cond.Signal()
	return n, nil
}

// nextLocked takes up to n bytes that lie together.
func (s *stream) nextLocked(n int) []byte {
	n = min(n, s.held, len(s.ring)-s.start)
	b := s.ring[s.start : s.start+n]
	s.start, s.held = (s.start+n)%len(s.ring), s.held-n
	if s.held == 0 {
		s.start = 0
	}
	return b
}

func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for done := 0; ; s.writer.cond.Wait() {
		if err := s.writer.errLocked(); err != nil {
			return done, err
		}
		done += s.putLocked(b[done:])
		if done == len(b) {
			return done, nil
		}
	}
}

func (s *stream) tryWrite(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writer.errLocked(); err != nil {
		return 0, err
	}
	return s.putLocked(b), nil
}

func (d *side) errLocked() error {
	if d.closed == nil && d.expired {
		return os.ErrDeadlineExceeded
	}
	return d.closed
}

// putLocked keeps as much of b as fits and returns how much that is.
func (s *stream) putLocked(b []byte) int {
	if s.take != nil {
		s.take(b)
		return len(b)
	}
	n := min(len(b), s.limit-s.held)
	if s.held+n > len(s.ring) {
		s.growLocked(s.held + n)
	}
	for rest := b[:n]; len(rest) > 0; {
		end := (s.start + s.held) % len(s.ring)
		k := copy(s.ring[end:min(len(s.ring), end+len(rest))], rest)
		s.held, rest = s.held+k, rest[k:]
	}
	if n > 0 {
		s.reader.cond.Signal()
	}
	return n
}

// growLocked makes room for n bytes in all.
func (s *stream) growLocked(n int) {
	ring := make([]byte, min(max(n, 2*len(s.ring), 256), s.limit))
	held := s.held
	for at := 0; at < held; {
		at += copy(ring[at:], s.nextLocked(held-at))
	}
	s.ring, s.start, s.held = ring, 0, held
}
