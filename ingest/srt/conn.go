package srt

import (
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datarhei/gosrt/crypto"
	"github.com/datarhei/gosrt/packet"

	"github.com/cuelight/cuelight/ingest"
)

const (
	// tick is how often packets are handed on and acknowledged.
	// Spec: draft-sharabayko-srt-01 §4.8.1.
	tick = 10 * time.Millisecond
	// maxIdle is how long a caller may be silent: a crashed encoder may come
	// back this soon; a living one sends something every second.
	maxIdle = 3 * time.Second
	// inbox and outbox are how many packets wait between goroutines.
	inbox, outbox = 1024, 256
)

// conn is one caller's connection, from which packets are only received. One
// goroutine runs it, another one reads.
type conn struct {
	way     route
	peer    peer
	id      uint32
	welcome []byte                // answer to the handshake
	send    func(datagram []byte) // to the caller
	gone    func()                // called when the connection has ended
	latency time.Duration
	start   time.Time
	bits    int // of the key, 0 without encryption
	crypto  crypto.Crypto
	secret  string

	in      chan datagram
	out     chan arrived
	closing chan struct{}
	shut    sync.Once
	link    atomic.Pointer[ingest.Link]
	err     error // why out was closed, read after that

	// What follows belongs to the goroutine that runs.
	stamps  *ingest.Unwrapper
	pacing  pacing
	hold    *hold
	acks    acks
	loss    loss
	heard   int64 // µs since start
	nakAt   int64
	leaving bool // the caller has said goodbye
}

// datagram is a packet as it came.
type datagram struct {
	header
	body []byte
	at   int64 // µs since the connection's start
}

// arrived is a packet's payload, and when the way without its jitter would
// have brought it.
type arrived struct {
	payload []byte
	at      time.Time
}

func newConn(c *caller, id uint32) *conn {
	n := &conn{
		way: c.way, peer: c.peer, id: id,
		latency: c.negotiated(), start: time.Now(),
		crypto: c.crypto, secret: c.secret,
		in: make(chan datagram, inbox), out: make(chan arrived, outbox), closing: make(chan struct{}),
		stamps: ingest.NewUnwrapper(32),
	}
	if c.encrypted() {
		n.bits = int(c.hello.SRTKM.KLen) * 8
	}
	n.hold = newHold(int64(c.hello.InitialPacketSequenceNumber.Val()))
	n.acks = newAcks()
	n.publish()
	return n
}

// close ends the connection. It may be called from any goroutine, and more
// than once.
func (c *conn) close() { c.shut.Do(func() { close(c.closing) }) }

// next waits for the next payload. It is the reader's.
//
// Errors: io.EOF at the connection's end; what ended run, if that was a panic.
func (c *conn) next() (payload []byte, at time.Time, err error) {
	a, ok := <-c.out
	if ok {
		return a.payload, a.at, nil
	}
	if c.err != nil {
		return nil, time.Time{}, c.err
	}
	return nil, time.Time{}, io.EOF
}

// push takes a datagram from the listener, which does not wait: what finds no
// room is as lost on the way and asked for again.
func (c *conn) push(h header, body []byte) {
	d := datagram{header: h, body: append(make([]byte, 0, len(body)), body...), at: c.now()}
	select {
	case c.in <- d:
	default:
	}
}

// now is µs since the connection's start.
func (c *conn) now() int64 { return time.Since(c.start).Microseconds() }

// run keeps the connection until it ends. Panicked turns a panic into next's
// error, where recover was.
func (c *conn) run(panicked func(any) error) {
	defer close(c.out)
	defer c.gone()
	defer func() {
		if p := recover(); p != nil {
			c.err = panicked(p)
		}
	}()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for !c.leaving && c.now()-c.heard < maxIdle.Microseconds() {
		select {
		case <-c.closing:
			return
		case d := <-c.in:
			c.take(d)
		case <-ticker.C:
			c.tick(c.now())
		}
	}
	c.flush()
}

// goodbye tells the caller that it is over. Run must have returned.
func (c *conn) goodbye() { c.control(header{kind: kindShutdown}, make([]byte, 4)) }

func (c *conn) tick(now int64) {
	c.handOn(now)
	c.acknowledge(now)
	if now-c.nakAt >= c.acks.patience() {
		c.complain(now)
	}
	if c.loss.second(now) {
		c.publish()
	}
}

// handOn gives the reader what is due, as far as it keeps up. What it leaves
// waits in hold.
func (c *conn) handOn(now int64) {
	latency := c.latency.Microseconds()
	// Nothing waits for longer than the latency, also when the sender's clock is
	// set while it waits.
	due := func(p held) bool { return min(c.pacing.at(p.sent), p.at)+latency <= now }
	for len(c.out) < cap(c.out) {
		p, ok := c.hold.ripe(due)
		if !ok {
			return
		}
		c.out <- c.arrival(p)
	}
}

// flush hands on everything that has come.
func (c *conn) flush() {
	for {
		p, ok := c.hold.ripe(func(held) bool { return true })
		if !ok {
			return
		}
		select {
		case c.out <- c.arrival(p):
		case <-c.closing:
			return
		}
	}
}

// arrival says when a packet would have come without the jitter of the way.
func (c *conn) arrival(p held) arrived {
	at := c.pacing.at(p.sent)
	if at > p.at+far { // its timestamp is from before the sender's clock was set
		at = p.at
	}
	return arrived{p.payload, c.start.Add(time.Duration(at) * time.Microsecond)}
}

func (c *conn) take(d datagram) {
	c.heard = d.at
	if !d.control {
		c.data(d)
		return
	}
	switch d.kind {
	case kindKeepAlive:
		c.control(header{kind: kindKeepAlive}, nil)
	case kindShutdown:
		c.leaving = true
	case kindACKACK:
		c.acks.confirm(d.specific, d.at)
	case kindDrop:
		if len(d.body) >= 8 { // first and last sequence number
			c.hold.giveUp(c.unwrap(binary.BigEndian.Uint32(d.body[4:])) + 1)
		}
	case kindUser:
		if d.subtype == packet.EXTTYPE_KMREQ.Value() {
			c.rekey(d.body)
		}
	}
}

// unwrap extends a sequence number to the one nearest to the newest.
func (c *conn) unwrap(seq uint32) int64 {
	return c.hold.end + int64(int32((seq-uint32(c.hold.end))<<1))>>1
}

func (c *conn) data(d datagram) {
	if d.message == 0 { // parity of a packet filter, which was not agreed on
		return
	}
	if !c.decrypt(d) {
		return
	}
	sent := c.stamps.Unwrap(uint64(d.timestamp))
	if !d.again {
		c.pacing.heard(sent, d.at)
	}
	v, behind, missing := c.hold.take(c.unwrap(d.seq), held{payload: d.body, sent: sent, at: d.at})
	c.loss.count(v, behind, missing, d.again)
	if missing > 0 {
		c.complain(d.at)
	}
}

// decrypt reports whether the payload is readable now. A caller that encrypts
// must do so with every packet (rule IG50).
func (c *conn) decrypt(d datagram) bool {
	if c.crypto == nil || d.key == packet.UnencryptedPacket {
		return c.crypto == nil && d.key == packet.UnencryptedPacket
	}
	return c.crypto.EncryptOrDecryptPayload(d.body, d.key, d.seq) == nil
}

// rekey takes the keys that a caller changes to from time to time.
func (c *conn) rekey(body []byte) {
	var km packet.CIFKeyMaterialExtension
	if c.crypto == nil || km.Unmarshal(body) != nil || int(km.KLen)*8 != c.bits {
		return
	}
	unlocking.Lock()
	err := c.crypto.UnmarshalKM(&km, c.secret)
	unlocking.Unlock()
	if err == nil {
		c.control(header{kind: kindUser, subtype: packet.EXTTYPE_KMRSP.Value()}, body)
	}
}

// acknowledge says up to where everything has come.
func (c *conn) acknowledge(now int64) {
	number, due := c.acks.due(c.hold.solid, now)
	if !due {
		return
	}
	body := binary.BigEndian.AppendUint32(nil, uint32(c.hold.solid)&maxSeq)
	body = binary.BigEndian.AppendUint32(body, uint32(c.acks.rtt))
	body = binary.BigEndian.AppendUint32(body, uint32(c.acks.rttVar))
	body = binary.BigEndian.AppendUint32(body, uint32(max(c.hold.room(), 2)))
	body = binary.BigEndian.AppendUint32(body, c.loss.rate)
	body = binary.BigEndian.AppendUint32(body, 0) // capacity: not measured, not used in live mode
	body = binary.BigEndian.AppendUint32(body, c.loss.rate*maxPayload)
	c.control(header{kind: kindACK, specific: number}, body)
}

// complain asks for what is missing.
func (c *conn) complain(now int64) {
	const ranges = 100 // fit a datagram
	c.nakAt = now
	if lost := c.hold.missing(ranges); len(lost) > 0 {
		c.control(header{kind: kindNAK}, appendLost(nil, lost))
	}
}

func (c *conn) control(h header, body []byte) {
	h.timestamp, h.to = uint32(c.now()), c.peer.id
	c.send(appendControl(nil, h, body))
}
