package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// crowd is many viewers' sockets in this process. It does the same work
// against every server: what it sends is framed beforehand, what it hears is
// kept and read afterwards.
type crowd struct {
	sockets []*socket
	waiting atomic.Int64  // replies that have not come
	done    chan struct{} // holds one: waiting reached zero
	lost    atomic.Int64  // sockets that ended before close
	others  atomic.Int64  // messages heard that were no reply
	closing atomic.Bool
	readers sync.WaitGroup
	// broadcast is how the message begins that all wait for at once; empty while
	// they wait for replies. Fixed before anybody listens.
	broadcast string
}

// socket is one viewer.
type socket struct {
	ws      *websocket.Conn
	welcome []byte // the first message it heard
	heardAt instant

	frame []byte // what it sends next
	wants atomic.Bool
	sent  instant
	heard instant
	reply []byte
}

const (
	dialers     = 32
	senders     = 4
	joinWait    = 20 * time.Second
	joinAgain   = 100 * time.Millisecond
	messageSize = 1024 // longer messages are none that a burst waits for
)

// connect opens n sockets. Each says hello and hears the first message.
func connect(ctx context.Context, url string, hello []byte, n int, broadcast string) (*crowd, error) {
	c := &crowd{sockets: make([]*socket, n), done: make(chan struct{}, 1), broadcast: broadcast}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(dialers, n) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				s, err := join(ctx, url, hello)
				if err != nil {
					stop(fmt.Errorf("connect viewer %d of %d: %w", i+1, n, err))
					return
				}
				c.sockets[i] = s
			}
		})
	}
	work.Wait()
	if err := context.Cause(ctx); err != nil {
		c.close()
		return nil, err
	}
	for _, s := range c.sockets {
		c.readers.Go(func() { c.listen(s) })
	}
	return c, nil
}

// oneBuffer shares the clients' write buffers, which are needed for a moment.
var oneBuffer = new(sync.Pool)

// join connects one. A server that cannot take more at the moment is asked
// again.
func join(ctx context.Context, url string, hello []byte) (*socket, error) {
	for until := now() + instant(joinWait); ; {
		s, status, err := joinOnce(ctx, url, hello)
		if status != http.StatusServiceUnavailable || now() > until {
			return s, err
		}
		if err := pause(ctx, joinAgain); err != nil {
			return nil, err
		}
	}
}

func joinOnce(ctx context.Context, url string, hello []byte) (s *socket, status int, err error) {
	dialer := websocket.Dialer{
		HandshakeTimeout: joinWait,
		ReadBufferSize:   512,
		WriteBufferSize:  1024,
		WriteBufferPool:  oneBuffer,
		Subprotocols:     []string{wire.Subprotocol},
	}
	ws, resp, err := dialer.DialContext(ctx, url, http.Header{})
	if err != nil {
		if resp != nil {
			return nil, resp.StatusCode, fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, 0, err
	}
	s = &socket{ws: ws}
	ws.SetReadDeadline(time.Now().Add(joinWait))
	if err = ws.WriteMessage(websocket.TextMessage, hello); err == nil {
		_, s.welcome, err = ws.ReadMessage()
		s.heardAt = now()
	}
	if err != nil {
		ws.Close()
		return nil, 0, err
	}
	ws.SetReadDeadline(time.Time{})
	return s, 0, nil
}

// listen reads until the socket ends.
func (c *crowd) listen(s *socket) {
	buf := make([]byte, messageSize)
	for {
		_, r, err := s.ws.NextReader()
		var n int
		if err == nil {
			n, err = io.ReadFull(r, buf)
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			if !c.closing.Load() {
				c.lost.Add(1)
			}
			return
		}
		if c.awaited(buf[:n]) && s.wants.Swap(false) {
			s.heard = now()
			s.reply = append(s.reply[:0], buf[:n]...)
			if c.waiting.Add(-1) == 0 {
				c.done <- struct{}{}
			}
		} else {
			c.others.Add(1)
		}
	}
}

// replies are how the messages begin that a burst waits for: an answer, sent
// back by the echo, or what it becomes.
var replies = []string{`{"t":"receipt",`, `{"t":"refused",`, `{"t":"answer",`, `{"id":2,`}

func isReply(data []byte) bool {
	for _, r := range replies {
		if begins(data, r) {
			return true
		}
	}
	return false
}

func begins(data []byte, with string) bool {
	return len(data) > len(with) && string(data[:len(with)]) == with
}

// awaited says whether a message is one that sockets wait for: a reply, or what
// is broadcast to all of them.
func (c *crowd) awaited(data []byte) bool {
	if c.broadcast == "" {
		return isReply(data)
	}
	return begins(data, c.broadcast)
}

// load frames what every socket sends next.
func (c *crowd) load(message func(viewer int) ([]byte, error)) error {
	mask := uint32(now())
	for i, s := range c.sockets {
		m, err := message(i)
		if err != nil {
			return err
		}
		s.frame = appendFrame(s.frame[:0], mask+uint32(i)*0x9e3779b9, m)
	}
	return nil
}

// fire sends from every socket what was loaded, all as fast as this process
// can, and waits until every one has been replied to. The caller reads sent,
// heard and reply of the sockets afterwards.
func (c *crowd) fire(ctx context.Context) error { return c.hear(ctx, c.send) }

// hear does what makes every socket hear something, and waits until all have.
func (c *crowd) hear(ctx context.Context, do func() error) error {
	c.waiting.Store(int64(len(c.sockets)))
	for _, s := range c.sockets {
		s.wants.Store(true)
	}
	if err := do(); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(replyWait):
		return fmt.Errorf("%d of %d viewers have no reply after %v (%d sockets were lost)",
			c.waiting.Load(), len(c.sockets), replyWait, c.lost.Load())
	}
}

const replyWait = 20 * time.Second

func (c *crowd) send() error {
	errs := make([]error, senders)
	deadline := time.Now().Add(replyWait)
	var work sync.WaitGroup
	for k := range senders {
		work.Go(func() {
			for i := k; i < len(c.sockets); i += senders {
				s, conn := c.sockets[i], c.sockets[i].ws.NetConn()
				conn.SetWriteDeadline(deadline) // a pong leaves its own behind
				s.sent = now()
				if _, err := conn.Write(s.frame); err != nil {
					errs[k] = fmt.Errorf("send from viewer %d: %w", i+1, err)
					return
				}
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

// close ends every socket and waits for the readers.
func (c *crowd) close() {
	c.closing.Store(true)
	for _, s := range c.sockets {
		if s != nil {
			s.ws.Close()
		}
	}
	c.readers.Wait()
}

// appendFrame appends a text message as a client sends it, in one masked frame.
// Spec: RFC 6455 §5.2.
func appendFrame(to []byte, mask uint32, message []byte) []byte {
	const final, text, masked = 0x80, 0x1, 0x80
	key := [4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}
	to = append(to, final|text)
	if n := len(message); n < 126 {
		to = append(to, masked|byte(n))
	} else {
		to = append(to, masked|126, byte(n>>8), byte(n)) // messages are at most wire.MaxClientMessage long
	}
	to = append(to, key[:]...)
	for i, b := range message {
		to = append(to, b^key[i%4])
	}
	return to
}
