package rtsp

import (
	"time"

	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

const (
	// maxWaiting bounds the access units that wait for the time base.
	maxWaiting = 2048
	// samples is the length of an AAC access unit, before any extension.
	samples = 1024
)

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
	capture captureClock
	early   *message // a report that came before any packet
	last    message  // the newest packet with a time
	next    uint16   // RTP sequence number
	started bool
	skip    bool   // until the timestamp is another than skipped
	skipped uint32 // of an access unit of which a piece is missing
	pending *message
	dts     decodeTimes
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
		s.dts = newDecodeTimes(t.codec)
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
		s.senderReport(m)
		return nil
	}
	if in.start.IsZero() {
		in.start = m.arrival
	}
	if m.timed {
		s.tick(m)
	}
	if whole := s.follow(m.packet); !whole || !m.timed {
		return nil
	}
	units, err := s.decode(m.packet)
	switch {
	case wantsMore(err):
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

// senderReport takes what the sender's clock showed at an RTP timestamp.
func (s *stream) senderReport(m message) {
	s.clock.senderReport(m.report)
	if s.last.packet == nil {
		s.early = &m
		return
	}
	pts := s.last.pts + int64(int32(m.report.RTPTime-s.last.packet.Timestamp))
	s.capture.add(s.clock.scale(pts), timeOfNTP(m.report.NTPTime, m.arrival))
}

// tick remembers how RTP timestamps on the wire are counted here.
func (s *stream) tick(m message) {
	s.last = m
	if early := s.early; early != nil {
		s.early = nil
		s.senderReport(*early)
	}
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
	s := u.stream
	s.clock.fix(u.pts, u.rtp)
	f := media.Frame{Track: s.id, PTS: s.clock.ticks(u.pts), Units: u.units}
	f.DTS, f.Key = f.PTS, true
	if s.codec.Kind() == media.Video {
		if f.Units = picture(s.codec, f.Units); f.Units == nil {
			return nil
		}
		f.Key = ingest.IsKey(s.codec, f.Units)
		dts, ok := s.dts.of(f)
		if !ok {
			return nil
		}
		f.DTS = dts
	}
	capture := s.capture.at(f.DTS-s.clock.offset, u.arrival)
	in.session.Observe(ingest.Observation{DTS: f.DTS, Arrival: u.arrival, Capture: capture})
	if err := in.begin(); err != nil {
		return err
	}
	return in.session.Write(f)
}

// picture takes the parameter sets out of an access unit and returns its units,
// nil for one that cannot be shown, or not yet.
func picture(codec media.Codec, units [][]byte) [][]byte {
	if _, ok := codec.(*media.AV1); ok {
		units = bareOBUs(units)
	}
	if known := ingest.Learn(codec, units); !known || !ingest.HasPicture(codec, units) {
		return nil
	}
	return units
}

// begin begins the session once every video track's parameter sets are known.
func (in *intake) begin() error {
	if in.begun {
		return nil
	}
	var tracks []media.Track
	for _, s := range in.tracks {
		codec, known := knownSoFar(s.codec)
		if !known {
			return nil
		}
		tracks = append(tracks, media.Track{ID: s.id, Codec: codec})
	}
	in.begun = true
	return in.session.Begin(ingest.BestFirst(tracks))
}

// knownSoFar returns a copy of a codec that later parameter sets do not change,
// and whether it has some.
func knownSoFar(codec media.Codec) (frozen media.Codec, known bool) {
	switch c := codec.(type) {
	case *media.H264:
		c = &media.H264{SPS: c.SPS, PPS: c.PPS}
		return c, c.SPS != nil && c.PPS != nil
	case *media.HEVC:
		c = &media.HEVC{VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}
		return c, c.VPS != nil && c.SPS != nil && c.PPS != nil
	case *media.AV1:
		return &media.AV1{SequenceHeader: c.SequenceHeader}, c.SequenceHeader != nil
	}
	return codec, true
}
