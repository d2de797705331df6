package demo

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

//go:embed clip/demo.mp4
var embedded []byte

// What can be wrong with a clip.
var (
	// ErrFormat says that the bytes are not an MP4 file that can be read.
	ErrFormat = errors.New("not a readable MP4 file")
	// ErrTracks says that there is not exactly one H.264 and one AAC track.
	ErrTracks = errors.New("clip needs one H.264 and one AAC track")
	// ErrLoop says that the clip cannot be played end to end: a track does not
	// begin at zero or with a key frame, is not as long as the other, or shows
	// frames in another order than it codes them.
	ErrLoop = errors.New("clip does not loop")
)

// Clip is a short recording made to be played in a loop without a seam. It
// never changes once parsed, so any goroutine may read it.
type Clip struct {
	// Tracks are the video track and the audio track, in this order. A
	// track's ID is its index.
	Tracks []media.Track
	// Length is what one loop lasts, the same for both tracks.
	Length clock.Ticks

	frames []media.Frame // one loop, by DTS, video first where both are due
	keys   []int         // indexes in frames where a picture can be joined
}

// Load returns the clip that is part of the program. It is parsed once.
//
// Errors: those of [Parse], which would mean a broken build.
var Load = sync.OnceValues(func() (*Clip, error) { return Parse(embedded) })

// Parse reads a clip from an MP4 file. Units of the frames share memory with
// nothing the caller holds.
//
// Errors: [ErrFormat], [ErrTracks] or [ErrLoop], wrapped with what was found.
func Parse(file []byte) (*Clip, error) {
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(file)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	video, audio, err := pick(p.Tracks)
	if err != nil {
		return nil, err
	}
	c := new(Clip)
	for _, t := range []*pmp4.Track{video, audio} {
		if err := c.add(t); err != nil {
			return nil, err
		}
	}
	c.interleave()
	return c, nil
}

func pick(tracks []*pmp4.Track) (video, audio *pmp4.Track, err error) {
	for _, t := range tracks {
		switch t.Codec.(type) {
		case *codecs.H264:
			video = t
		case *codecs.MPEG4Audio:
			audio = t
		}
	}
	if len(tracks) != 2 || video == nil || audio == nil {
		return nil, nil, fmt.Errorf("%w: found %d tracks", ErrTracks, len(tracks))
	}
	return video, audio, nil
}

// add appends a track and its frames.
func (c *Clip) add(t *pmp4.Track) error {
	id := len(c.Tracks)
	track := media.Track{ID: id, Codec: codecOf(t.Codec)}
	if t.TimeOffset != 0 || len(t.Samples) == 0 || t.Samples[0].IsNonSyncSample {
		return fmt.Errorf("%w: %s does not begin at zero with a key frame", ErrLoop, track.Codec.Kind())
	}
	var elapsed int64 // in the track's own time scale
	for i, s := range t.Samples {
		if s.PTSOffset != 0 {
			return fmt.Errorf("%w: frame %d is not shown when it is decoded", ErrLoop, i)
		}
		units, err := unitsOf(t.Codec, s)
		if err != nil {
			return fmt.Errorf("%w: %s frame %d: %w", ErrFormat, track.Codec.Kind(), i, err)
		}
		at := rescale(elapsed, t.TimeScale)
		c.frames = append(c.frames, media.Frame{Track: id, PTS: at, DTS: at, Key: !s.IsNonSyncSample, Units: units})
		elapsed += int64(s.Duration)
	}
	length := rescale(elapsed, t.TimeScale)
	if id > 0 && length != c.Length {
		return fmt.Errorf("%w: video lasts %d ticks, audio %d", ErrLoop, c.Length, length)
	}
	c.Length = length
	c.Tracks = append(c.Tracks, track)
	return nil
}

func codecOf(c codecs.Codec) media.Codec {
	switch c := c.(type) {
	case *codecs.H264:
		return &media.H264{SPS: c.SPS, PPS: c.PPS}
	case *codecs.MPEG4Audio:
		return &media.AAC{Config: c.Config}
	default:
		panic(fmt.Sprintf("track of unexpected codec %T was picked", c))
	}
}

func unitsOf(c codecs.Codec, s *pmp4.Sample) ([][]byte, error) {
	payload, err := s.GetPayload()
	if err != nil {
		return nil, err
	}
	if !c.IsVideo() {
		return [][]byte{payload}, nil
	}
	var au h264.AVCC
	if err := au.Unmarshal(payload); err != nil {
		return nil, err
	}
	return au, nil
}

func rescale(t int64, timeScale uint32) clock.Ticks {
	return clock.Ticks(t * clock.TicksPerSecond / int64(timeScale))
}

func (c *Clip) interleave() {
	slices.SortStableFunc(c.frames, func(a, b media.Frame) int {
		return cmp.Or(cmp.Compare(a.DTS, b.DTS), cmp.Compare(a.Track, b.Track))
	})
	for i, f := range c.frames {
		if f.Key && c.Tracks[f.Track].Codec.Kind() == media.Video {
			c.keys = append(c.keys, i)
		}
	}
}

// Len returns the number of frames of one loop, of both tracks together.
func (c *Clip) Len() int { return len(c.frames) }

// Frame returns the n-th frame, n ≥ 0, of the clip played over and over, in
// the order of DTS. Timestamps run on from loop to loop. The frame's Units
// belong to the clip and must not be changed.
func (c *Clip) Frame(n int64) media.Frame {
	loop, i := n/int64(len(c.frames)), n%int64(len(c.frames))
	f := c.frames[i]
	offset := clock.Ticks(loop) * c.Length
	f.PTS += offset
	f.DTS += offset
	return f
}

// KeyFrom returns the number n of the first video key frame that is not due
// before t ≥ 0: where a viewer or a new connection can join.
func (c *Clip) KeyFrom(t clock.Ticks) int64 {
	loop, within := int64(t/c.Length), t%c.Length
	i := sort.Search(len(c.keys), func(i int) bool { return c.frames[c.keys[i]].DTS >= within })
	if i == len(c.keys) {
		loop, i = loop+1, 0
	}
	return loop*int64(len(c.frames)) + int64(c.keys[i])
}
