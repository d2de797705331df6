package cmaf

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// profile is how an HEVC stream introduces itself: profile space, tier and
// profile, 32 compatibility flags, 48 constraint flags, level.
// Spec: ITU-T H.265 §7.3.3.
type profile struct {
	general    [12]byte
	layers     byte // number of temporal sub-layers
	nested     bool // sub-layers can be switched at every picture
	profileIDC byte
}

// profileOf reads the first 15 bytes of an SPS.
func profileOf(sps []byte) (profile, error) {
	plain := h264.EmulationPreventionRemove(sps[:min(len(sps), 32)])
	if len(plain) < 15 {
		return profile{}, fmt.Errorf("the HEVC SPS has %d bytes", len(sps))
	}
	p := profile{layers: plain[2]>>1&7 + 1, nested: plain[2]&1 == 1, profileIDC: plain[3] & 0x1F}
	copy(p.general[:], plain[3:])
	return p, nil
}

// codecs writes the profile as ISO/IEC 14496-15 Annex E.3 says.
func (p *profile) codecs() string {
	s := "hvc1."
	if space := p.general[0] >> 6; space > 0 {
		s += string('A' + rune(space-1))
	}
	s += strconv.Itoa(int(p.profileIDC))
	s += "." + strconv.FormatUint(uint64(bits.Reverse32(binary.BigEndian.Uint32(p.general[1:]))), 16)
	tier := ".L"
	if p.general[0]&0x20 != 0 {
		tier = ".H"
	}
	s += tier + strconv.Itoa(int(p.general[11]))
	constraints := p.general[5:11]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, b := range constraints {
		s += "." + strconv.FormatUint(uint64(b), 16)
	}
	return s
}

// hvcC is the decoder configuration of HEVC. All parameter sets are in it and
// none in the samples. Spec: ISO/IEC 14496-15 §8.3.2.1.
func hvcC(c *media.HEVC) ([]byte, error) {
	p, err := profileOf(c.SPS)
	if err != nil {
		return nil, err
	}
	var sps h265.SPS
	if err := sps.Unmarshal(c.SPS); err != nil {
		return nil, fmt.Errorf("read HEVC SPS: %w", err)
	}
	out := append([]byte{1}, p.general[:]...)
	out = append(out, 0xF0, 0, 0xFC, // no say in spatial segmentation or parallelism
		0xFC|byte(sps.ChromaFormatIdc)&3, 0xF8|byte(sps.BitDepthLumaMinus8)&7, 0xF8|byte(sps.BitDepthChromaMinus8)&7,
		0, 0) // no say in the frame rate
	const fourByteLengths = 3
	layers := p.layers<<3 | fourByteLengths
	if p.nested {
		layers |= 4
	}
	out = append(out, layers, 3)
	const all = 0x80 // array_completeness
	for _, set := range []struct {
		kind h265.NALUType
		unit []byte
	}{{h265.NALUType_VPS_NUT, c.VPS}, {h265.NALUType_SPS_NUT, c.SPS}, {h265.NALUType_PPS_NUT, c.PPS}} {
		out = append(out, all|byte(set.kind), 0, 1)
		out = binary.BigEndian.AppendUint16(out, uint16(len(set.unit)))
		out = append(out, set.unit...)
	}
	return out, nil
}
