package rtsp

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// decodeTimes derives the DTS, which RTP does not carry, from the order in
// which pictures are shown. AV1 and sound are decoded in that order.
type decodeTimes struct {
	codec   media.Codec
	extract func(units [][]byte, pts int64) (int64, error) // nil before the first key frame
}

func newDecodeTimes(codec media.Codec) decodeTimes { return decodeTimes{codec: codec} }

// of returns a picture's DTS. It is not known before the first key frame, nor,
// after pictures that make no sense together, before the next one.
func (d *decodeTimes) of(f media.Frame) (clock.Ticks, bool) {
	sets := d.parameterSets()
	if sets == nil {
		return f.DTS, true
	}
	if d.extract == nil {
		if !f.Key {
			return 0, false
		}
		d.extract = newExtractor(d.codec)
	}
	units := f.Units
	if f.Key { // sets that came before, or with the description
		units = append(sets, units...)
	}
	dts, err := d.extract(units, int64(f.PTS))
	if err != nil {
		d.extract = nil
		return 0, false
	}
	return clock.Ticks(dts), true
}

// parameterSets returns the newest ones of a codec whose pictures may be
// reordered, nil for any other.
func (d *decodeTimes) parameterSets() [][]byte {
	switch c := d.codec.(type) {
	case *media.H264:
		return [][]byte{c.SPS, c.PPS}
	case *media.HEVC:
		return [][]byte{c.VPS, c.SPS, c.PPS}
	}
	return nil
}

func newExtractor(codec media.Codec) func([][]byte, int64) (int64, error) {
	if _, ok := codec.(*media.HEVC); ok {
		e := new(h265.DTSExtractor)
		e.Initialize()
		return e.Extract
	}
	e := new(h264.DTSExtractor)
	e.Initialize()
	return e.Extract
}
