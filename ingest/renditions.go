package ingest

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// BestFirst returns the tracks in the order in which they are handed on: video
// by pixels and then by announced bit rate, largest first, after it everything
// else. Equal ones stay in the order in which they came. The argument is not
// changed. Rule IG45.
func BestFirst(tracks []media.Track) []media.Track {
	ordered := slices.Clone(tracks)
	slices.SortStableFunc(ordered, func(a, b media.Track) int {
		first, second := rank(a), rank(b)
		return slices.Compare(second[:], first[:])
	})
	return ordered
}

// rank is larger for what comes first.
func rank(t media.Track) [3]int {
	if t.Codec.Kind() != media.Video {
		return [3]int{}
	}
	width, height := PictureSize(t)
	return [3]int{1, width * height, t.Bitrate}
}

// PictureSize returns how large a video track's pictures are shown: what the
// parameter sets say, else what the track announces, 0 when neither does.
func PictureSize(t media.Track) (width, height int) {
	if width, height, ok := sizeOf(t.Codec); ok {
		return width, height
	}
	return t.Width, t.Height
}

// maxSide bounds what is believed: no codec here goes further, and cropping by
// more than there is shows as a size beyond it.
const maxSide = 1 << 16

// sizeOf reads the parameter sets, and reports false when there are none or
// when they make no sense.
func sizeOf(codec media.Codec) (width, height int, ok bool) {
	switch c := codec.(type) {
	case *media.H264:
		var sps h264.SPS
		if sps.Unmarshal(c.SPS) != nil {
			return 0, 0, false
		}
		width, height = sps.Width(), sps.Height()
	case *media.HEVC:
		const maxChroma = 3 // the library's tables end there
		var sps h265.SPS
		if sps.Unmarshal(c.SPS) != nil || sps.ChromaFormatIdc > maxChroma {
			return 0, 0, false
		}
		width, height = sps.Width(), sps.Height()
	case *media.AV1:
		var header av1.SequenceHeader
		if header.Unmarshal(withoutExtension(c.SequenceHeader)) != nil {
			return 0, 0, false
		}
		width, height = header.Width(), header.Height()
	}
	return width, height, width > 0 && height > 0 && width <= maxSide && height <= maxSide
}

// withoutExtension returns an OBU in the form that the library reads: it takes
// the byte after the header for the payload's first.
func withoutExtension(obu []byte) []byte {
	const flag = 0x04
	if len(obu) < 2 || obu[0]&flag == 0 {
		return obu
	}
	return append([]byte{obu[0] &^ flag}, obu[2:]...)
}
