package srt

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	srtnet "github.com/datarhei/gosrt/net"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Bounds of the negotiated latency (rule IG52). More than the upper one would
// only keep a viewer waiting.
const (
	minLatency     = 20 * time.Millisecond
	maxLatency     = 8 * time.Second
	defaultLatency = 120 * time.Millisecond
)

// Listener is an open port. Close it, or let Server.Run do so.
type Listener struct {
	udp     *net.UDPConn
	pin     bool // tell the kernel which of our addresses answers
	latency time.Duration
	cookies *srtnet.SYNCookie
	start   time.Time

	mu     sync.RWMutex // protects what follows
	byID   map[uint32]*conn
	byPeer map[peer]*conn // nil while the caller waits for an answer
}

// peer is one socket of a caller.
type peer struct {
	addr netip.AddrPort
	id   uint32
}

// route is where datagrams to a caller go, and from which of our addresses.
type route struct {
	to   netip.AddrPort
	from []byte // a control message, or nil
}

// Listen opens the UDP port of addr ("HOST:PORT" or ":PORT"). The latency is
// how long lost packets may be sent again: the larger of ours and the
// publisher's, 20 ms to 8 s; 0 means 120 ms.
func Listen(addr string, latency time.Duration) (*Listener, error) {
	resolved, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen srt: %w", err)
	}
	udp, err := net.ListenUDP("udp", resolved)
	if err != nil {
		return nil, fmt.Errorf("listen srt: %w", err)
	}
	cookies, err := srtnet.NewSYNCookie(udp.LocalAddr().String(), nil)
	if err != nil {
		_ = udp.Close()
		return nil, fmt.Errorf("listen srt %s: %w", addr, err)
	}
	const buffer = 4 << 20 // a key frame's burst of many publishers
	_ = udp.SetReadBuffer(buffer)
	return &Listener{
		udp:     udp,
		pin:     pinned(udp),
		latency: bounded(cmp.Or(latency, defaultLatency)),
		cookies: cookies,
		start:   time.Now(),
		byID:    make(map[uint32]*conn),
		byPeer:  make(map[peer]*conn),
	}, nil
}

func bounded(latency time.Duration) time.Duration { return max(minLatency, min(latency, maxLatency)) }

// pinned asks to be told to which of our addresses a datagram came, when there
// may be several: a caller ignores answers from another one.
func pinned(udp *net.UDPConn) bool {
	if !udp.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		return false
	}
	six := ipv6.NewPacketConn(udp).SetControlMessage(ipv6.FlagDst, true)
	four := ipv4.NewPacketConn(udp).SetControlMessage(ipv4.FlagDst, true)
	return six == nil || four == nil
}

// Addr returns the bound address.
func (l *Listener) Addr() net.Addr { return l.udp.LocalAddr() }

// Close closes the port.
func (l *Listener) Close() { _ = l.udp.Close() }

// maxDatagram is more than any SRT packet has.
const maxDatagram = 2048

// serve reads datagrams until the socket is closed or its deadline has passed.
// Handshakes go to greet, everything else to its connection.
func (l *Listener) serve(greet func(h header, body []byte, way route)) error {
	var buf [maxDatagram]byte
	var oob [128]byte
	for {
		n, ancillary, _, from, err := l.udp.ReadMsgUDPAddrPort(buf[:], oob[:])
		if err != nil {
			return err
		}
		h, body, ok := parseHeader(buf[:n])
		switch {
		case !ok:
		case h.to != 0:
			l.forward(h, body, from)
		case h.control && h.kind == kindHandshake:
			greet(h, body, l.back(from, oob[:ancillary]))
		}
	}
}

// forward gives a packet to its connection, if it comes from its caller.
func (l *Listener) forward(h header, body []byte, from netip.AddrPort) {
	l.mu.RLock()
	c := l.byID[h.to]
	l.mu.RUnlock()
	if c != nil && c.way.to == from && len(body) <= maxPayload {
		c.push(h, body)
	}
}

// back returns the way back to where a datagram came from.
func (l *Listener) back(from netip.AddrPort, ancillary []byte) route {
	way := route{to: from}
	if !l.pin {
		return way
	}
	var four ipv4.ControlMessage
	var six ipv6.ControlMessage
	dst := net.IP(nil)
	if six.Parse(ancillary) == nil {
		dst = six.Dst
	}
	if dst == nil && four.Parse(ancillary) == nil {
		dst = four.Dst
	}
	switch {
	case dst.To4() != nil:
		way.from = (&ipv4.ControlMessage{Src: dst.To4()}).Marshal()
	case dst != nil:
		way.from = (&ipv6.ControlMessage{Src: dst}).Marshal()
	}
	return way
}

// send writes a datagram. What is lost here is as what is lost on the way.
func (l *Listener) send(way route, datagram []byte) {
	_, _, _ = l.udp.WriteMsgUDPAddrPort(datagram, way.from, way.to)
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, c.id)
	delete(l.byPeer, c.peer)
}
