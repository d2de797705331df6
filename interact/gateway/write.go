package gateway

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// deliver puts a broadcast into the outbox.
func (c *conn) deliver(b *broadcast) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.gone {
		return
	}
	switch {
	case c.outLocked().addShared(b, c.g.lim.Outbox):
		c.g.counted.deliveries.Add(1)
	case b.offset == 0 && b.worth < worthCue: // no log misses it
		c.g.load.shed(b.worth)
		c.g.counted.shed.Add(1)
		return
	default:
		c.endLocked(ending{code: wire.CloseSlow})
	}
	c.startLocked()
}

// send puts a reply into the outbox. It reaches nobody who is gone.
func (c *conn) send(m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said || c.gone {
		return
	}
	if !c.outLocked().addOwn(m, c.g.lim.Outbox) {
		c.endLocked(ending{code: wire.CloseSlow})
	}
	c.startLocked()
}

func (c *conn) outLocked() *outbox {
	if c.out == nil {
		c.out = outboxes.Get().(*outbox)
	}
	return c.out
}

// startLocked sees to it that somebody writes.
func (c *conn) startLocked() {
	if c.writing || c.gone {
		return
	}
	c.writing = true
	if c.pen != nil {
		c.g.load.scribes[c.id%uint64(len(c.g.load.scribes))].add(c)
	} else {
		c.g.work.Go(c.writeOut)
	}
}

// answerBack writes what the reader has just put into the outbox. The reader
// does it itself if nobody else writes and the write cannot wait: two ends that
// are both writing must not wait for each other.
func (c *conn) answerBack() {
	c.mu.Lock()
	if c.pen == nil || c.writing || c.gone {
		c.startLocked()
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()
	c.writeOut()
}

// writeOut is flush, or where there is no way to write without waiting, press.
// The caller has the right to write and gives it up.
func (c *conn) writeOut() {
	if c.pen == nil {
		c.press(nil, false)
		return
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	c.flush(buf)
}

// flush writes until nothing waits, without waiting itself. What does not fit
// is left to a goroutine of its own, and the right to write with it. The caller
// lends buf.
func (c *conn) flush(buf *[]byte) {
	defer c.recovered()
	for {
		b, last, err := c.compose((*buf)[:0])
		if cap(b) <= maxScratch {
			*buf = b
		}
		if err != nil {
			c.broken(err)
			return
		}
		if len(b) == 0 {
			return
		}
		n, err := c.pen.TryWrite(b)
		switch {
		case err != nil:
			c.broken(err)
			return
		case n < len(b):
			rest := bytes.Clone(b[n:])
			c.g.work.Go(func() { c.press(rest, last) })
			return
		case last:
			c.awaitClose()
			return
		}
	}
}

// maxScratch is how large a shared buffer may have grown.
const maxScratch = 64 << 10

// press writes rest and then whatever waits, waiting for the reader as long as
// the limits allow. last says that rest ends with Bye.
func (c *conn) press(rest []byte, last bool) {
	defer c.recovered()
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	for b, err := rest, error(nil); ; {
		if len(b) > 0 {
			c.blocking(last)
			_, err = c.ws.NetConn().Write(b)
			c.unblocked()
		}
		if err != nil {
			c.broken(err)
			return
		}
		if last {
			c.awaitClose()
			return
		}
		if b, last, err = c.compose((*buf)[:0]); err == nil && len(b) == 0 {
			return
		}
	}
}

// blocking bounds the next write. Whoever reads too slowly, or is told to go,
// has less time.
func (c *conn) blocking(last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked = true
	wait := c.g.lim.WriteWait
	if last || c.ending != nil && c.ending.code == wire.CloseSlow {
		wait = byeWait
	}
	c.ws.NetConn().SetWriteDeadline(time.Now().Add(wait))
}

func (c *conn) unblocked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked = false
	if c.pen != nil { // whose writes have no deadline
		c.ws.NetConn().SetWriteDeadline(time.Time{})
	}
}

// compose adds the frames of what waits to b, the most urgent first (GW3), up
// to about a chunk. If nothing waits it gives the right to write up and b is
// empty. last says that the frames end with Bye.
func (c *conn) compose(b []byte) (_ []byte, last bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) < chunk && !c.said && !c.gone {
		before := len(b)
		if b, err = c.composeOneLocked(b); err != nil {
			return b, false, err
		}
		if len(b) > before {
			continue
		}
		if c.ending != nil && c.ending.code != 0 {
			c.said = true
			b, err = c.appendByeLocked(b)
			return b, true, err
		}
		break
	}
	if len(b) == 0 {
		c.writing = false
		c.emptyLocked()
	}
	return b, false, nil
}

// composeOneLocked adds what is most urgent, nothing if nothing waits but Bye.
func (c *conn) composeOneLocked(b []byte) ([]byte, error) {
	if c.out != nil {
		if r, ok := c.out.clock.pop(); ok {
			return c.appendClock(b, r), nil
		}
		if pong := c.out.pong; pong != nil {
			c.out.pong = nil
			return appendFrame(b, websocket.PongMessage, pong), nil
		}
	}
	if c.ping {
		c.ping = false
		return c.appendPingLocked(b), nil
	}
	if c.out != nil {
		if l, ok := c.out.next(laneReply, laneReply); ok {
			return c.appendLetter(b, l)
		}
	}
	if c.graceDue {
		c.graceDue = false
		return appendMessage(b, c.codec, c.graceLocked(time.Now()))
	}
	if c.out != nil {
		if l, ok := c.out.next(laneCue, laneView); ok {
			return c.appendLetter(b, l)
		}
	}
	return b, nil
}

// emptyLocked gives the outbox back if it is empty.
func (c *conn) emptyLocked() {
	if o := c.out; o != nil && !c.gone && o.empty() {
		c.out = nil
		o.release()
	}
}

func (c *conn) appendLetter(b []byte, l letter) ([]byte, error) {
	if l.shared != nil {
		frame, err := l.shared.framed(c.codec)
		return append(b, frame...), err
	}
	b, err := appendMessage(b, c.codec, l.own)
	if r, ok := l.own.(*wire.Receipt); ok {
		*r = wire.Receipt{}
		receipts.Put(r)
	}
	return b, err
}

func (c *conn) appendClock(b []byte, r clockReply) []byte {
	pong := wire.Pong{Ping: r.ping, Received: r.read}
	pong.Replied, pong.ClockEpoch = c.g.cfg.Clock.Read(time.Now()) // t3: the write follows (GW4)
	var body [clockFrame]byte
	return appendFrame(b, websocket.BinaryMessage, pong.Append(body[:0]))
}

const clockFrame = 32 // room for a pong

func (c *conn) appendPingLocked(b []byte) []byte {
	c.pingNonce, c.pingSent = rand.Uint64(), c.g.moment(time.Now())
	var body [8]byte
	binary.BigEndian.PutUint64(body[:], c.pingNonce)
	return appendFrame(b, websocket.PingMessage, body[:])
}

// pingDue is called by the wheel. It asks for a sign of life, and ends who has
// not given one for too long (GW10).
func (c *conn) pingDue(now moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.gone {
		return
	}
	silent := now.sub(c.life)
	if silent >= c.g.lim.Silence {
		c.endLocked(ending{code: wire.CloseIdle})
		c.startLocked()
		return
	}
	c.ping = true
	c.startLocked()
	// Under the lock, so that leave removes it again.
	c.g.wheel.add(c, min(soon(c.g.lim.PingEvery), c.g.lim.Silence-silent+wheelTick))
}
