package packagertest

import (
	"cmp"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Parameter sets of 30 pictures a second, made by x264.
var (
	SPS360 = []byte("\x67\x4d\x40\x1e\xec\xa0\x50\x17\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x1e\x07\x8b\x16\xcb")
	SPS180 = []byte("\x67\x4d\x40\x0d\xec\xa0\xa0\xcf\xcf\x80\x88\x00\x00\x03\x00\x08\x00\x00\x03\x01\xe0\x78\xa1\x4c\xb0")
	PPS    = []byte("\x68\xeb\xe3\xcb\x20")
)

// Track IDs of every show.
const (
	VideoTrack = 1
	AudioTrack = 2
)

// Show describes made-up media. Its pictures cannot be decoded, everything
// around them is as real encoders do it.
type Show struct {
	Start    clock.Ticks   // PTS of the first picture
	Duration time.Duration // default 10s
	// FPS is pictures per second, as a fraction. Default 30/1.
	FPSNum, FPSDen int
	// GOP is the distance of key frames in pictures. Default 60.
	GOP int
	// Lead is PTS − DTS of key frames in pictures, as B-frames cause it.
	Lead int
	// SampleRate of the sound; default 48000. Channels; default 2.
	SampleRate int
	Channels   uint8
	// Milliseconds rounds every timestamp to 1 ms, as RTMP does.
	Milliseconds bool
	// SoundLag is how much later than pictures of its time sound arrives.
	SoundLag time.Duration
	// NoVideo and NoAudio leave a track out.
	NoVideo, NoAudio bool
	SPS              []byte // default SPS360
	// More are further renditions of the pictures.
	More []Rendition
}

// Rendition is a further rendition of a show's pictures: the same pictures at
// the same times, smaller.
type Rendition struct {
	// Lag is how much later than the leading ones pictures arrive; negative ones
	// arrive earlier.
	Lag     time.Duration
	Derived bool
	// KeyShift is how many pictures later than the leading ones key frames are.
	KeyShift int
	// Away are times, from the beginning of the show, of which pictures are
	// missing.
	Away [][2]time.Duration
	// Bare leaves the parameter sets out of the track.
	Bare bool
	SPS  []byte // default SPS180
}

func (r Rendition) track(id int) media.Track {
	codec := &media.H264{SPS: r.SPS, PPS: PPS}
	if r.SPS == nil {
		codec.SPS = SPS180
	}
	if r.Bare {
		codec = &media.H264{}
	}
	return media.Track{ID: id, Codec: codec, Derived: r.Derived}
}

// show is the show of this rendition alone.
func (r Rendition) show(s Show) Show {
	s.SPS, s.NoAudio, s.More = r.SPS, true, nil
	if s.SPS == nil {
		s.SPS = SPS180
	}
	return s
}

func (r Rendition) isAway(at time.Duration) bool {
	for _, span := range r.Away {
		if at >= span[0] && at < span[1] {
			return true
		}
	}
	return false
}

func (s Show) withDefaults() Show {
	s.Duration = cmp.Or(s.Duration, 10*time.Second)
	s.FPSNum, s.FPSDen = cmp.Or(s.FPSNum, 30), cmp.Or(s.FPSDen, 1)
	s.GOP = cmp.Or(s.GOP, 60)
	s.SampleRate = cmp.Or(s.SampleRate, 48_000)
	s.Channels = cmp.Or(s.Channels, 2)
	if s.SPS == nil {
		s.SPS = SPS360
	}
	return s
}

// Tracks returns the tracks of the show.
func (s Show) Tracks() []media.Track {
	s = s.withDefaults()
	var tracks []media.Track
	if !s.NoVideo {
		tracks = append(tracks, media.Track{ID: VideoTrack, Codec: &media.H264{SPS: s.SPS, PPS: PPS}})
	}
	for i, r := range s.More {
		tracks = append(tracks, r.track(videoID(i+1)))
	}
	if !s.NoAudio {
		tracks = append(tracks, media.Track{ID: AudioTrack, Codec: &media.AAC{Config: mpeg4audio.AudioSpecificConfig{
			Type: mpeg4audio.ObjectTypeAACLC, SampleRate: s.SampleRate, ChannelConfig: s.Channels,
		}}})
	}
	return tracks
}

// Frames returns the frames in the order in which they arrive.
func (s Show) Frames() []media.Frame {
	s = s.withDefaults()
	type arrival struct {
		at clock.Ticks
		f  media.Frame
	}
	var all []arrival
	end := clock.TicksOf(s.Duration)
	for i := 0; !s.NoVideo; i++ {
		f := s.picture(i, 0)
		at := f.DTS - s.picture(0, 0).DTS
		if at >= end {
			break
		}
		all = append(all, arrival{f.DTS, f})
		for n, r := range s.More {
			f := r.show(s).picture(i, r.KeyShift)
			f.Track = videoID(n + 1)
			if !r.isAway(at.Duration()) {
				all = append(all, arrival{f.DTS + clock.TicksOf(r.Lag), f})
			}
		}
	}
	for i := int64(0); !s.NoAudio; i++ {
		t := clock.Ticks(i * 1024 * clock.TicksPerSecond / int64(s.SampleRate))
		if t >= end {
			break
		}
		pts := s.round(s.Start + t)
		f := media.Frame{Track: AudioTrack, PTS: pts, DTS: pts, Key: true, Units: [][]byte{{0x21, byte(i >> 8), byte(i), 0x1c}}}
		all = append(all, arrival{pts + clock.TicksOf(s.SoundLag), f})
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	frames := make([]media.Frame, len(all))
	for i, a := range all {
		frames[i] = a.f
	}
	return frames
}

// picture returns the i-th picture in decoding order. With a lead, pictures
// come in groups of three: the last of the group is sent first. Key frames are
// moved by shift pictures.
func (s Show) picture(i, shift int) media.Frame {
	at := func(n int) clock.Ticks {
		return s.Start + clock.Ticks(int64(n)*clock.TicksPerSecond*int64(s.FPSDen)/int64(s.FPSNum))
	}
	key := (i+s.GOP-shift)%s.GOP == 0
	shown := i
	if s.Lead > 0 && !key {
		switch g := i%s.GOP - 1; {
		case i%s.GOP > (s.GOP-1)/3*3: // what is left of the GOP is in order
		case g%3 == 0:
			shown += 2
		default:
			shown--
		}
	}
	f := media.Frame{Track: VideoTrack, PTS: s.round(at(shown)), DTS: s.round(at(i - s.Lead)), Key: key}
	body := make([]byte, 400+i%7*50)
	body[0] = 0x41
	if key {
		body = make([]byte, 6000)
		body[0] = 0x65
		f.Units = append(f.Units, s.SPS, PPS)
	}
	body[1], body[2], body[3] = byte(i>>16), byte(i>>8), byte(i)
	f.Units = append(f.Units, body)
	return f
}

func (s Show) round(t clock.Ticks) clock.Ticks {
	if s.Milliseconds {
		return (t + 45) / 90 * 90
	}
	return t
}
