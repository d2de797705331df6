package whip

import (
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// layersWait is how long is waited for layers that were offered; those that
	// begin later, as more gets through, are added then.
	layersWait = 2 * time.Second
	// pictureWait is how long sound alone waits for an offered picture.
	pictureWait = 5 * time.Second
	// maxWaiting bounds the frames of one stream that wait for the time base.
	maxWaiting = 512
)

// intake turns packets into the calls of one session. It belongs to the
// session's goroutine, but for way.
type intake struct {
	session *ingest.Session
	streams []*stream
	way     way
	base    base
	keys    keys
	begun   bool
	changed time.Time // when the tracks were handed on
}

func newIntake(session *ingest.Session, o *offer, keyFrameEvery time.Duration) *intake {
	in := &intake{session: session, keys: keys{every: keyFrameEvery}}
	for _, section := range o.sections {
		rids := section.rids
		if len(rids) == 0 {
			rids = []string{""}
		}
		for _, rid := range rids {
			s := newStream(len(in.streams)+1, rid, section)
			in.streams = append(in.streams, s)
		}
	}
	return in
}

// streamOf returns the stream of one of pion's tracks, nil if none was offered.
func (in *intake) streamOf(kind webrtc.RTPCodecType, rid string) *stream {
	for _, s := range in.streams {
		if s.video == (kind == webrtc.RTPCodecTypeVideo) && s.rid == rid {
			return s
		}
	}
	return nil
}

// take handles one message.
//
// Errors: the session's, with which it must be closed.
func (in *intake) take(m message) error {
	if m.report != nil {
		m.stream.clock.senderReport(m.report)
		return nil
	}
	out, t := m.stream.window.push(m)
	in.way.add(t, m.arrival)
	return in.packets(m.stream, out, m.arrival)
}

// tick does what has become due at now.
//
// Errors: as take's.
func (in *intake) tick(now time.Time) error {
	for _, s := range in.streams {
		out, t := s.window.expire(now)
		in.way.add(t, now)
		if err := in.packets(s, out, now); err != nil {
			return err
		}
	}
	if err := in.settle(now); err != nil {
		return err
	}
	return in.admit(now)
}

// keysDue reports whether key frames are to be asked for at now.
func (in *intake) keysDue(now time.Time) bool {
	var oldest time.Time
	found, blind := false, false
	for _, s := range in.streams {
		if !s.video || s.ssrc == 0 {
			continue
		}
		blind = blind || s.blind
		if !found || s.key.Before(oldest) {
			found, oldest = true, s.key
		}
	}
	return found && in.keys.due(now, oldest, blind)
}

func (in *intake) packets(s *stream, packets []arrived, now time.Time) error {
	for _, a := range packets {
		u, whole := s.take(a)
		if !whole || !s.usable(&u) {
			continue
		}
		if err := in.unit(s, u, now); err != nil {
			return err
		}
	}
	return nil
}

// unit writes an access unit, or keeps it until the stream's clock is placed.
func (in *intake) unit(s *stream, u accessUnit, now time.Time) error {
	if in.base.start.IsZero() {
		in.base.start = u.arrival
	}
	if s.clock.placed {
		return in.write(s, u)
	}
	if len(s.waiting) == maxWaiting {
		return ingest.Errorf(ingest.CodeMalformed, "too many frames before the streams' clocks are known")
	}
	s.waiting = append(s.waiting, u)
	return in.settle(now)
}

// settle places clocks and writes what waited for them, oldest first.
func (in *intake) settle(now time.Time) error {
	in.base.place(in.streams, now)
	for {
		s := in.oldestWaiting()
		if s == nil {
			return nil
		}
		u := s.waiting[0]
		s.waiting = s.waiting[1:]
		if err := in.write(s, u); err != nil {
			return err
		}
	}
}

func (in *intake) oldestWaiting() (oldest *stream) {
	for _, s := range in.streams {
		if s.clock.placed && len(s.waiting) > 0 &&
			(oldest == nil || s.waiting[0].arrival.Before(oldest.waiting[0].arrival)) {
			oldest = s
		}
	}
	return oldest
}

func (in *intake) write(s *stream, u accessUnit) error {
	f := media.Frame{Track: s.id, PTS: s.clock.ticks(u.pts), Key: u.key, Units: u.units}
	f.DTS = f.PTS
	if s.video {
		var ok bool
		if f.DTS, ok = s.order.at(s.codec, u.units, f.PTS, u.key); !ok {
			s.blind = true
			return nil
		}
	} else {
		s.clock.follow(in.lead(), s.clock.passed(f.PTS))
	}
	s.clock.remember(f.PTS)
	in.session.Observe(ingest.Observation{DTS: f.DTS, Arrival: u.arrival, Capture: s.captured(u, f)})
	if err := in.admit(u.arrival); err != nil {
		return err
	}
	if in.begun && !s.included {
		return nil // it will be, at the next change
	}
	return in.session.Write(f)
}

// captured is what the sender's clock showed at the frame's DTS.
func (s *stream) captured(u accessUnit, f media.Frame) time.Time {
	at := s.clock.captured(u.pts)
	if at.IsZero() {
		return at
	}
	return at.Add((f.DTS - f.PTS).Duration())
}

// lead is the clock that sound follows, nil without a picture.
func (in *intake) lead() *rtpClock {
	for _, s := range in.streams {
		if s.video && s.clock.placed {
			return s.clock
		}
	}
	return nil
}

// admit begins the session when its tracks are known, and adds those that come
// later.
func (in *intake) admit(now time.Time) error {
	ready, added, picture := in.ready()
	if len(ready) == 0 || added == 0 {
		return nil
	}
	if in.begun {
		if now.Sub(in.changed) < layersWait {
			return nil
		}
		in.hand(now)
		in.keys.want()
		return in.session.Change(ingest.BestFirst(ready))
	}
	waited := now.Sub(in.base.start)
	if len(ready) < len(in.streams) && waited < layersWait || !picture && waited < pictureWait {
		return nil
	}
	in.begun = true
	in.hand(now)
	return in.session.Begin(ingest.BestFirst(ready))
}

// ready returns the tracks that have begun, how many of them are new, and
// whether there is a picture or none was offered.
func (in *intake) ready() (tracks []media.Track, added int, picture bool) {
	picture = true
	for _, s := range in.streams {
		picture = picture && !s.video
	}
	for _, s := range in.streams {
		if !s.seen {
			continue
		}
		tracks = append(tracks, s.track())
		picture = picture || s.video
		if !s.included {
			added++
		}
	}
	return tracks, added, picture
}

func (in *intake) hand(now time.Time) {
	in.changed = now
	for _, s := range in.streams {
		s.included = s.included || s.seen
	}
}

// passed is the time since the newest frame before t.
func (c *rtpClock) passed(t clock.Ticks) clock.Ticks {
	if len(c.stamps) == 0 {
		return 0
	}
	return t - c.stamps[len(c.stamps)-1]
}
