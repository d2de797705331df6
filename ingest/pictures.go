package ingest

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// IsKey reports whether decoding can start at an access unit of a video codec:
// it holds an IDR picture (H.264), an IDR, CRA or BLA picture (HEVC), or a
// sequence header and a key frame (AV1).
func IsKey(codec media.Codec, units [][]byte) bool {
	switch codec.(type) {
	case *media.H264:
		return any264(units, func(t h264.NALUType) bool { return t == h264.NALUTypeIDR })
	case *media.HEVC:
		return any265(units, isRandomAccess)
	case *media.AV1:
		return isKey1(units)
	}
	return false
}

// HasPicture reports whether an access unit of a video codec holds any coded
// picture data. Without some it is not a frame.
func HasPicture(codec media.Codec, units [][]byte) bool {
	switch codec.(type) {
	case *media.H264:
		return any264(units, func(t h264.NALUType) bool { return t >= h264.NALUTypeNonIDR && t <= h264.NALUTypeIDR })
	case *media.HEVC:
		return any265(units, func(t h265.NALUType) bool { return t < h265.NALUType_VPS_NUT })
	case *media.AV1:
		return any1(units, func(t av1.OBUType) bool { return t == obuFrame || t == obuFrameHeader })
	}
	return false
}

// Learn takes parameter sets into a video codec from an access unit and
// reports whether all are now known. Learned ones are copied.
func Learn(codec media.Codec, units [][]byte) bool {
	switch c := codec.(type) {
	case *media.H264:
		sps, pps := ParameterSets(units)
		learn(&c.SPS, sps)
		learn(&c.PPS, pps)
		return c.SPS != nil && c.PPS != nil
	case *media.HEVC:
		learn(&c.VPS, last265(units, h265.NALUType_VPS_NUT))
		learn(&c.SPS, last265(units, h265.NALUType_SPS_NUT))
		learn(&c.PPS, last265(units, h265.NALUType_PPS_NUT))
		return c.VPS != nil && c.SPS != nil && c.PPS != nil
	case *media.AV1:
		learn(&c.SequenceHeader, lastOBU(units, av1.OBUTypeSequenceHeader))
		return c.SequenceHeader != nil
	}
	return false
}

// ParameterSets returns an H.264 access unit's last SPS and PPS, or nil for
// what it does not hold.
func ParameterSets(units [][]byte) (sps, pps []byte) {
	for _, u := range units {
		switch type264(u) {
		case h264.NALUTypeSPS:
			sps = u
		case h264.NALUTypePPS:
			pps = u
		}
	}
	return sps, pps
}

// SetsOf returns all of a video codec's parameter sets, nil while one is missing
// and for sound.
func SetsOf(codec media.Codec) [][]byte {
	var sets [][]byte
	switch c := codec.(type) {
	case *media.H264:
		sets = [][]byte{c.SPS, c.PPS}
	case *media.HEVC:
		sets = [][]byte{c.VPS, c.SPS, c.PPS}
	case *media.AV1:
		sets = [][]byte{c.SequenceHeader}
	}
	for _, s := range sets {
		if len(s) == 0 {
			return nil
		}
	}
	return sets
}

func learn(to *[]byte, unit []byte) {
	if unit != nil && !bytes.Equal(*to, unit) {
		*to = bytes.Clone(unit)
	}
}

// type264 returns 0 for an empty unit.
func type264(unit []byte) h264.NALUType {
	if len(unit) == 0 {
		return 0
	}
	return h264.NALUType(unit[0] & 0x1f)
}

func any264(units [][]byte, is func(h264.NALUType) bool) bool {
	for _, u := range units {
		if is(type264(u)) {
			return true
		}
	}
	return false
}

// Picture types at which an HEVC decoder can start are 16 to 21; 22 and 23 are
// reserved ones of the same kind. Spec: ITU-T H.265 §7.4.2.2.
const (
	firstRandomAccess h265.NALUType = 16
	lastRandomAccess  h265.NALUType = 23
)

func isRandomAccess(t h265.NALUType) bool { return t >= firstRandomAccess && t <= lastRandomAccess }

// headerOf265 is the length of an HEVC NAL unit's header.
const headerOf265 = 2

func any265(units [][]byte, is func(h265.NALUType) bool) bool {
	for _, u := range units {
		if len(u) > headerOf265 && is(type265(u)) {
			return true
		}
	}
	return false
}

func type265(unit []byte) h265.NALUType { return h265.NALUType(unit[0] >> 1 & 0x3f) }

func last265(units [][]byte, want h265.NALUType) (found []byte) {
	for _, u := range units {
		if len(u) > headerOf265 && type265(u) == want {
			found = u
		}
	}
	return found
}

// The OBUs that begin a frame: a header whose tiles follow in OBUs of their
// own, or all in one. Spec: AV1 §6.2.2.
const (
	obuFrameHeader av1.OBUType = 3
	obuFrame       av1.OBUType = 6
)

// obuType returns 0, a reserved type, for an empty unit.
func obuType(unit []byte) av1.OBUType {
	if len(unit) == 0 {
		return 0
	}
	return av1.OBUType(unit[0] >> 3 & 0xf)
}

func lastOBU(units [][]byte, want av1.OBUType) (found []byte) {
	for _, u := range units {
		if obuType(u) == want {
			found = u
		}
	}
	return found
}

func any1(units [][]byte, is func(av1.OBUType) bool) bool {
	for _, u := range units {
		if is(obuType(u)) {
			return true
		}
	}
	return false
}

// isKey1 looks at the first frame of a temporal unit.
func isKey1(units [][]byte) bool {
	if !any1(units, func(t av1.OBUType) bool { return t == av1.OBUTypeSequenceHeader }) {
		return false
	}
	for _, u := range units {
		if t := obuType(u); t == obuFrame || t == obuFrameHeader {
			return startsKey1(u)
		}
	}
	return false
}

// startsKey1 reads show_existing_frame and frame_type of an OBU without size
// field. Spec: AV1 §5.9.2.
func startsKey1(unit []byte) bool {
	header := 1
	if unit[0]&0x04 != 0 { // extension flag
		header = 2
	}
	if len(unit) <= header {
		return false
	}
	const keyFrame = 0
	existing, kind := unit[header]>>7, unit[header]>>5&3
	return existing == 0 && kind == keyFrame
}
