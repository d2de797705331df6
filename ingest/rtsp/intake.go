package rtsp

import (
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// maxWaiting bounds the access units that wait for the time base.
	maxWaiting = 2048
	// samples is the length of an AAC access unit, before any extension.
	samples = 1024
)

// decoder makes access units of packets.
type decoder func(*rtp.Packet) ([][]byte, error)

// intake turns packets into the calls of one session. It belongs to one goroutine.
type intake struct {
	session *ingest.Session
	tracks  []*stream
	clocks  []*rtpClock
	start   time.Time // arrival of the first packet
	placed  bool
	waiting []accessUnit
	begun   bool
}

// stream is one track as it is being received.
type stream struct {
	*track
	clock   *rtpClock
	next    uint16 // RTP sequence number
	started bool
	skip    bool   // until the timestamp is another than skipped
	skipped uint32 // of an access unit of which a piece is missing
	pending *message
	dts     *h264.DTSExtractor
}

// accessUnit is a frame whose time is still an RTP timestamp.
type accessUnit struct {
	stream  *stream
	pts     int64
	rtp     uint32 // the same on the wire
	units   [][]byte
	arrival time.Time
}

func newIntake(session *ingest.Session, tracks []*track) *intake {
	in := &intake{session: session}
	for _, t := range tracks {
		s := &stream{track: t, clock: &rtpClock{rate: int64(t.rate)}}
		in.tracks = append(in.tracks, s)
		in.clocks = append(in.clocks, s.clock)
	}
	return in
}

// take handles one message.
//
// Errors: the session's, with which it must be closed.
func (in *intake) take(m message) error {
	s := in.tracks[m.track]
	if m.report != nil {
		s.clock.senderReport(m.report)
		return nil
	}
	if in.start.IsZero() {
		in.start = m.arrival
	}
	if whole := s.follow(m.packet); !whole || !m.timed {
		return nil
	}
	units, err := s.decode(m.packet)
	switch {
	case errors.Is(err, rtph264.ErrMorePacketsNeeded), errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded):
		if s.pending == nil {
			s.pending = &m
		}
		return nil
	case err != nil:
		s.spoil(m.packet)
		return nil
	}
	return in.units(s, m, units)
}

// follow reports whether the packet's access unit can be whole. One of which a
// piece was lost is of no use to any player.
func (s *stream) follow(r *rtp.Packet) bool {
	lost := s.started && r.SequenceNumber != s.next
	s.started, s.next = true, r.SequenceNumber+1
	if lost {
		s.spoil(r)
	}
	s.skip = s.skip && r.Timestamp == s.skipped
	return !s.skip
}

// spoil throws away what has been collected and, for video, what is still to
// come of the packet's access unit.
func (s *stream) spoil(r *rtp.Packet) {
	s.skip, s.skipped, s.pending = s.codec.Kind() == media.Video, r.Timestamp, nil
	s.reset()
}

// units writes access units: one picture, which may be the one before m's when
// the sender sets no markers, or some sounds.
func (in *intake) units(s *stream, m message, units [][]byte) error {
	if s.codec.Kind() == media.Video {
		shown := m
		if s.pending != nil && s.pending.packet.Timestamp != m.packet.Timestamp {
			shown, s.pending = *s.pending, &m
		} else {
			s.pending = nil
		}
		return in.unit(accessUnit{s, shown.pts, shown.packet.Timestamp, units, shown.arrival})
	}
	s.pending = nil
	for i, u := range units {
		after := samples * i * s.rate / s.format.ClockRate()
		u := accessUnit{s, m.pts + int64(after), m.packet.Timestamp + uint32(after), [][]byte{u}, m.arrival}
		if err := in.unit(u); err != nil {
			return err
		}
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
	if in.placed = place(in.clocks, in.start, u.arrival); !in.placed {
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
	u.stream.clock.fix(u.pts, u.rtp)
	f := media.Frame{Track: u.stream.id, PTS: u.stream.clock.ticks(u.pts), Units: u.units}
	f.DTS, f.Key = f.PTS, true
	if codec, ok := u.stream.codec.(*media.H264); ok {
		if known := ingest.Learn(codec, u.units); !known || !ingest.HasPicture(codec, u.units) {
			return nil
		}
		f.Key = ingest.IsKey(codec, u.units)
		dts, ok := u.stream.decodeTime(codec, f)
		if !ok {
			return nil
		}
		f.DTS = dts
	}
	in.session.Observe(ingest.Observation{DTS: f.DTS, Arrival: u.arrival})
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
