package rtsp

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// srWait is how long to wait for sender reports, without which the tracks' RTP
// timestamps have nothing to do with each other.
const srWait = time.Second

// rtpClock places one track's RTP timestamps on the session's time base. It is
// fixed once, so that a sender's later reports cannot make time jump.
type rtpClock struct {
	rate    int
	counter *ingest.Unwrapper

	first     int64 // RTP time of the first packet
	firstAt   time.Time
	heard     bool // there was a packet
	report    int64
	reportNTP clock.Ticks
	reported  bool // there was a sender report

	zero   int64 // RTP time that is at
	at     clock.Ticks
	placed bool
}

func newRTPClock(rate int) *rtpClock {
	return &rtpClock{rate: rate, counter: ingest.NewUnwrapper(32)}
}

// hear takes a packet's timestamp and returns it unwrapped.
func (c *rtpClock) hear(rtp uint32, arrival time.Time) int64 {
	ts := c.counter.Unwrap(uint64(rtp))
	if !c.heard {
		c.heard, c.first, c.firstAt = true, ts, arrival
	}
	return ts
}

// senderReport takes the first pair of RTP and NTP times. Spec: RFC 3550 §6.4.1.
func (c *rtpClock) senderReport(rtp uint32, ntp uint64) {
	if c.reported {
		return
	}
	c.reported = true
	c.report = c.counter.Unwrap(uint64(rtp))
	c.reportNTP = ticksOfNTP(ntp)
}

// ticksOfNTP converts seconds in 32.32 bits, keeping the order of a second.
func ticksOfNTP(ntp uint64) clock.Ticks {
	return clock.Ticks(ntp>>32)*clock.TicksPerSecond + clock.Ticks((ntp&0xffffffff)*clock.TicksPerSecond>>32)
}

func (c *rtpClock) ticks(ts int64) clock.Ticks {
	return c.at + c.scale(ts-c.zero)
}

// scale converts RTP units; whole seconds are split off so that nothing overflows.
func (c *rtpClock) scale(d int64) clock.Ticks {
	rate := int64(c.rate)
	return clock.Ticks(d/rate)*clock.TicksPerSecond + clock.Ticks(d%rate*clock.TicksPerSecond/rate)
}

// place fixes the clocks of a session: by the sender's own clock when every
// track has reported it, else, once srWait has passed, by when the tracks'
// first packets arrived. It reports whether they are fixed.
func place(clocks []*rtpClock, now time.Time) bool {
	start, reported := now, true
	for _, c := range clocks {
		if c.placed {
			return true
		}
		if c.heard && c.firstAt.Before(start) {
			start = c.firstAt
		}
		reported = reported && c.reported
	}
	if !reported && now.Sub(start) < srWait {
		return false
	}
	for _, c := range clocks {
		c.placed = true
		switch {
		case reported:
			c.zero, c.at = c.report, c.reportNTP
		case c.heard:
			c.zero, c.at = c.first, clock.TicksOf(c.firstAt.Sub(start))
		default:
			c.at = clock.TicksOf(now.Sub(start))
		}
	}
	return true
}
