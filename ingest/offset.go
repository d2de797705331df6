package ingest

import (
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// arrivals are the last observations, to find out when a frame had arrived. A
// ring, because frames are written soon after they are observed.
type arrivals struct {
	ring [32]Observation
	next int
}

func (a *arrivals) add(o Observation) {
	a.ring[a.next] = o
	a.next = (a.next + 1) % len(a.ring)
}

// of returns the newest arrival observed for dts.
func (a *arrivals) of(dts clock.Ticks) (time.Time, bool) {
	for i := 1; i <= len(a.ring); i++ {
		o := &a.ring[(a.next-i+len(a.ring))%len(a.ring)]
		if o.DTS == dts && !o.Arrival.IsZero() {
			return o.Arrival, true
		}
	}
	return time.Time{}, false
}

// offset is how much later sound arrives than pictures of the same DTS. Each
// kind has a lag: arrival minus DTS, smoothed over smoothing of media. The
// offset is the sound's lag less that of the pictures. It is known once each
// kind has given settled of media, and as long as both go on.
type offset struct {
	base   time.Time // the first arrival; lags count from it
	origin clock.Ticks
	video  lag
	audio  lag
}

const (
	smoothing = 3 * clock.TicksPerSecond
	settled   = clock.TicksPerSecond
	// leap is by how much a lag may change at once, and one kind fall behind the
	// other, without everything starting again.
	leap = 10 * time.Second
)

// lag is one kind's.
type lag struct {
	mean  float64 // seconds
	media clock.Ticks
	last  clock.Ticks
	n     int
}

func (o *offset) add(video bool, dts clock.Ticks, arrival time.Time) {
	if o.base.IsZero() {
		o.base, o.origin = arrival, dts
	}
	l := &o.audio
	if video {
		l = &o.video
	}
	late := arrival.Sub(o.base) - (dts - o.origin).Duration()
	if l.n > 0 && !l.near(dts, late) {
		*o = offset{base: arrival, origin: dts}
		late = 0
	}
	l.add(dts, late)
}

func (l *lag) near(dts clock.Ticks, late time.Duration) bool {
	step := (dts - l.last).Duration()
	jump := late - time.Duration(l.mean*float64(time.Second))
	return step > -leap && step < leap && jump > -leap && jump < leap
}

// add weighs each sample by the media that it stands for: frames that come in
// bursts count alike.
func (l *lag) add(dts clock.Ticks, late time.Duration) {
	step := max(0, dts-l.last)
	if l.n == 0 {
		step = 0
	}
	l.n++
	l.media += step
	weight := max(float64(step)/float64(smoothing), 1/float64(l.n))
	l.mean += min(1, weight) * (late.Seconds() - l.mean)
	l.last = dts
}

func (o *offset) value() (time.Duration, bool) {
	apart := (o.audio.last - o.video.last).Duration()
	if o.audio.media < settled || o.video.media < settled || apart > leap || apart < -leap {
		return 0, false
	}
	seconds := o.audio.mean - o.video.mean
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond), true
}
