package ingest

import "github.com/cuelight/cuelight/sync/clock"

const (
	// maxJump is how far one track's DTS may go forward at once. Encoders do
	// not pause longer without reconnecting.
	maxJump = 10 * clock.TicksPerSecond
	// jumpFrames are how many frames must agree before a longer jump is
	// believed. Some recorders stamp single frames hours off.
	jumpFrames = 3
	// maxRefused is how many frames in a row a track may lose: 3 s at 30 fps.
	maxRefused = 90
)

// order keeps one track's timestamps from going back. It belongs to one
// goroutine.
type order struct {
	last    clock.Ticks
	started bool
	far     clock.Ticks // last DTS of a jump not yet believed
	agree   int         // frames that agree with it
	refused int         // in a row
}

// accept reports whether a frame with these timestamps may follow, and whether
// the track is lost because too many in a row may not.
func (o *order) accept(pts, dts clock.Ticks) (ok, lost bool) {
	if o.follows(dts) && pts-dts > -maxJump && pts-dts < maxJump {
		o.last, o.started, o.agree, o.refused = dts, true, 0, 0
		return true, false
	}
	o.refused++
	return false, o.refused > maxRefused
}

func (o *order) follows(dts clock.Ticks) bool {
	switch {
	case !o.started, dts >= o.last && dts-o.last <= maxJump:
		return true
	case dts < o.last:
		o.agree = 0
		return false
	}
	if o.agree == 0 || dts < o.far || dts-o.far > maxJump {
		o.agree = 0
	}
	o.far = dts
	o.agree++
	return o.agree >= jumpFrames
}
