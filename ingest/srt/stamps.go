package srt

import (
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/sync/clock"
)

// stamps puts a program's timestamps on the session's one time base. It
// belongs to one goroutine.
type stamps struct {
	unwrap *ingest.Unwrapper
	offset clock.Ticks // added since the encoder's clock began anew
	last   clock.Ticks // newest DTS
	at     time.Time   // when it arrived
	joint  bool        // the next unit may be on another time base
}

func newStamps() stamps { return stamps{unwrap: ingest.NewUnwrapper(33)} }

// jointSlack is how far the tracks of one program may be apart at a joint, and
// still be taken to be on the time base before it.
const jointSlack = 10 * clock.TicksPerSecond

// read returns a unit's timestamps. At a joint, where the program or its clock
// began anew, those on another time base are moved to where they go on, by the
// time between the arrivals.
func (s *stamps) read(u unit) (pts, dts clock.Ticks) {
	dts = clock.Ticks(s.unwrap.Unwrap(u.dts)) + s.offset
	if s.joint && !s.at.IsZero() {
		next := s.last + clock.TicksOf(u.at.Sub(s.at))
		if dts < s.last-clock.TicksPerSecond || dts > next+jointSlack {
			s.offset += next - dts
			dts = next
		}
	}
	s.joint = false
	s.last, s.at = dts, u.at
	return dts + clock.Ticks(s.unwrap.Delta(u.pts-u.dts)), dts
}
