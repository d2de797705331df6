package whip

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// stream is one track or simulcast layer that was offered. ssrc and captureID
// are set before its packets come; the rest belongs to the session's goroutine.
type stream struct {
	id    int
	rid   string
	video bool
	codec media.Codec // as far as it is known

	ssrc      uint32 // 0 until there are packets
	captureID uint8  // of abs-capture-time, 0 without

	window   *window
	decoder  decoder
	clock    *rtpClock
	order    decodeOrder
	building accessUnit   // collected so far
	blind    bool         // until the next key frame
	waiting  []accessUnit // for the clock to be placed
	key      time.Time    // arrival of the newest key frame
	seen     bool         // has had a frame that decoding can start at
	included bool         // among the session's tracks
}

// accessUnit is a frame whose time is still an RTP timestamp.
type accessUnit struct {
	pts     int64
	units   [][]byte
	arrival time.Time // of its last packet
	begun   bool      // there are packets
	key     bool
}

func newStream(id int, rid string, of section) *stream {
	codec := of.mediaCodec()
	s := &stream{id: id, rid: rid, codec: codec, decoder: newDecoder(codec), window: newWindow(orderWait), clock: newClock(int64(of.codec.ClockRate))}
	if of.resends() {
		s.window.wait = holeWait
	}
	s.video = codec.Kind() == media.Video
	s.blind = s.video
	return s
}

// take handles one packet in order and returns the access unit that it
// finishes, if any.
func (s *stream) take(a arrived) (accessUnit, bool) {
	if a.lost {
		s.spoil()
	}
	if len(a.packet.Payload) == 0 {
		return accessUnit{}, false // padding, which looks for more bandwidth
	}
	pts := s.clock.extend(a.packet.Timestamp)
	s.clock.captureTime(a.packet, s.captureID, pts)
	if _, ok := s.codec.(*media.AV1); ok && s.building.begun && s.building.pts != pts {
		s.spoil() // its decoder would take two frames for one
	}
	units, err := s.decoder.Decode(a.packet)
	switch {
	case unfinished(err):
		s.collect(pts, a.arrival)
		return accessUnit{}, false
	case err != nil:
		s.spoil()
		return accessUnit{}, false
	}
	return s.finish(pts, a.arrival, units)
}

func (s *stream) collect(pts int64, arrival time.Time) {
	if !s.building.begun {
		s.building = accessUnit{pts: pts, begun: true}
	}
	if arrival.After(s.building.arrival) {
		s.building.arrival = arrival
	}
}

func (s *stream) finish(pts int64, arrival time.Time, units [][]byte) (accessUnit, bool) {
	u := s.building
	s.building = accessUnit{}
	switch {
	case !u.begun:
		u = accessUnit{pts: pts, arrival: arrival}
	case u.pts != pts: // no marker: this packet begins the next one
		s.collect(pts, arrival)
	case arrival.After(u.arrival):
		u.arrival = arrival
	}
	u.units = units
	return u, len(units) > 0
}

// spoil throws away what has been collected. Pictures that follow cannot be
// decoded without it.
func (s *stream) spoil() {
	s.building = accessUnit{}
	s.blind = s.video
	s.decoder = newDecoder(s.codec)
}

// usable reports whether u can be shown, and learns from it.
func (s *stream) usable(u *accessUnit) bool {
	if !s.video {
		s.seen, u.key = true, true
		return true
	}
	known := ingest.Learn(s.codec, u.units)
	u.key = ingest.IsKey(s.codec, u.units)
	if !known || !ingest.HasPicture(s.codec, u.units) || s.blind && !u.key {
		return false
	}
	if u.key {
		s.blind, s.seen, s.key = false, true, u.arrival
	}
	return true
}

// track is the stream as it is handed on. The codec is copied, because it
// changes as more is learned.
func (s *stream) track() media.Track {
	t := media.Track{ID: s.id, Codec: s.codec}
	switch c := s.codec.(type) {
	case *media.H264:
		copied := *c
		t.Codec = &copied
	case *media.HEVC:
		copied := *c
		t.Codec = &copied
	case *media.AV1:
		copied := *c
		t.Codec = &copied
	}
	return t
}
