package gateway

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// byeWait is how long Bye and the close frame may take each. Whoever is too
// slow for anything else gets this long for them.
const byeWait = time.Second

// deliver puts a broadcast into the outbox.
func (c *conn) deliver(b *broadcast) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.gone {
		return
	}
	switch {
	case c.out.addShared(b, c.g.lim.Outbox):
		c.g.counted.deliveries.Add(1)
	case b.lane == laneView:
		c.g.counted.shed.Add(1)
		return
	default:
		c.endLocked(ending{wire.CloseSlow, ""})
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
	if !c.out.addOwn(m, c.g.lim.Outbox) {
		c.endLocked(ending{wire.CloseSlow, ""})
	}
	c.startLocked()
}

// pingDue is called by the wheel.
func (c *conn) pingDue() {
	c.mu.Lock()
	if c.ending == nil && !c.gone {
		c.out.ping = true
		c.startLocked()
		// Under the lock, so that leave removes it again.
		c.g.wheel.add(c, c.g.lim.PingEvery)
	}
	c.mu.Unlock()
}

// startLocked sees to it that somebody writes. The reader never does, so that
// two ends that are both writing cannot wait for each other.
func (c *conn) startLocked() {
	if !c.writing && !c.gone {
		c.writing = true
		c.g.work.Go(c.flush)
	}
}

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
		c.flush()
	}
}

func (c *conn) endLocked(why ending) {
	if c.ending != nil || c.gone {
		return
	}
	c.ending = &why
	if why.code == wire.CloseSlow {
		c.out = outbox{}
		if c.writing { // stuck: what does not move now is given up
			c.ws.NetConn().SetWriteDeadline(time.Now().Add(byeWait))
		}
	}
	if c.interrupt != nil { // wakes join, which holds the right to write
		c.interrupt()
		c.ws.SetReadDeadline(time.Now())
	}
}

// job is the next thing to write.
type job struct {
	kind   jobKind
	clock  clockReply
	pong   []byte
	letter letter
	bye    *ending
}

type jobKind uint8

const (
	jobNone jobKind = iota
	jobClock
	jobPong
	jobPing
	jobLetter
	jobBye
)

// flush writes until nothing waits, then gives the right to write back. After
// a failed write nobody gets it any more.
func (c *conn) flush() {
	for {
		j := c.take()
		if j.kind == jobNone {
			return
		}
		if err := c.write(j); err != nil {
			c.broken(err)
			return
		}
	}
}

func (c *conn) take() job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said || c.gone {
		c.writing = false
		return job{}
	}
	if r, ok := c.out.nextClock(); ok {
		return job{kind: jobClock, clock: r}
	}
	if pong := c.out.pong; pong != nil {
		c.out.pong = nil
		return job{kind: jobPong, pong: pong}
	}
	if c.out.ping {
		c.out.ping = false
		return job{kind: jobPing}
	}
	if l, ok := c.out.next(); ok {
		return job{kind: jobLetter, letter: l}
	}
	if c.ending != nil && c.ending.code != 0 {
		c.said = true
		return job{kind: jobBye, bye: c.ending}
	}
	c.writing = false
	return job{}
}

func (c *conn) write(j job) error {
	deadline := time.Now().Add(c.g.lim.WriteWait)
	c.ws.SetWriteDeadline(deadline)
	switch j.kind {
	case jobClock:
		return c.writeClock(j.clock)
	case jobPong:
		return c.ws.WriteControl(websocket.PongMessage, j.pong, deadline)
	case jobPing:
		return c.writePing(deadline)
	case jobBye:
		return c.writeBye(j.bye)
	}
	if j.letter.shared != nil {
		return c.ws.WritePreparedMessage(j.letter.shared.frame)
	}
	data, err := wire.Encode(j.letter.own)
	if err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.TextMessage, data)
}

func (c *conn) writeClock(r clockReply) error {
	room := c.g.cfg.Clock
	pong := wire.Pong{Ping: r.ping, Received: r.read, ClockEpoch: room.Epoch()}
	pong.Replied = room.At(time.Now()) // t3: nothing but the write follows (GW4)
	return c.ws.WriteMessage(websocket.BinaryMessage, pong.Append(make([]byte, 0, clockFrame)))
}

const clockFrame = 32 // room for a pong

func (c *conn) writePing(deadline time.Time) error {
	nonce := rand.Uint64()
	c.mu.Lock()
	c.pingNonce, c.pingSent = nonce, time.Now()
	c.mu.Unlock()
	return c.ws.WriteControl(websocket.PingMessage, binary.BigEndian.AppendUint64(nil, nonce), deadline)
}

// writeBye says why, closes, and gives the other side a moment to do the same.
func (c *conn) writeBye(why *ending) error {
	bye := &wire.Bye{Code: int(why.code), Reason: why.reason, Reconnect: why.code.Reconnect(), After: after(why.code)}
	if bye.Reason == "" {
		bye.Reason = why.code.String()
	}
	data, err := wire.Encode(bye)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(byeWait)
	c.ws.SetWriteDeadline(deadline)
	if err := c.ws.WriteMessage(websocket.TextMessage, data); err != nil {
		return err
	}
	frame := websocket.FormatCloseMessage(int(why.code), why.code.String())
	if err := c.ws.WriteControl(websocket.CloseMessage, frame, deadline); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws.SetReadDeadline(time.Now().Add(c.g.lim.CloseWait))
}

// after is how long a client waits at least before it comes back, in ms. It
// adds full jitter, so that a crowd does not come back as one.
func after(code wire.CloseCode) int64 {
	switch code {
	case wire.CloseRestart, wire.CloseSlow:
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

// lifeGap is how exactly signs of life are noted: setting a deadline for every
// message would cost more than handling it.
func (c *conn) lifeGap() time.Duration { return c.g.lim.Silence / 12 }

// heard notes a sign of life. It reports false if the connection is ending.
// While joining there is no sign of life but hello.
func (c *conn) heard(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil {
		return false
	}
	if gap := c.lifeGap(); c.interrupt == nil && now.Sub(c.life) >= gap {
		c.life = now
		c.ws.SetReadDeadline(now.Add(c.g.lim.Silence + gap))
	}
	return true
}

// pinged answers a WebSocket ping. It runs in the reader.
func (c *conn) pinged(payload string) error {
	now := time.Now()
	if !c.heard(now) {
		return nil
	}
	if !c.allow(now) {
		c.expel()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.pong = []byte(payload)
	c.startLocked()
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
	var grace *wire.Grace
	c.mu.Lock()
	known := len(payload) == 8 && !c.pingSent.IsZero() && binary.BigEndian.Uint64([]byte(payload)) == c.pingNonce
	if known {
		c.line.add(now.Sub(c.pingSent))
		c.pingSent = time.Time{}
		if c.line.seen < burstPings {
			c.out.ping = true
			c.startLocked()
		}
		grace = c.graceDueLocked(now)
	}
	c.mu.Unlock()
	if grace != nil {
		c.send(grace)
	}
	if !known {
		c.allow(now) // nobody asked for it
		c.expel()
	}
	return nil
}
