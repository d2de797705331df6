package packager

import (
	"math"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// Stats is what a health display wants to know. It is a copy of the numbers at
// the last cut.
type Stats struct {
	Live   bool // a publisher session is open
	Outage bool // media stay away, and gaps are listed in their place

	VideoCodec    string // CODECS value, empty without pictures
	Width, Height int
	FrameRate     float64       // pictures per second, 0 while unknown
	GOP           time.Duration // longest distance of the last key frames, 0 while unknown

	AudioCodec string // CODECS value, empty without sound
	SampleRate int    // Hz
	Channels   int

	// Renditions are the video ones, best first, then the sound.
	Renditions []RenditionStats

	Bitrate int      // bits per second of all renditions over the last 5 s of media
	Edge    Position // newest part of the leading rendition
	Parts   uint64   // cut since the channel was made, all renditions

	ForcedCuts   uint64 // segments that do not begin with a key frame; the GOP is too long
	Holes        uint64 // places where media was missing and a discontinuity had to be put
	Dropped      uint64 // frames that could not be used
	SilentFrames uint64 // sound frames put in where the publisher sent none
}

// RenditionStats are one rendition's.
type RenditionStats struct {
	Name          string // of its playlist: "video", "video2" … "audio"
	Codec         string // CODECS value, empty while unknown
	Width, Height int    // 0 for sound
	FrameRate     float64
	Bitrate       int // bits per second over the last 5 s of media
	Derived       bool
	// Late is how far behind the leading rendition it comes, if that is so far
	// that it is not shown (V5); otherwise 0.
	Late time.Duration
}

type counters struct {
	forced, holes, dropped int
	sessionForced          int // in this session
	holesInRow             int // without a part in between
}

func (c *counters) session() { c.sessionForced, c.holesInRow = 0, 0 }

// Stats returns the numbers as of the last cut.
func (c *Channel) Stats() Stats { return *c.stats.Load() }

// measure makes the numbers of now those that Stats returns.
func (c *Channel) measure() {
	s := Stats{
		Live: c.live, Outage: c.outage.on, ForcedCuts: uint64(c.count.forced), Holes: uint64(c.count.holes), Dropped: uint64(c.count.dropped),
	}
	if a := c.audio; a != nil {
		s.AudioCodec, s.SampleRate, s.Channels = a.format.codecs, a.format.rate, a.format.channels
		s.SilentFrames = uint64(a.filled)
		s.Dropped += uint64(a.late + a.broken)
		s.Edge = a.window.Load().Edge
	}
	if c.pictured {
		v := c.lead()
		s.VideoCodec, s.Width, s.Height = v.format.codecs, v.format.width, v.format.height
		s.FrameRate, s.GOP = v.frameRate(), v.gop().Duration()
		s.Edge = v.window.Load().Edge
	}
	for _, f := range c.videos {
		s.Parts += uint64(f.sequence)
		if f.track != noTrack {
			s.Renditions = append(s.Renditions, f.stats())
		}
	}
	if a := c.audio; a != nil {
		s.Parts += uint64(a.sequence)
		s.Renditions = append(s.Renditions, RenditionStats{Name: a.name, Codec: a.format.codecs, Bitrate: a.recent()})
	}
	for _, r := range s.Renditions {
		s.Bitrate += r.Bitrate
	}
	c.stats.Store(&s)
}

func (f *follower) stats() RenditionStats {
	s := RenditionStats{
		Name: f.name, Codec: f.format.codecs, Width: f.format.width, Height: f.format.height,
		FrameRate: f.frameRate(), Bitrate: f.recent(), Derived: f.derived,
	}
	if f.tardy >= patientKeys && f.behind > lagLimit {
		s.Late = f.behind.Duration()
	}
	return s
}

// recent is the bit rate of the last five seconds of media.
func (r *rendition) recent() int {
	const span = 5 * time.Second
	var size int
	var duration time.Duration
	count := func(parts []Part) {
		for i := len(parts) - 1; i >= 0 && duration < span; i-- {
			size += len(parts[i].Bytes)
			duration += parts[i].duration
		}
	}
	if r.open != nil {
		count(r.open.Parts)
	}
	for i := len(r.segments) - 1; i >= 0 && duration < span; i-- {
		if s := r.segments[i]; s.gap {
			duration += s.duration
		} else {
			count(s.Parts)
		}
	}
	if duration == 0 {
		return 0
	}
	return int(float64(size*8) / duration.Seconds())
}

// usualRates are the picture rates that encoders are set to.
var usualRates = [...]float64{10, 12, 15, 24000. / 1001, 24, 25, 30000. / 1001, 30, 50, 60000. / 1001, 60, 120}

// frameRate is what the encoder says if that is what it sends, otherwise what
// was measured; close to a usual rate it is that rate, because containers
// round timestamps.
func (v *video) frameRate() float64 {
	measured := v.rate
	if measured == 0 && v.frame > 0 {
		measured = clock.TicksPerSecond / float64(v.frame)
	}
	off := func(rate float64) float64 { return math.Abs(measured-rate) / rate }
	const close = 0.005
	if v.format.rate > 0 && (measured == 0 || off(v.format.rate) < close) {
		return v.format.rate
	}
	best := math.Round(measured*1000) / 1000
	nearest := close
	for _, rate := range usualRates {
		if d := off(rate); d < nearest {
			best, nearest = rate, d
		}
	}
	return best
}
