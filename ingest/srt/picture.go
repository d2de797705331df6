package srt

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// picture takes an access unit of H.264 or HEVC in the form of Annex B.
func (in *intake) picture(t *track, pts, dts clock.Ticks, data []byte) error {
	var units h264.AnnexB
	if units.Unmarshal(data) != nil {
		return nil
	}
	units = withoutDelimiter(t.how, units)
	if !t.known && ingest.Learn(t.codec, units) {
		t.known = true
	}
	if !ingest.HasPicture(t.codec, units) {
		return nil
	}
	return in.write(media.Frame{Track: int(t.pid), PTS: pts, DTS: dts, Key: ingest.IsKey(t.codec, units), Units: units})
}

// withoutDelimiter leaves out the mark between access units, which MPEG-TS
// needs and fragmented MP4 does not.
func withoutDelimiter(how coding, units [][]byte) [][]byte {
	first := units[0][0]
	if how == h264Video && h264.NALUType(first&0x1f) == h264.NALUTypeAccessUnitDelimiter ||
		how == hevcVideo && h265.NALUType(first>>1&0x3f) == h265.NALUType_AUD_NUT {
		return units[1:]
	}
	return units
}
