package srt

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/datarhei/gosrt/circular"
	"github.com/datarhei/gosrt/crypto"
	"github.com/datarhei/gosrt/packet"

	"github.com/cuelight/cuelight/ingest"
)

// Parsers of outside bytes, for tests with crafted and random ones.
var (
	ParseStreamID = parseStreamID
	ReadMedia     = readMedia
	ReasonOf      = reasonOf
)

// AnySource is what media are read from.
type AnySource = source

// SourceOf makes a source of a function.
type SourceOf func() (payload []byte, at time.Time, err error)

func (f SourceOf) next() ([]byte, time.Time, error) { return f() }

// Source makes a source of a reader.
func Source(r io.Reader) AnySource {
	return SourceOf(func() ([]byte, time.Time, error) {
		buf := make([]byte, maxPayload)
		n, err := r.Read(buf)
		if n > 0 {
			err = nil
		}
		return buf[:n], time.Now(), err
	})
}

// Packets finds the TS packets of a source.
func Packets(src AnySource) (next func() ([]byte, time.Time, error)) {
	return (&packets{src: src, received: func(int) {}}).next
}

// Pacing is the map from the sender's clock to ours.
type Pacing struct{ p pacing }

// Heard takes a packet's timestamp and receipt, µs.
func (p *Pacing) Heard(sent, received int64) { p.p.heard(sent, received) }

// At maps a timestamp, µs.
func (p *Pacing) At(sent int64) int64 { return p.p.at(sent) }

// Resets counts the times it began again.
func (p *Pacing) Resets() int { return p.p.resets }

// Conn is a connection without a socket.
type Conn struct{ *conn }

// Connect returns a connection that a handshake would have led to. Secret is
// what it encrypts with, if km is not nil.
func Connect(first uint32, latency time.Duration, km *packet.CIFKeyMaterialExtension, secret string, send func(datagram []byte)) *Conn {
	c := &caller{
		listener: &Listener{latency: latency},
		peer:     peer{id: 7},
		hello: &packet.CIFHandshake{
			InitialPacketSequenceNumber: circular.New(first, maxSeq),
			SRTHS:                       &packet.CIFHandshakeExtension{},
			SRTKM:                       km,
		},
	}
	if km != nil {
		c.crypto, _ = crypto.New(int(km.KLen))
		if !c.unlock(secret) {
			panic("the passphrase does not fit")
		}
	}
	n := newConn(c, 1)
	n.send, n.gone = send, func() {}
	return &Conn{n}
}

// Run keeps the connection until it ends.
func (c *Conn) Run(panicked func(any) error) { c.run(panicked) }

// Push takes a datagram.
func (c *Conn) Push(datagram []byte) {
	if h, body, ok := parseHeader(datagram); ok {
		c.push(h, body)
	}
}

// Next waits for a payload.
func (c *Conn) Next() ([]byte, time.Time, error) { return c.next() }

// Close ends it.
func (c *Conn) Close() { c.close() }

// Link is what is known of the way.
func (c *Conn) Link() ingest.Link { return *c.link.Load() }

// Data makes a data packet.
func Data(seq, timestamp uint32, again bool, key packet.PacketEncryption, body []byte) []byte {
	return appendData(nil, header{seq: seq & maxSeq, timestamp: timestamp, again: again, key: key, message: 1, to: 1}, body)
}

// Control makes a control packet.
func Control(kind packet.CtrlType, subtype packet.CtrlSubType, specific uint32, body []byte) []byte {
	return appendControl(nil, header{kind: uint16(kind), subtype: uint16(subtype), specific: specific, to: 1}, body)
}

// MaxHeld is how many packets wait at most.
const MaxHeld = maxHeld

// Greeter feeds handshakes with the right cookie to a server.
func Greeter(t interface {
	Fatal(...any)
	Cleanup(func())
}) func(body []byte) {
	ln, err := Listen("127.0.0.1:0", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ln.Close)
	registry, err := ingest.NewRegistry(nil, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Listener: ln, Registry: registry}
	way := route{to: ln.udp.LocalAddr().(*net.UDPAddr).AddrPort()}
	return func(body []byte) {
		if len(body) >= handshakeSize {
			body = append([]byte(nil), body...)
			binary.BigEndian.PutUint32(body[28:], ln.cookies.Get(way.to.String()))
		}
		if c := s.greet(body, way); c != nil {
			if session, why := s.admit(c); session == nil {
				c.reject(why)
			}
		}
	}
}

// CRC32 is the checksum of a section.
var CRC32 = crc32

// ParseADTS reads a frame of AAC.
func ParseADTS(b []byte) (unit []byte, n int, ok bool) {
	f, n, ok := parseADTS(b)
	return f.unit, n, ok
}

// Demux feeds packets to a demultiplexer.
func Demux(unitOf func(data []byte)) func(packet []byte, at time.Time) error {
	d := &demux{
		onProgram: func(program) error { return nil },
		onUnit:    func(_ stream, u unit) error { unitOf(u.data); return nil },
		onJump:    func() {},
	}
	return d.take
}
