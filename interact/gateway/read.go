package gateway

import (
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

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

// heard notes a sign of life. It reports false if the connection is ending.
// While joining there is no sign of life but hello.
func (c *conn) heard(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupt == nil {
		c.life = c.g.moment(now)
	}
	return c.ending == nil
}

// handle acts on one message.
func (c *conn) handle(kind int, data []byte, now time.Time) {
	defer c.recovered()
	switch {
	case len(data) > wire.MaxClientMessage:
		c.end(ending{code: wire.CloseInvalid, reason: "message too long"})
	case kind == websocket.BinaryMessage && (!c.codec.Binary() || isClock(data)):
		c.clockPing(data, now)
	case kind != opcodeOf(c.codec):
		c.end(ending{code: wire.CloseInvalid, reason: "text message where binary was agreed on"})
	default:
		c.message(data, now)
	}
	c.expel(now)
}

// isClock says that a binary message belongs to the clock: what msgpack writes
// begins with another byte.
func isClock(data []byte) bool { return len(data) > 0 && (data[0] == 1 || data[0] == 2) }

func (c *conn) clockPing(data []byte, now time.Time) {
	ping, err := wire.ParsePing(data)
	if err != nil {
		c.end(ending{code: wire.CloseInvalid, reason: "binary message that is no clock ping"})
		return
	}
	if !c.allow(now) {
		return
	}
	c.g.counted.clockPings.Add(1)
	c.mu.Lock()
	if !c.outLocked().addClock(clockReply{ping, c.g.cfg.Clock.At(now)}) {
		c.g.counted.clockDropped.Add(1)
	}
	c.mu.Unlock()
	c.answerBack()
}

func (c *conn) message(data []byte, now time.Time) {
	c.g.counted.messages.Add(1)
	m, err := c.codec.DecodeClient(data)
	if err != nil {
		c.end(ending{code: wire.CloseInvalid})
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
	case *wire.Hello:
		c.end(ending{code: wire.CloseInvalid, reason: "hello comes once"})
	default:
		c.end(ending{code: wire.CloseInvalid, reason: "message of another transport"})
	}
}

// allow counts a message against the rate.
func (c *conn) allow(now time.Time) bool {
	if c.messages.take(c.g.moment(now), c.g.lim.MessageRate, c.g.lim.MessageBurst) {
		return true
	}
	c.strike(now)
	return false
}

// pinged answers a WebSocket ping. It runs in the reader.
func (c *conn) pinged(payload string) error {
	now := time.Now()
	if !c.heard(now) {
		return nil
	}
	if !c.allow(now) {
		c.expel(now)
		return nil
	}
	c.mu.Lock()
	c.outLocked().pong = []byte(payload)
	c.mu.Unlock()
	c.answerBack()
	return nil
}

// burstPings follow Welcome at once, each when the one before was answered, so
// that the line is known before the first answer.
const burstPings = 3

// ponged measures the line. It runs in the reader.
func (c *conn) ponged(payload string) error {
	now := time.Now()
	if !c.heard(now) {
		return nil
	}
	if c.measured(payload, c.g.moment(now)) {
		return nil
	}
	c.allow(now) // nobody asked for it
	c.expel(now)
	return nil
}

// measured takes the answer to a ping in, and reports whether it was asked for.
func (c *conn) measured(payload string, now moment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(payload) != 8 || c.pingSent == 0 || binary.BigEndian.Uint64([]byte(payload)) != c.pingNonce {
		return false
	}
	c.line.add(now.sub(c.pingSent))
	c.pingSent = 0
	if c.line.seen < burstPings {
		c.ping = true
		c.startLocked()
	}
	if c.graceDueLocked(now) {
		c.graceDue = true
		c.startLocked()
	}
	return true
}
