package rtsp

import (
	"bufio"
	"io"
	"time"

	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// Message is what ReadMessages finds.
type Message struct {
	Method, URL string
	Header      map[string]string
	Body        []byte
	Track       int
	Control     bool
	Data        []byte
}

// ReadMessages reads until the first error.
func ReadMessages(src io.Reader) ([]Message, error) {
	r := bufio.NewReaderSize(src, maxLine)
	var all []Message
	for {
		m, err := readMessage(r)
		if err != nil {
			return all, err
		}
		if q := m.request; q != nil {
			all = append(all, Message{Method: q.method, URL: q.url, Header: q.header, Body: q.body})
			continue
		}
		all = append(all, Message{Track: m.packet.track, Control: m.packet.control, Data: m.packet.data})
	}
}

// ErrRequest is what bad requests give.
var ErrRequest = errRequest

// TrackInfo is what ParseSDP finds.
type TrackInfo struct {
	Codec   string
	Control string
	Rate    int
}

// ParseSDP is parseSDP with its tracks' fields visible.
func ParseSDP(body []byte) ([]TrackInfo, error) {
	tracks, err := parseSDP(body)
	var infos []TrackInfo
	for _, t := range tracks {
		infos = append(infos, TrackInfo{t.codec.Name(), t.control, t.rate})
	}
	return infos, err
}

// Packet feeds one session packet by packet.
type Packet struct {
	Track   int
	Control bool
	Data    []byte
	Arrival time.Time
}

// Receive runs a session over the packets.
func Receive(session *ingest.Session, body []byte, packets []Packet) error {
	tracks, err := parseSDP(body)
	if err != nil {
		return err
	}
	in := newIntake(session, tracks)
	for _, p := range packets {
		if err := in.take(packet{track: p.Track, control: p.Control, data: p.Data, arrival: p.Arrival}); err != nil {
			return err
		}
	}
	return nil
}

// Reorder is the datagrams' order.
type Reorder struct{ r reorder }

// Push returns the sequence numbers that may now be read.
func (r *Reorder) Push(seq uint16) []uint16 {
	var out []uint16
	for _, p := range r.r.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}) {
		out = append(out, p.SequenceNumber)
	}
	return out
}

// TicksOfNTP is ticksOfNTP.
func TicksOfNTP(ntp uint64) clock.Ticks { return ticksOfNTP(ntp) }
