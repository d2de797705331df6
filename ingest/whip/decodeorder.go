package whip

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// decodeOrder derives decoding times, which RTP does not carry. Browsers send
// pictures in the order in which they are shown; other encoders may not.
type decodeOrder struct {
	extractor extractor // nil while pictures are not reordered
	began     bool
}

type extractor interface {
	Initialize()
	Extract(units [][]byte, pts int64) (int64, error)
}

// at returns the DTS of a picture, and false when it cannot be known before
// the next key frame.
func (d *decodeOrder) at(codec media.Codec, units [][]byte, pts clock.Ticks, key bool) (clock.Ticks, bool) {
	if key && !d.began {
		d.began = true
		if d.extractor = extractorOf(codec); d.extractor != nil {
			d.extractor.Initialize()
		}
	}
	if !d.began || d.extractor == nil {
		return pts, d.began
	}
	if key {
		units = withParameters(codec, units)
	}
	dts, err := d.extractor.Extract(units, int64(pts))
	if err != nil {
		d.began = false
		return 0, false
	}
	return clock.Ticks(dts), true
}

// extractorOf returns nil for codecs and settings without reordering.
func extractorOf(codec media.Codec) extractor {
	switch c := codec.(type) {
	case *media.H264:
		var sps h264.SPS
		if sps.Unmarshal(c.SPS) == nil && reorders264(&sps) {
			return new(h264.DTSExtractor)
		}
	case *media.HEVC:
		var sps h265.SPS
		if sps.Unmarshal(c.SPS) == nil && reorders265(&sps) {
			return new(h265.DTSExtractor)
		}
	}
	return nil
}

// reorders264 reports whether pictures may be shown in another order than
// decoded. Spec: ITU-T H.264 §8.2.1.3, §A.2.1, §E.2.1.
func reorders264(sps *h264.SPS) bool {
	const baseline, inOutputOrder = 66, 2
	if sps.ProfileIdc == baseline || sps.PicOrderCntType == inOutputOrder {
		return false
	}
	return sps.VUI == nil || sps.VUI.BitstreamRestriction == nil || sps.VUI.BitstreamRestriction.MaxNumReorderFrames > 0
}

// reorders265 is the same for HEVC. Spec: ITU-T H.265 §7.4.3.2.1.
func reorders265(sps *h265.SPS) bool {
	for _, n := range sps.MaxNumReorderPics {
		if n > 0 {
			return true
		}
	}
	return false
}

// withParameters puts the parameter sets before a key frame that came without.
func withParameters(codec media.Codec, units [][]byte) [][]byte {
	var sets [][]byte
	switch c := codec.(type) {
	case *media.H264:
		sets = [][]byte{c.SPS, c.PPS}
	case *media.HEVC:
		sets = [][]byte{c.VPS, c.SPS, c.PPS}
	}
	return append(sets, units...)
}
