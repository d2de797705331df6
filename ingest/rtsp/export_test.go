package rtsp

import (
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/rtptime"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// Readable is readable.
func Readable(body []byte) bool { return readable(body) }

// TrackInfo is what Tracks finds.
type TrackInfo struct {
	Codec string
	Rate  int
}

func describe(body []byte) ([]*track, error) {
	sdp, err := sdpunmarshaler.Unmarshal(body)
	if err != nil {
		return nil, err
	}
	var desc description.Session
	if err := desc.Unmarshal2(sdp); err != nil {
		return nil, err
	}
	return tracksOf(&desc)
}

// Tracks is tracksOf, from SDP.
func Tracks(body []byte) ([]TrackInfo, error) {
	tracks, err := describe(body)
	var infos []TrackInfo
	for _, t := range tracks {
		infos = append(infos, TrackInfo{t.codec.Name(), t.rate})
	}
	return infos, err
}

// Packet is one packet or report of a track, in order.
type Packet struct {
	Track  int // from 0
	RTP    *rtp.Packet
	Report *rtcp.SenderReport
	After  time.Duration // since the packet before
}

// Receive runs a session over the packets, with the library's unwrapping.
func Receive(session *ingest.Session, body []byte, packets []Packet) error {
	tracks, err := describe(body)
	if err != nil {
		return err
	}
	in := newIntake(session, tracks)
	var times rtptime.GlobalDecoder
	times.Initialize()
	for _, p := range packets {
		time.Sleep(p.After) // nothing outside a synctest bubble asks for it
		m := message{track: p.Track, packet: p.RTP, report: p.Report, arrival: time.Now()}
		if p.RTP != nil {
			m.pts, m.timed = times.Decode(tracks[p.Track].format, p.RTP)
		}
		if err := in.take(m); err != nil {
			return err
		}
	}
	return nil
}

// Captures are what a captureClock reads, in seconds after the first report:
// one value for each pair of a timestamp and an NTP time, in seconds.
func Captures(reports [][2]float64) []float64 {
	var c captureClock
	zero := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var read []float64
	for _, r := range reports {
		at := clock.Ticks(r[0] * float64(clock.TicksPerSecond))
		c.add(at, zero.Add(time.Duration(r[1]*float64(time.Second))))
		read = append(read, c.read(at).Sub(zero).Seconds())
	}
	return read
}

// TimeOfNTP is timeOfNTP.
func TimeOfNTP(ntp uint64, near time.Time) time.Time { return timeOfNTP(ntp, near) }

// BareOBUs is bareOBUs.
func BareOBUs(units [][]byte) [][]byte { return bareOBUs(units) }

// EncoderOf is encoderOf, of an ANNOUNCE.
func EncoderOf(body []byte, agent ...string) string {
	return encoderOf(&base.Request{Body: body, Header: base.Header{"User-Agent": agent}})
}

// TicksOfNTP is ticksOfNTP.
func TicksOfNTP(ntp uint64) clock.Ticks { return ticksOfNTP(ntp) }
