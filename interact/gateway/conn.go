package gateway

import (
	"context"
	"errors"
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

// conn is one socket. One goroutine reads it. While something waits to be
// written, one other has the right to write it: a scribe, or where a write has
// to wait, a goroutine of the connection's own.
type conn struct {
	g      *Gateway
	id     uint64
	ws     *websocket.Conn
	pen    pen // nil: every write may wait
	codec  wire.Codec
	remote netip.Addr
	since  time.Time

	// Set while joining, fixed afterwards.
	cookie      *token.Claims
	producer    bool
	participant string
	grade       string // of identity; none of a producer
	room        Room
	hall        *hall   // nil until seated
	tenant      *tenant // nil until the channel is known
	held        bool    // the tenant counts it
	placed      uint64  // offset of the log up to which its welcome goes
	era         uint32  // that the log was in

	seat  int   // protected by hall.mu
	shown shown // protected by hall.mu
	twin  *conn // another socket of this participant; protected by hall.mu
	berth berth // protected by wheel.mu

	// Belong to the reading goroutine.
	messages, answers bucket

	mu        sync.Mutex         // protects everything below; never held while writing
	out       *outbox            // nil if nothing waits
	writing   bool               // somebody writes, or holds the right to
	blocked   bool               // a write waits for the reader
	ping      bool               // a liveness ping is due
	graceDue  bool               // the viewer has to be told of its line
	said      bool               // Bye was written or cannot be
	gone      bool               // nothing is left of it
	interrupt context.CancelFunc // while joining: ends Room.Join
	ending    *ending            // why the connection ends, once it does
	comeBack  time.Duration      // how much later than usual, after a stop
	life      moment             // last sign of life
	strikes   strikes
	line      line
	pingSent  moment // zero if no ping is under way
	pingNonce uint64
	inherited measurement   // of another connection, by a grace token
	graceAt   moment        // when the viewer was last told of its line
	graceTold time.Duration // and what its grace was
}

// ending is why the server ends a connection. Code zero: there is nobody left
// to tell.
type ending struct {
	code   wire.CloseCode
	reason string // default: that of the code
	try    string // another node to go to, if one is known
}

// newConn returns a connection whose right to write belongs to serve, so that
// nothing leaves before Welcome (GW1).
func newConn(g *Gateway, ws *websocket.Conn, codec wire.Codec, remote netip.Addr, cookie *token.Claims) *conn {
	c := &conn{
		g: g, id: g.nextID.Add(1), ws: ws, pen: penOf(ws.NetConn()), codec: codec, remote: remote, cookie: cookie,
		since: time.Now(), writing: true,
	}
	ws.SetPingHandler(c.pinged)
	ws.SetPongHandler(c.ponged)
	return c
}

// serve joins the socket to its room. Reading goes on in a goroutine of its
// own, because joining has made this one's stack large.
func (c *conn) serve() {
	stays := false
	defer func() {
		if !stays {
			c.leave()
		}
	}()
	defer c.recovered()
	stays = c.join() && c.arrived()
	c.g.load.joining.Add(-1)
	if stays {
		c.g.work.Go(c.read)
		c.writeOut()
		return
	}
	c.press(nil, false)
	c.linger()
}

// arrived reports whether the connection is to be read from: it may have been
// ended since Welcome.
func (c *conn) arrived() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending == nil
}

// lost ends the connection after a failed read.
func (c *conn) lost(err error) {
	if isTimeout(err) {
		c.finish(ending{code: wire.CloseIdle})
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
	c.gone, c.out = true, nil
	var code wire.CloseCode
	if c.ending != nil {
		code = c.ending.code
	}
	c.mu.Unlock()
	c.g.counted.ended(code) // whoever is told that it left finds it counted
	if c.hall != nil {
		c.hall.leave(c, c.room.Left, time.Now())
	}
	if c.held {
		c.tenant.release()
	}
	c.g.wheel.remove(c)
	c.g.forget(c)
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
