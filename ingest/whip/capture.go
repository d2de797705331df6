package whip

import (
	"time"

	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/sync/clock"
)

// maxCaptureAge is for how long an abs-capture-time counts for the frames after
// it. Senders repeat it every second. Units: seconds.
const maxCaptureAge = 10

// ntpToUnix is 1970 in seconds since 1900.
const ntpToUnix = 2_208_988_800

// ticksOfNTP converts seconds in 32.32 bits, keeping the order of a second.
func ticksOfNTP(ntp uint64) clock.Ticks {
	return clock.Ticks(ntp>>32)*clock.TicksPerSecond + clock.Ticks((ntp&0xffffffff)*clock.TicksPerSecond>>32)
}

// timeOfNTP converts seconds in 32.32 bits since 1900, until 2036.
func timeOfNTP(ntp uint64) time.Time {
	const second = uint64(time.Second)
	return time.Unix(int64(ntp>>32)-ntpToUnix, int64((ntp&0xffffffff)*second>>32))
}

// captureTime takes a packet's abs-capture-time, if it has one. It is on the
// clock of whatever captured the frame; less the offset that the sender gives,
// it is on the sender's own, as its reports are.
func (c *rtpClock) captureTime(packet *rtp.Packet, id uint8, pts int64) {
	if id == 0 {
		return
	}
	var e rtp.AbsCaptureTimeExtension
	if data := packet.GetExtension(id); data == nil || e.Unmarshal(data) != nil || e.Timestamp == 0 {
		return
	}
	if e.EstimatedCaptureClockOffset != nil {
		e.Timestamp -= uint64(*e.EstimatedCaptureClockOffset)
	}
	c.capture = sighting{rtp: pts, ntp: e.Timestamp, seen: true}
}
