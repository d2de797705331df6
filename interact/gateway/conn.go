package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// conn is one socket. One goroutine reads it; while something waits to be
// written, one goroutine writes it: the one that found nobody writing.
type conn struct {
	g      *Gateway
	id     uint64
	ws     *websocket.Conn
	remote netip.Addr
	since  time.Time

	// Set while joining, fixed afterwards.
	cookie      *token.Claims
	producer    bool
	participant string
	room        Room
	hall        *hall // nil until seated

	seat  int   // protected by hall.mu
	shown shown // protected by hall.mu
	slot  int   // protected by wheel.mu

	// Belong to the reading goroutine.
	messages, answers bucket
	strikes           int
	firstStrike       time.Time

	mu        sync.Mutex // protects everything below; never held while writing
	out       outbox
	writing   bool               // somebody writes, or holds the right to
	interrupt context.CancelFunc // while joining: ends Room.Join
	ending    *ending            // why the connection ends, once it does
	said      bool               // Bye was written or cannot be
	gone      bool
	life      time.Time // last sign of life, give or take lifeGap
	line      line
	pingSent  time.Time // zero if no ping is under way
	pingNonce uint64
	inherited measurement   // of another connection, by a grace token
	graceAt   time.Time     // when the viewer was last told of its line
	graceTold time.Duration // and what its grace was
}

// ending is why the server ends a connection. Code zero: there is nobody left
// to tell.
type ending struct {
	code   wire.CloseCode
	reason string // default: that of the code
}

// newConn returns a connection whose right to write belongs to serve, so that
// nothing leaves before Welcome (GW1).
func newConn(g *Gateway, ws *websocket.Conn, remote netip.Addr, cookie *token.Claims) *conn {
	c := &conn{g: g, id: g.nextID.Add(1), ws: ws, remote: remote, cookie: cookie, since: time.Now(), writing: true}
	ws.SetPingHandler(c.pinged)
	ws.SetPongHandler(c.ponged)
	return c
}

// serve joins the socket to its room. Reading goes on in a goroutine of its
// own, because joining has made this one's stack large.
func (c *conn) serve() {
	joined := false
	defer func() {
		if !joined {
			c.leave()
		}
	}()
	defer c.recovered()
	if joined = c.join(); joined {
		c.g.work.Go(c.read)
		c.flush()
		return
	}
	c.flush()
	c.linger()
}

// read handles messages until the socket ends.
func (c *conn) read() {
	defer c.leave()
	defer c.recovered()
	for {
		kind, buf, n, err := c.receive()
		if err != nil {
			c.lost(err)
			return
		}
		now := time.Now()
		if c.heard(now) { // otherwise only the other side's close is awaited
			c.handle(kind, buf[:n], now)
		}
		buffers.Put(buf)
	}
}

type buffer [wire.MaxClientMessage + 1]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// receive reads one message into a pooled buffer, which the caller puts back.
// Of a message that is too long it reads one byte too many.
func (c *conn) receive() (kind int, buf *buffer, n int, err error) {
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return 0, nil, 0, err
	}
	buf = buffers.Get().(*buffer)
	n, err = io.ReadFull(r, buf[:])
	if err == io.EOF || err == io.ErrUnexpectedEOF { // shorter than buf: the message's end
		err = nil
	}
	if err != nil {
		buffers.Put(buf)
		return 0, nil, 0, err
	}
	return kind, buf, n, nil
}

// handle acts on one message.
func (c *conn) handle(kind int, data []byte, now time.Time) {
	defer c.recovered()
	switch {
	case len(data) > wire.MaxClientMessage:
		c.end(ending{wire.CloseInvalid, "message too long"})
	case kind == websocket.BinaryMessage:
		c.clockPing(data, now)
	default:
		c.text(data, now)
	}
	c.expel()
}

func (c *conn) clockPing(data []byte, now time.Time) {
	ping, err := wire.ParsePing(data)
	if err != nil {
		c.end(ending{wire.CloseInvalid, "binary message that is no clock ping"})
		return
	}
	if !c.allow(now) {
		return
	}
	c.g.counted.clockPings.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.out.addClock(clockReply{ping, c.g.cfg.Clock.At(now)}) {
		c.g.counted.clockDropped.Add(1)
	}
	c.startLocked()
}

func (c *conn) text(data []byte, now time.Time) {
	c.g.counted.messages.Add(1)
	m, err := wire.DecodeClient(data)
	if err != nil {
		c.end(ending{wire.CloseInvalid, ""})
		return
	}
	allowed := c.allow(now)
	switch m := m.(type) {
	case *wire.Answer:
		c.answer(m, now, allowed)
	case *wire.Opened:
		if allowed {
			c.opened(m, now)
		}
	case *wire.Closed:
		if allowed {
			c.closed(m, now)
		}
	case *wire.Status:
		if allowed {
			c.status(m)
		}
	default:
		c.end(ending{wire.CloseInvalid, "hello comes once"})
	}
}

// maxStrikes in strikeWindow end a connection (GW8).
const (
	maxStrikes   = 5
	strikeWindow = time.Minute
)

// allow counts a message against the rate.
func (c *conn) allow(now time.Time) bool {
	if c.messages.take(now, c.g.lim.MessageRate, c.g.lim.MessageBurst) {
		return true
	}
	c.strike(now)
	return false
}

func (c *conn) strike(now time.Time) {
	c.g.counted.limited.Add(1)
	if now.Sub(c.firstStrike) > strikeWindow {
		c.firstStrike, c.strikes = now, 0
	}
	c.strikes++
}

// expel ends the connection that had its last strike. It comes after the
// message was dealt with, so that Bye follows the last refusal (GW8).
func (c *conn) expel() {
	if c.strikes >= maxStrikes {
		c.end(ending{wire.CloseTooMany, ""})
	}
}

// lost ends the connection after a failed read.
func (c *conn) lost(err error) {
	if isTimeout(err) {
		c.finish(ending{wire.CloseIdle, ""})
		return
	}
	c.finish(ending{}) // the other side closed, or the network did
}

// linger reads until the other side has closed, so that its unread bytes do
// not make the kernel throw our Bye away.
func (c *conn) linger() {
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
	}
}

// leave gives everything back. It is the last thing a connection does.
func (c *conn) leave() {
	c.ws.Close()
	c.mu.Lock()
	c.gone, c.out = true, outbox{}
	var code wire.CloseCode
	if c.ending != nil {
		code = c.ending.code
	}
	c.mu.Unlock()
	if c.hall != nil {
		c.hall.leave(c, c.room.Left)
	}
	c.g.wheel.remove(c)
	c.g.forget(c)
	c.g.counted.ended(code)
	c.g.cfg.Log.Debug("connection ended", "conn", c.id, "viewer", c.participant, "code", int(code), "dur", time.Since(c.since))
}

// recovered, deferred, turns a panic over outside bytes into the end of one
// connection (GW11).
func (c *conn) recovered() {
	if p := recover(); p != nil {
		c.g.counted.panics.Add(1)
		c.g.cfg.Log.Error("connection panicked", "conn", c.id, "remote", c.remote, "err", p, "stack", string(debug.Stack()))
		c.end(ending{code: wire.CloseError})
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// instant bounds what a client says its clock showed: a value far from now
// counts as not said.
func instant(claimed, now clock.Instant) clock.Instant {
	const sane = 10 * time.Minute
	if d := claimed.Sub(now); d > sane || d < -sane {
		return 0
	}
	return claimed
}
