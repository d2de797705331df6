package rtsp

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// maxWaiting bounds the access units that wait for the time base.
const maxWaiting = 2048

// intake turns RTP into the calls of one session. It belongs to one goroutine.
type intake struct {
	session *ingest.Session
	tracks  []*stream
	clocks  []*rtpClock
	placed  bool
	waiting []accessUnit
	begun   bool
}

// stream is one track as it is being received.
type stream struct {
	*track
	id       int
	clock    *rtpClock
	pictures pictures
	shown    int64     // RTP time of the access unit in pictures
	last     time.Time // arrival of its newest packet
	sounds   sounds
	next     uint16 // RTP sequence number
	started  bool
	dts      *h264.DTSExtractor
}

// accessUnit is a frame whose time is still an RTP timestamp.
type accessUnit struct {
	stream  *stream
	rtp     int64
	units   [][]byte
	arrival time.Time
}

func newIntake(session *ingest.Session, tracks []*track) *intake {
	in := &intake{session: session}
	for _, t := range tracks {
		s := &stream{track: t, id: t.index + 1, clock: newRTPClock(t.rate), sounds: sounds{format: t.aac}}
		in.tracks = append(in.tracks, s)
		in.clocks = append(in.clocks, s.clock)
	}
	return in
}

// take handles one packet. One that is not RTP or RTCP, or of no track, is
// ignored: anybody may send datagrams.
func (in *intake) take(p packet) error {
	if p.track >= len(in.tracks) {
		return nil
	}
	s := in.tracks[p.track]
	if p.control {
		in.report(s, p.data)
		return nil
	}
	var r rtp.Packet
	if err := r.Unmarshal(p.data); err != nil || r.PayloadType != s.payload {
		return nil
	}
	if s.order == nil {
		return in.packet(s, &r, p.arrival)
	}
	for _, r := range s.order.push(&r) {
		if err := in.packet(s, r, p.arrival); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) report(s *stream, data []byte) {
	packets, err := rtcp.Unmarshal(data)
	if err != nil {
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			s.clock.senderReport(sr.RTPTime, sr.NTPTime)
		}
	}
}

func (in *intake) packet(s *stream, r *rtp.Packet, arrival time.Time) error {
	lost := s.started && r.SequenceNumber != s.next
	s.started, s.next = true, r.SequenceNumber+1
	at := s.clock.hear(r.Timestamp, arrival)
	if s.codec.Kind() == media.Video {
		return in.picture(s, r, at, lost, arrival)
	}
	units, err := s.sounds.push(r.Payload, lost)
	if err != nil {
		return err
	}
	for i, u := range units {
		if err := in.unit(accessUnit{s, at + int64(1024*i), [][]byte{u}, arrival}); err != nil {
			return err
		}
	}
	return nil
}

// picture collects an access unit, which ends with the marker or, where
// senders set none, with the first packet of another time.
func (in *intake) picture(s *stream, r *rtp.Packet, at int64, lost bool, arrival time.Time) error {
	if s.pictures.pending() && at != s.shown {
		s.pictures.broken = s.pictures.broken || lost
		if units := s.pictures.finish(); units != nil {
			if err := in.unit(accessUnit{s, s.shown, units, s.last}); err != nil {
				return err
			}
		}
	}
	s.shown, s.last = at, arrival
	if err := s.pictures.push(r.Payload, lost); err != nil || !r.Marker {
		return err
	}
	if units := s.pictures.finish(); units != nil {
		return in.unit(accessUnit{s, at, units, arrival})
	}
	return nil
}

// unit writes an access unit, or keeps it until the tracks' clocks agree.
func (in *intake) unit(u accessUnit) error {
	if in.placed {
		return in.write(u)
	}
	if len(in.waiting) == maxWaiting {
		return ingest.Errorf(ingest.CodeMalformed, "too many frames before the tracks' clocks are known")
	}
	in.waiting = append(in.waiting, u)
	if in.placed = place(in.clocks, u.arrival); !in.placed {
		return nil
	}
	waiting := in.waiting
	in.waiting = nil
	for _, u := range waiting {
		if err := in.write(u); err != nil {
			return err
		}
	}
	return nil
}

func (in *intake) write(u accessUnit) error {
	f := media.Frame{Track: u.stream.id, PTS: u.stream.clock.ticks(u.rtp), Units: u.units}
	f.DTS, f.Key = f.PTS, true
	if codec, ok := u.stream.codec.(*media.H264); ok {
		if known := ingest.Learn(codec, u.units); !known || !ingest.HasPicture(u.units) {
			return nil
		}
		f.Key = ingest.IsKey(u.units)
		dts, ok := u.stream.decodeTime(codec, f)
		if !ok {
			return nil
		}
		f.DTS = dts
	}
	in.session.Observe(f.DTS, u.arrival)
	if err := in.begin(); err != nil {
		return err
	}
	return in.session.Write(f)
}

// begin begins the session once every video track's parameter sets are known.
func (in *intake) begin() error {
	if in.begun {
		return nil
	}
	var tracks []media.Track
	for _, s := range in.tracks {
		codec := s.codec
		if c, ok := codec.(*media.H264); ok {
			if c.SPS == nil || c.PPS == nil {
				return nil
			}
			codec = &media.H264{SPS: c.SPS, PPS: c.PPS}
		}
		tracks = append(tracks, media.Track{ID: s.id, Codec: codec})
	}
	in.begun = true
	return in.session.Begin(tracks)
}

// decodeTime derives the DTS, which RTP does not carry, from the order in which
// pictures are shown. It is not known before the first key frame.
func (s *stream) decodeTime(codec *media.H264, f media.Frame) (clock.Ticks, bool) {
	units := f.Units
	if f.Key {
		if sps, _ := ingest.ParameterSets(units); sps == nil {
			units = append([][]byte{codec.SPS, codec.PPS}, units...)
		}
	}
	if s.dts == nil {
		if !f.Key {
			return 0, false
		}
		s.dts = new(h264.DTSExtractor)
		s.dts.Initialize()
	}
	dts, err := s.dts.Extract(units, int64(f.PTS))
	if err != nil {
		s.dts = nil // begin again with the next key frame
		return 0, false
	}
	return clock.Ticks(dts), true
}
