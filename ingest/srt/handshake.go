package srt

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/datarhei/gosrt/crypto"
	"github.com/datarhei/gosrt/packet"
)

// Kinds of control packets. Spec: draft-sharabayko-srt-01 §3.2.
const (
	kindHandshake = uint16(packet.CTRLTYPE_HANDSHAKE)
	kindKeepAlive = uint16(packet.CTRLTYPE_KEEPALIVE)
	kindACK       = uint16(packet.CTRLTYPE_ACK)
	kindNAK       = uint16(packet.CTRLTYPE_NAK)
	kindShutdown  = uint16(packet.CTRLTYPE_SHUTDOWN)
	kindACKACK    = uint16(packet.CTRLTYPE_ACKACK)
	kindDrop      = uint16(packet.CRTLTYPE_DROPREQ)
	kindUser      = uint16(packet.CTRLTYPE_USER)
)

const (
	// handshakeSize is the length of a handshake without extensions.
	handshakeSize = 48
	// ourVersion is the version of SRT whose ways we have.
	ourVersion = 0x010401
	// magic in the answer to an induction says that extensions are understood.
	magic = 0x4A17
	// maxMTU is what every path carries; maxPayload follows from it.
	maxMTU = 1500
)

// caller is somebody who has said what they want and waits for an answer.
type caller struct {
	listener *Listener
	way      route
	peer     peer
	hello    *packet.CIFHandshake
	crypto   crypto.Crypto // nil when the caller does not encrypt
	secret   string        // with which crypto was unlocked
	flaw     error         // why the handshake cannot be, a *flaw
}

// flaw is a handshake that we do not take, and how the caller is told.
type flaw struct {
	reason reason
	advice string
}

func (f *flaw) Error() string { return f.advice }

// greet answers an induction, and returns the caller of a conclusion, nil
// while an earlier one is being answered. Neither costs anything before the
// caller has shown, by the cookie, that it can be reached at its address.
//
// It may panic: the library's parser trips over extensions that are cut short.
func (l *Listener) greet(body []byte, way route) (*caller, error) {
	if len(body) < handshakeSize {
		return nil, nil
	}
	kind := packet.HandshakeType(binary.BigEndian.Uint32(body[20:]))
	cookie := binary.BigEndian.Uint32(body[28:])
	switch {
	case kind == packet.HSTYPE_INDUCTION:
		return nil, l.induct(body[:handshakeSize], way)
	case kind != packet.HSTYPE_CONCLUSION || !l.cookies.Verify(cookie, way.to.String()):
		return nil, nil
	}
	c := &caller{listener: l, way: way, hello: new(packet.CIFHandshake)}
	c.peer = peer{addr: way.to, id: binary.BigEndian.Uint32(body[24:])}
	if l.again(c.peer) {
		return nil, nil
	}
	if err := c.hello.Unmarshal(body); err != nil {
		return nil, err
	}
	c.flaw = c.check()
	l.mu.Lock()
	l.byPeer[c.peer] = nil
	l.mu.Unlock()
	return c, nil
}

// induct answers with a cookie, in no more bytes than were asked with.
func (l *Listener) induct(body []byte, way route) error {
	var hello packet.CIFHandshake
	if err := hello.Unmarshal(body); err != nil {
		return err
	}
	hello.Version = 5
	hello.EncryptionField = 0
	hello.ExtensionField = magic
	hello.SynCookie = l.cookies.Get(way.to.String())
	l.reply(way, hello.SRTSocketId, &hello)
	return nil
}

// again reports whether the caller has asked before, and repeats the answer if
// there is one: it may have been lost.
func (l *Listener) again(p peer) bool {
	l.mu.RLock()
	c, asked := l.byPeer[p]
	l.mu.RUnlock()
	if c != nil {
		c.send(c.welcome)
	}
	return asked
}

// reply sends a handshake.
func (l *Listener) reply(way route, to uint32, hello *packet.CIFHandshake) {
	l.send(way, l.marshal(way, to, hello))
}

func (l *Listener) marshal(way route, to uint32, hello *packet.CIFHandshake) []byte {
	var body bytes.Buffer
	hello.PeerIP.FromNetIP(net.IP(way.to.Addr().AsSlice()))
	_ = hello.Marshal(&body) // a buffer takes everything
	h := header{kind: kindHandshake, timestamp: uint32(time.Since(l.start).Microseconds()), to: to}
	return appendControl(nil, h, body.Bytes())
}

// check says why a handshake cannot lead to a live stream.
func (c *caller) check() error {
	switch hs := c.hello.SRTHS; {
	case c.hello.Version != 5 || hs == nil:
		return &flaw{rejVersion, "the caller's SRT is too old: use version 1.4 or newer"}
	case hs.SRTFlags.STREAM:
		return &flaw{rejMessageAPI, "the caller wants to send a file: set its mode to live"}
	case c.hello.HasCongestionCtl && c.hello.CongestionCtl != "live":
		return &flaw{rejCongestion, "the caller wants to send a file: set its mode to live"}
	case !hs.SRTFlags.TSBPDSND || !hs.SRTFlags.REXMITFLG:
		return &flaw{rejRogue, "the caller does not send in live mode: set its mode to live"}
	case c.hello.MaxTransmissionUnitSize > maxMTU:
		return &flaw{rejRogue, "the caller sends datagrams that are too large: set its MTU to 1500"}
	}
	if km := c.hello.SRTKM; km != nil {
		var err error
		if c.crypto, err = crypto.New(int(km.KLen)); err != nil {
			return &flaw{rejRogue, "the caller's key length is none of 16, 24 and 32"}
		}
	}
	return nil
}

func (c *caller) remote() string   { return c.way.to.String() }
func (c *caller) streamID() string { return c.hello.StreamId }
func (c *caller) encrypted() bool  { return c.hello.SRTKM != nil }

// unlocking is done by one at a time: deriving a key takes long on purpose, and
// callers must not be able to keep more than one core busy with it.
var unlocking sync.Mutex

// unlock reports whether the caller encrypts with this passphrase.
func (c *caller) unlock(passphrase string) bool {
	unlocking.Lock()
	defer unlocking.Unlock()
	if c.crypto == nil || c.crypto.UnmarshalKM(c.hello.SRTKM, passphrase) != nil {
		return false
	}
	c.secret = passphrase
	return true
}

// reject answers with a reason.
func (c *caller) reject(why reason) {
	hello := *c.hello
	hello.HandshakeType = packet.HandshakeType(failed + why)
	hello.HasHS, hello.HasKM, hello.HasSID, hello.HasCongestionCtl = false, false, false, false
	l := c.listener
	l.reply(c.way, c.peer.id, &hello)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byPeer, c.peer)
}

// accept answers and returns the connection, which the caller of accept must
// run and close.
func (c *caller) accept() (*conn, error) {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	id, err := l.freeID()
	if err != nil {
		delete(l.byPeer, c.peer)
		return nil, err
	}
	conn := newConn(c, id)
	conn.send = func(datagram []byte) { l.send(c.way, datagram) }
	conn.gone = func() { l.forget(conn) }
	conn.welcome = l.marshal(c.way, c.peer.id, c.agreement(conn))
	l.byID[id], l.byPeer[c.peer] = conn, conn
	conn.send(conn.welcome)
	return conn, nil
}

// agreement is what a conclusion is answered with.
func (c *caller) agreement(conn *conn) *packet.CIFHandshake {
	hello := *c.hello
	hello.SRTSocketId = conn.id
	hello.SynCookie = 0
	hello.MaxFlowWindowSize = maxHeld
	hello.HasSID, hello.HasCongestionCtl = false, false
	hello.SRTHS = &packet.CIFHandshakeExtension{
		SRTVersion: ourVersion,
		SRTFlags: packet.CIFHandshakeExtensionFlags{
			TSBPDSND: true, TSBPDRCV: true, CRYPT: true, TLPKTDROP: true, PERIODICNAK: true, REXMITFLG: true,
		},
		RecvTSBPDDelay: uint16(conn.latency.Milliseconds()),
		SendTSBPDDelay: uint16(conn.latency.Milliseconds()),
	}
	return &hello
}

// negotiated is the larger latency of the two sides, within our bounds.
func (c *caller) negotiated() time.Duration {
	theirs := time.Duration(c.hello.SRTHS.SendTSBPDDelay) * time.Millisecond
	return bounded(max(c.listener.latency, theirs))
}

// freeID returns a random socket id that is not taken. The caller holds the
// lock.
func (l *Listener) freeID() (uint32, error) {
	const tries = 16
	for range tries {
		var b [4]byte
		_, _ = rand.Read(b[:]) // it ends the process rather than fail
		const positive = 1<<30 - 1
		if id := binary.BigEndian.Uint32(b[:]) & positive; id != 0 && l.byID[id] == nil {
			return id, nil
		}
	}
	return 0, fmt.Errorf("no socket id free among %d connections", len(l.byID))
}
