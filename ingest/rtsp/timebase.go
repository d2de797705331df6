package rtsp

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/cuelight/cuelight/sync/clock"
)

// srWait is how long to wait for sender reports. Without them the tracks are
// tied by when their first packets arrived, which is what the library counts by.
const srWait = time.Second

// rtpClock places one track's timestamps on the session's time base. It is
// fixed once, so that a sender's later reports cannot make time jump.
type rtpClock struct {
	rate   int64
	report *rtcp.SenderReport // the first
	offset clock.Ticks        // of timestamp zero
	fixed  bool
}

// senderReport takes the first pair of RTP and NTP times. Spec: RFC 3550 §6.4.1.
func (c *rtpClock) senderReport(sr *rtcp.SenderReport) {
	if c.report == nil {
		c.report = sr
	}
}

// fix ties the timestamp pts, which is rtp on the wire, to the sender's clock.
func (c *rtpClock) fix(pts int64, rtp uint32) {
	if c.fixed || c.report == nil {
		return
	}
	c.fixed = true
	c.offset = ticksOfNTP(c.report.NTPTime) - c.scale(pts-int64(int32(rtp-c.report.RTPTime)))
}

func (c *rtpClock) ticks(pts int64) clock.Ticks { return c.offset + c.scale(pts) }

// scale converts RTP units; whole seconds are split off so that nothing overflows.
func (c *rtpClock) scale(d int64) clock.Ticks {
	return clock.Ticks(d/c.rate)*clock.TicksPerSecond + clock.Ticks(d%c.rate*clock.TicksPerSecond/c.rate)
}

// ticksOfNTP converts seconds in 32.32 bits, keeping the order of a second.
func ticksOfNTP(ntp uint64) clock.Ticks {
	return clock.Ticks(ntp>>32)*clock.TicksPerSecond + clock.Ticks((ntp&0xffffffff)*clock.TicksPerSecond>>32)
}

// place decides, once, how the tracks of a session are tied: by the sender's
// own clock when every track has reported it, else, once srWait has passed
// since start, by arrival. It reports whether it has decided.
func place(clocks []*rtpClock, start, now time.Time) bool {
	reported := true
	for _, c := range clocks {
		reported = reported && c.report != nil
	}
	if reported {
		return true
	}
	if now.Sub(start) < srWait {
		return false
	}
	for _, c := range clocks {
		c.fixed = true
	}
	return true
}
