package gateway

import (
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// byeWait is how long Bye and the close frame may take. Whoever is too slow for
// anything else gets this long for them.
const byeWait = time.Second

// end says goodbye, after what is already in the outbox.
func (c *conn) end(why ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(why)
	c.startLocked()
}

// finish is end for a reader that will not read again: it returns once Bye is
// written, unless another goroutine is at it.
func (c *conn) finish(why ending) {
	c.mu.Lock()
	c.endLocked(why)
	mine := !c.writing && !c.gone
	c.writing = true
	c.mu.Unlock()
	if mine {
		c.press(nil, false)
	}
}

func (c *conn) endLocked(why ending) {
	if c.ending != nil || c.gone {
		return
	}
	c.ending = &why
	if why.code == wire.CloseSlow {
		c.out, c.ping, c.graceDue = nil, false, false
		if c.blocked { // what does not move now is given up
			c.ws.NetConn().SetWriteDeadline(time.Now().Add(byeWait))
		}
	}
	if c.interrupt != nil { // wakes join, which holds the right to write
		c.interrupt()
		c.ws.SetReadDeadline(time.Now())
	}
}

// appendByeLocked says why, and closes.
func (c *conn) appendByeLocked(b []byte) ([]byte, error) {
	code := c.ending.code
	bye := &wire.Bye{Code: int(code), Reason: c.ending.reason, Reconnect: code.Reconnect(), Try: c.ending.try}
	if bye.Reason == "" {
		bye.Reason = code.String()
	}
	if bye.Reconnect {
		bye.After = after(code) + c.comeBack.Milliseconds()
	}
	if code == wire.CloseBusy {
		bye.After += c.g.load.spread(c.g.lim).Milliseconds()
	}
	b, err := appendMessage(b, c.codec, bye)
	if err != nil {
		return b, err
	}
	return appendFrame(b, websocket.CloseMessage, websocket.FormatCloseMessage(int(code), code.String())), nil
}

// awaitClose gives the other side a moment to close too.
func (c *conn) awaitClose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ws.SetReadDeadline(time.Now().Add(c.g.lim.CloseWait))
}

// after is how long a client waits at least before it comes back, in ms. It
// adds full jitter, so that a crowd does not come back as one.
func after(code wire.CloseCode) int64 {
	switch code {
	case wire.CloseRestart, wire.CloseSlow, wire.CloseHello:
		return 500
	case wire.CloseBusy, wire.CloseError:
		return 2000
	default:
		return 0
	}
}

// broken gives the socket up after a failed write, which also ends the read.
func (c *conn) broken(err error) {
	c.mu.Lock()
	if c.ending == nil {
		c.ending = new(ending)
		if isTimeout(err) {
			c.ending.code = wire.CloseSlow
		}
	}
	c.said = true
	c.mu.Unlock()
	c.ws.Close()
}
