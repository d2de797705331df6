package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Limits of a Responder (CL19).
const (
	// MaxPings are answered to one address in a second, over all its ports. A
	// follower that begins sends 20.
	MaxPings = 200
	// MaxAddresses are answered in a second.
	MaxAddresses = 1024
	// maxFailures in a row mean that the socket itself is broken.
	maxFailures = 100
)

// Responder tells its room clock to whoever pings it.
type Responder struct {
	conn    *net.UDPConn
	room    *clock.Room
	mute    func() bool
	refused atomic.Uint64
}

// NewResponder makes a Responder on conn, which Run closes.
func NewResponder(conn *net.UDPConn, room *clock.Room) *Responder {
	return &Responder{conn: conn, room: room, mute: func() bool { return false }}
}

// MuteWhile makes it answer nobody while mute says so, such as before this
// node's R is the room's: whoever asks it then would follow a stranger (CL21).
// Call it before Run. The function is called for every ping.
func (r *Responder) MuteWhile(mute func() bool) { r.mute = mute }

// Refused counts datagrams that were not answered: no pings, or too many.
func (r *Responder) Refused() uint64 { return r.refused.Load() }

// Run answers until ctx ends. Errors: the socket does not work any more.
func (r *Responder) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.conn.Close() })
	defer stop()
	defer r.conn.Close()
	var pace pace
	failed := 0
	in, out := make([]byte, 2*datagram), make([]byte, 0, datagram)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(in)
		read := time.Now() // t2: nothing comes before it
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// One datagram's error, such as an answer that could not be
			// delivered, is nobody else's.
			if failed++; failed == maxFailures || errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("answer clock pings: %w", err)
			}
			continue
		}
		failed = 0
		ping, err := ParsePing(in[:n])
		if err != nil || !pace.allow(from.Addr(), read) || r.mute() {
			r.refused.Add(1)
			continue
		}
		pong := Pong{Ping: ping}
		received, before := r.room.Read(read)
		pong.Received = received
		pong.Replied, pong.Epoch = r.room.Read(time.Now()) // t3: nothing but the write follows
		if pong.Epoch != before {
			continue // R was set in between: the two times are of two clocks
		}
		if _, err := r.conn.WriteToUDPAddrPort(pong.Append(out), from); err != nil {
			r.refused.Add(1)
		}
	}
}

// pace counts pings by address, a second at a time.
type pace struct {
	since time.Time
	pings map[netip.Addr]int
}

func (p *pace) allow(from netip.Addr, now time.Time) bool {
	if p.pings == nil || now.Sub(p.since) >= time.Second {
		p.since = now
		if p.pings == nil {
			p.pings = make(map[netip.Addr]int)
		}
		clear(p.pings)
	}
	n, known := p.pings[from]
	if n >= MaxPings || !known && len(p.pings) >= MaxAddresses {
		return false
	}
	p.pings[from] = n + 1
	return true
}
