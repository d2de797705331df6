package rtsp

import (
	"context"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
)

// queued is how many packets may wait for the session: half a second of 25
// Mbit/s. More hold a TCP publisher up; of a UDP publisher they are dropped.
const queued = 1024

// publisher is one admitted session. The library's goroutines only queue for
// it; everything else belongs to run.
type publisher struct {
	conn     *conn // that announced it
	lib      *gortsplib.ServerSession
	session  *ingest.Session
	intake   *intake
	way      *way
	messages chan message // closed when the library has let go
	reason   error        // of the end; read after messages is closed
}

// message is a packet of one track, or what a sender reports about it.
type message struct {
	track   int // from 0
	packet  *rtp.Packet
	pts     int64 // RTP clock, unwrapped
	timed   bool  // pts is known
	arrival time.Time
	report  *rtcp.SenderReport
}

func newPublisher(c *conn, lib *gortsplib.ServerSession, session *ingest.Session, tracks []*track) *publisher {
	p := &publisher{conn: c, lib: lib, session: session, intake: newIntake(session, tracks), messages: make(chan message, queued)}
	p.way = &way{conn: c.Conn, encoder: c.encoder}
	session.SetLink(p.way.link)
	return p
}

// listen asks the library for packets. It is called when all tracks are set up.
func (p *publisher) listen() {
	udp := p.lib.Transport().Protocol != gortsplib.ProtocolTCP
	p.way.udp.Store(udp)
	for i, t := range p.intake.tracks {
		p.lib.OnPacketRTP(t.medium, t.format, func(r *rtp.Packet) {
			p.way.received.Add(1)
			pts, ok := p.lib.PacketPTS(t.medium, r)
			p.push(udp, r.MarshalSize(), message{track: i, packet: r, pts: pts, timed: ok, arrival: time.Now()})
		})
		p.lib.OnPacketRTCP(t.medium, func(r rtcp.Packet) {
			if sr, ok := r.(*rtcp.SenderReport); ok {
				p.push(udp, r.MarshalSize(), message{track: i, report: sr, arrival: time.Now()})
			}
		})
	}
}

// push queues m. The goroutine that reads datagrams is everybody's and must not
// wait for one publisher.
func (p *publisher) push(udp bool, size int, m message) {
	if !udp {
		p.messages <- m
		return
	}
	p.conn.bytes.Add(int64(size))
	select {
	case p.messages <- m:
	default:
		p.way.dropped.Add(1)
	}
}

// finish lets run end with what is queued. Nobody queues any more.
func (p *publisher) finish(reason error) {
	p.reason = reason
	close(p.messages)
}

// run is the session's goroutine.
func (p *publisher) run(ctx context.Context) {
	stop := p.session.Guard(ctx, func() { p.conn.Close() })
	err := p.session.Protect(p.take)
	if err != nil {
		p.conn.Close()
		for range p.messages { // until the library has noticed
		}
	} else if ctx.Err() == nil {
		err = p.reason
	}
	stop()
	p.session.Close(err)
}

func (p *publisher) take() error {
	for m := range p.messages {
		p.session.Received(int(p.conn.bytes.Swap(0)))
		if err := p.intake.take(m); err != nil {
			return err
		}
	}
	return nil
}
