package whip

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// message is a packet of one stream, or what its sender reports about it.
type message struct {
	stream  *stream
	packet  *rtp.Packet
	size    int
	resent  bool // came at the second try
	arrival time.Time
	report  *rtcp.SenderReport
}

// remote is a track that pion has found.
type remote struct {
	track    *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
}

// onTrack is called in a goroutine of pion's.
func (p *publisher) onTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	select {
	case p.arrived <- remote{track, receiver}:
	case <-p.done:
	}
}

// read starts to read a track.
func (p *publisher) read(readers *sync.WaitGroup, r remote) {
	s := p.intake.streamOf(r.track.Kind(), r.track.RID())
	if s == nil || s.ssrc != 0 {
		return // nobody offered it, or it is there already
	}
	s.ssrc = uint32(r.track.SSRC())
	for _, e := range r.receiver.GetParameters().HeaderExtensions {
		if e.URI == absCaptureTime {
			s.captureID = uint8(e.ID)
		}
	}
	p.intake.keys.start(time.Now())
	readers.Go(func() { p.guard(func() { p.readPackets(s, r.track) }) })
	readers.Go(func() { p.guard(func() { p.readReports(s, r) }) })
}

// guard ends the session when f panics.
func (p *publisher) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			p.fail(p.session.Panicked(v))
		}
	}()
	f()
}

// maxReadErrors is how often in a row a read may fail before the track is given
// up.
const maxReadErrors = 100

func (p *publisher) readPackets(s *stream, track *webrtc.TrackRemote) {
	buffer := make([]byte, mtu)
	for failed := 0; failed < maxReadErrors; {
		n, attributes, err := track.Read(buffer)
		arrival := time.Now()
		if over(err) {
			return
		}
		packet := new(rtp.Packet)
		if err != nil || packet.Unmarshal(bytes.Clone(buffer[:n])) != nil {
			failed++
			continue
		}
		failed = 0
		p.push(message{stream: s, packet: packet, size: n, resent: isResent(attributes), arrival: arrival})
	}
}

func (p *publisher) readReports(s *stream, r remote) {
	for failed := 0; failed < maxReadErrors; {
		packets, err := reports(r)
		arrival := time.Now()
		if over(err) {
			return
		}
		if err != nil {
			failed++
			continue
		}
		failed = 0
		for _, packet := range packets {
			if sr, ok := packet.(*rtcp.SenderReport); ok && sr.SSRC == s.ssrc {
				p.push(message{stream: s, report: sr, arrival: arrival})
			}
		}
	}
}

func reports(r remote) (packets []rtcp.Packet, err error) {
	if rid := r.track.RID(); rid != "" {
		packets, _, err = r.receiver.ReadSimulcastRTCP(rid)
	} else {
		packets, _, err = r.receiver.ReadRTCP()
	}
	return packets, err
}

// push queues m. Who waits is only this publisher's.
func (p *publisher) push(m message) {
	select {
	case p.messages <- m:
	case <-p.done:
	}
}

func over(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) }

func isResent(attributes interceptor.Attributes) bool {
	return attributes != nil && attributes.Get(webrtc.AttributeRtxSsrc) != nil
}
