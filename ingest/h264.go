package ingest

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/cuelight/cuelight/internal/media"
)

// naluType returns 0 for an empty unit.
func naluType(unit []byte) h264.NALUType {
	if len(unit) == 0 {
		return 0
	}
	return h264.NALUType(unit[0] & 0x1f)
}

// IsKey reports whether an H.264 access unit holds an IDR picture.
func IsKey(units [][]byte) bool {
	for _, u := range units {
		if naluType(u) == h264.NALUTypeIDR {
			return true
		}
	}
	return false
}

// HasPicture reports whether an H.264 access unit holds any slice. Without one
// it is not a frame.
func HasPicture(units [][]byte) bool {
	for _, u := range units {
		if t := naluType(u); t >= h264.NALUTypeNonIDR && t <= h264.NALUTypeIDR {
			return true
		}
	}
	return false
}

// ParameterSets returns the access unit's last SPS and PPS, or nil for what it
// does not hold.
func ParameterSets(units [][]byte) (sps, pps []byte) {
	for _, u := range units {
		switch naluType(u) {
		case h264.NALUTypeSPS:
			sps = u
		case h264.NALUTypePPS:
			pps = u
		}
	}
	return sps, pps
}

// Learn takes parameter sets into c from an access unit and reports whether
// both are now known. Learned ones are copied.
func Learn(c *media.H264, units [][]byte) bool {
	sps, pps := ParameterSets(units)
	if sps != nil {
		c.SPS = bytes.Clone(sps)
	}
	if pps != nil {
		c.PPS = bytes.Clone(pps)
	}
	return c.SPS != nil && c.PPS != nil
}
