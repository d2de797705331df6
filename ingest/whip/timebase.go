package whip

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// reportWait is how long to wait for sender reports. Without them streams
	// are tied by when their packets arrived.
	reportWait = time.Second
	// slewLimit is how fast sound may be moved to stay with the pictures, and
	// hurryLimit if it is further off than hurryFrom: its first report came after
	// it had begun. Units: ppm of the time that passes.
	slewLimit  = 500
	hurryLimit = 2000
	hurryFrom  = 10 * ingest.TicksPerMilli
	// slewFrom is how far off it must be. Reports are rounded to milliseconds.
	slewFrom = 2 * ingest.TicksPerMilli
	// maxSlew is how far off it may be: more is a report that makes no sense.
	maxSlew = clock.TicksPerSecond
	// maxAstray is how far a report may put a stream from where its arrival does.
	maxAstray = 2 * clock.TicksPerSecond
	// remembered is how many of its frames' times a stream keeps.
	remembered = 64
)

// rtpClock places one stream's timestamps on the session's time base. Its first
// offset stays, but for sound, which follows the pictures slowly as the
// sender's sound card and its clock drift apart.
type rtpClock struct {
	rate    int64
	unwrap  *ingest.Unwrapper
	started bool
	last    int64 // RTP, unwrapped
	report  sighting
	capture sighting // from abs-capture-time
	offset  clock.Ticks
	placed  bool
	room    int64 // parts per million of a tick that may be moved
	stamps  []clock.Ticks
}

// sighting is one instant on both of a sender's clocks.
type sighting struct {
	rtp  int64  // unwrapped
	ntp  uint64 // 32.32 bits of seconds
	seen bool
}

func newClock(rate int64) *rtpClock {
	return &rtpClock{rate: rate, unwrap: ingest.NewUnwrapper(32)}
}

// extend returns an RTP timestamp unwrapped.
func (c *rtpClock) extend(rtp uint32) int64 {
	c.started = true
	c.last = c.unwrap.Unwrap(uint64(rtp))
	return c.last
}

// near is extend without taking the timestamp for the stream's newest.
func (c *rtpClock) near(rtp uint32) int64 {
	if !c.started {
		return c.extend(rtp)
	}
	return c.last + int64(int32(rtp-uint32(c.last)))
}

// senderReport takes the newest pair of times. One of a stream that has sent
// nothing says nothing about its timestamps. Spec: RFC 3550 §6.4.1.
func (c *rtpClock) senderReport(sr *rtcp.SenderReport) {
	if sr.NTPTime != 0 && sr.PacketCount != 0 {
		c.report = sighting{rtp: c.near(sr.RTPTime), ntp: sr.NTPTime, seen: true}
	}
}

// reported is the offset that the newest report would give.
func (c *rtpClock) reported() clock.Ticks {
	return ticksOfNTP(c.report.ntp) - c.scale(c.report.rtp)
}

func (c *rtpClock) ticks(pts int64) clock.Ticks { return c.offset + c.scale(pts) }

// scale converts RTP units; whole seconds are split off so that nothing
// overflows.
func (c *rtpClock) scale(d int64) clock.Ticks {
	return clock.Ticks(d/c.rate)*clock.TicksPerSecond + clock.Ticks(d%c.rate*clock.TicksPerSecond/c.rate)
}

// remember keeps a frame's time, for streams that show the same.
func (c *rtpClock) remember(t clock.Ticks) {
	if len(c.stamps) == remembered {
		c.stamps = slices.Delete(c.stamps, 0, 1)
	}
	c.stamps = append(c.stamps, t)
}

// follow moves sound towards where the sender's reports see it beside the
// pictures; passed is the time since it was last called.
func (c *rtpClock) follow(lead *rtpClock, passed clock.Ticks) {
	if lead == nil || !lead.placed || !lead.report.seen || !c.report.seen {
		return
	}
	off := c.reported() - (lead.reported() - lead.offset) - c.offset
	if off > -slewFrom && off < slewFrom || off > maxSlew || off < -maxSlew || passed <= 0 {
		c.room = 0
		return
	}
	const million = 1_000_000
	limit := int64(slewLimit)
	if off > hurryFrom || off < -hurryFrom {
		limit = hurryLimit
	}
	c.room += int64(min(passed, clock.TicksPerSecond)) * limit
	step := clock.Ticks(c.room / million)
	c.room %= million
	if off < 0 {
		step = -step
	}
	c.offset += step
}

// captured is what the sender's clock showed at pts, zero when it did not say.
func (c *rtpClock) captured(pts int64) time.Time {
	s := c.capture
	if !s.seen || pts-s.rtp > maxCaptureAge*c.rate || s.rtp-pts > maxCaptureAge*c.rate {
		s = c.report
	}
	if !s.seen {
		return time.Time{}
	}
	return timeOfNTP(s.ntp).Add(c.scale(pts - s.rtp).Duration())
}

// base is the session's time base: the sender's own clock, in ticks, or when
// it does not report in time, the time since the first packet arrived.
type base struct {
	start   time.Time // arrival of the first frame
	decided bool
	ntp     bool
	origin  time.Time // when tick zero would have arrived, had it been quick
}

// place decides once how streams are tied, and then fixes those whose time has
// come. Frames wait in streams until they are.
func (b *base) place(streams []*stream, now time.Time) {
	if !b.decide(streams, now) {
		return
	}
	for _, s := range reportedFirst(streams) {
		if s.clock.placed || len(s.waiting) == 0 {
			continue
		}
		first := s.waiting[0]
		switch late := now.Sub(first.arrival) >= reportWait; {
		case b.ntp && s.clock.report.seen && b.believes(s):
			s.clock.offset = s.clock.reported()
		case late || !b.ntp || s.clock.report.seen:
			s.clock.offset = clock.TicksOf(first.arrival.Sub(b.origin)) - s.clock.scale(first.pts)
		default:
			continue
		}
		s.clock.placed = true
		b.snap(s, streams)
		for _, u := range s.waiting {
			b.quicker(u.arrival.Add(-s.clock.ticks(u.pts).Duration()))
			s.clock.remember(s.clock.ticks(u.pts))
		}
	}
}

func (b *base) decide(streams []*stream, now time.Time) bool {
	if b.decided || b.start.IsZero() {
		return b.decided
	}
	silent := 0
	for _, s := range streams {
		if len(s.waiting) > 0 && !s.clock.report.seen {
			silent++
		}
		b.ntp = b.ntp || len(s.waiting) > 0 && s.clock.report.seen
	}
	if silent > 0 && now.Sub(b.start) < reportWait {
		b.ntp = false
		return false
	}
	b.decided = true
	if !b.ntp {
		b.origin = b.start
		return true
	}
	return true
}

// reportedFirst puts streams with reports before those that are tied to them.
func reportedFirst(streams []*stream) []*stream {
	ordered := slices.Clone(streams)
	slices.SortStableFunc(ordered, func(a, b *stream) int {
		switch {
		case a.clock.report.seen == b.clock.report.seen:
			return 0
		case a.clock.report.seen:
			return -1
		}
		return 1
	})
	return ordered
}

// believes reports whether a stream's report puts it near where its arrival
// does.
func (b *base) believes(s *stream) bool {
	first := s.waiting[0]
	off := clock.TicksOf(first.arrival.Sub(b.origin)) - s.clock.reported() - s.clock.scale(first.pts)
	return b.origin.IsZero() || off < maxAstray && off > -maxAstray
}

func (b *base) quicker(origin time.Time) {
	if b.ntp && (b.origin.IsZero() || origin.Before(b.origin)) {
		b.origin = origin
	}
}

// snap puts a layer's pictures exactly on those of another that shows the same:
// reports are rounded, and arrivals not that exact.
func (b *base) snap(s *stream, streams []*stream) {
	if !s.video {
		return
	}
	for _, other := range streams {
		if other == s || !other.video || !other.clock.placed || len(other.clock.stamps) < 2 {
			continue
		}
		if off, ok := apart(s, other.clock.stamps); ok {
			s.clock.offset -= off
		}
		return
	}
}

// apart is by how much a stream's waiting frames are later than the nearest of
// stamps, in the middle, if that is less than half a frame.
func apart(s *stream, stamps []clock.Ticks) (clock.Ticks, bool) {
	var offs []clock.Ticks
	for _, u := range s.waiting {
		t := s.clock.ticks(u.pts)
		if t < stamps[0]-maxApart || t > stamps[len(stamps)-1]+maxApart {
			continue
		}
		offs = append(offs, t-nearest(stamps, t))
	}
	if len(offs) == 0 {
		return 0, false
	}
	slices.Sort(offs)
	off := offs[len(offs)/2]
	step := (stamps[len(stamps)-1] - stamps[0]) / clock.Ticks(len(stamps)-1)
	return off, off < step/2 && off > -step/2
}

// maxApart is how far beyond the known frames one may be compared with them.
const maxApart = 20 * ingest.TicksPerMilli

func nearest(stamps []clock.Ticks, t clock.Ticks) clock.Ticks {
	best := stamps[0]
	for _, s := range stamps {
		if max(s-t, t-s) < max(best-t, t-best) {
			best = s
		}
	}
	return best
}
