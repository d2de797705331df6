package main

import (
	"net/http"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
)

const gohlslibVersion = "v2.4.3"

// gohlslibFirst is the media sequence number of its first segment: seven gaps
// come before.
const gohlslibFirst = 7

// goHLS is the baseline: the muxer of gohlslib, which MediaMTX uses.
type goHLS struct {
	muxer    *gohlslib.Muxer
	video    *gohlslib.Track
	audio    *gohlslib.Track
	sps, pps []byte
	rate     int64 // samples/s
	start    time.Time
	pictures uint64 // written
}

func newGohlslib(clip *demo.Clip) (hlsServer, http.Handler, error) {
	h264, aac := clip.Tracks[0].Codec.(*media.H264), clip.Tracks[1].Codec.(*media.AAC)
	g := &goHLS{
		sps: h264.SPS, pps: h264.PPS,
		rate:  int64(aac.Config.SampleRate),
		start: time.Now(),
		video: &gohlslib.Track{Codec: &codecs.H264{SPS: h264.SPS, PPS: h264.PPS}, ClockRate: 90_000},
		audio: &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: aac.Config}, ClockRate: aac.Config.SampleRate},
	}
	g.muxer = &gohlslib.Muxer{
		Tracks:             []*gohlslib.Track{g.video, g.audio},
		Variant:            gohlslib.MuxerVariantLowLatency,
		SegmentCount:       listed,
		SegmentMinDuration: segment,
		PartMinDuration:    longPartBase,
	}
	if err := g.muxer.Start(); err != nil {
		return nil, nil, err
	}
	return g, http.HandlerFunc(g.muxer.Handle), nil
}

func (g *goHLS) write(f media.Frame) error {
	ntp := g.start.Add(f.PTS.Duration())
	if f.Track != 0 {
		return g.muxer.WriteMPEG4Audio(g.audio, ntp, int64(f.PTS)*g.rate/90_000, f.Units)
	}
	units := f.Units
	if f.Key { // its timestamps need the parameter sets in the stream
		units = append([][]byte{g.sps, g.pps}, units...)
	}
	g.pictures++
	return g.muxer.WriteH264(g.video, ntp, int64(f.PTS), units)
}

// edge counts, because the muxer does not say: a part ends with the picture
// after it, which tells how long its last picture is. The clip has a key frame
// at every second, so every segment has six parts.
func (g *goHLS) edge() (position, bool) {
	if g.pictures <= partPictures {
		return position{}, false
	}
	part := (g.pictures-1)/partPictures - 1
	return position{gohlslibFirst + part/segmentParts, part % segmentParts}, true
}
