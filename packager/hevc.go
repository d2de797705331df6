package packager

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// hevc is HEVC.
type hevc struct{ sets media.HEVC }

func (h hevc) codec() media.Codec { return &h.sets }
func (h hevc) complete() bool {
	return len(h.sets.VPS) > 0 && len(h.sets.SPS) > 0 && len(h.sets.PPS) > 0
}

func (h hevc) with(units [][]byte) coding {
	b := h
	for _, u := range units {
		switch hevcType(u) {
		case h265.NALUType_VPS_NUT:
			b.sets.VPS = u
		case h265.NALUType_SPS_NUT:
			b.sets.SPS = u
		case h265.NALUType_PPS_NUT:
			if id, ok := hevcPictureID(u); ok && (b.sets.PPS == nil || id == h.pictureID()) {
				b.sets.PPS = u
			}
		}
	}
	if bytes.Equal(h.sets.VPS, b.sets.VPS) && bytes.Equal(h.sets.SPS, b.sets.SPS) && bytes.Equal(h.sets.PPS, b.sets.PPS) {
		return nil
	}
	return b
}

func (h hevc) describe() (size, error) {
	var s h265.SPS
	if err := s.Unmarshal(h.sets.SPS); err != nil {
		return size{}, fmt.Errorf("read SPS: %w", err)
	}
	if hevcType(h.sets.VPS) != h265.NALUType_VPS_NUT {
		return size{}, fmt.Errorf("read VPS: it is none")
	}
	if _, ok := hevcPictureID(h.sets.PPS); !ok {
		return size{}, fmt.Errorf("read PPS: it has no id")
	}
	d := size{width: s.Width(), height: s.Height()}
	if t := s.VUI; t != nil && t.TimingInfo != nil && t.TimingInfo.NumUnitsInTick > 0 {
		d.rate = s.FPS()
	}
	return d, nil
}

// sample leaves a second PPS in band, as for H.264.
func (h hevc) sample(units [][]byte) ([]byte, error) {
	kept := make([][]byte, 0, len(units))
	for _, u := range units {
		if len(u) < 2 {
			continue
		}
		switch hevcType(u) {
		case h265.NALUType_VPS_NUT, h265.NALUType_SPS_NUT, h265.NALUType_AUD_NUT, h265.NALUType_FD_NUT:
			continue
		case h265.NALUType_PPS_NUT:
			if bytes.Equal(u, h.sets.PPS) {
				continue
			}
		}
		kept = append(kept, u)
	}
	return joinUnits(kept)
}

// leans reports a RASL picture. Spec: ITU-T H.265 §3.132.
func (hevc) leans(units [][]byte) bool {
	for _, u := range units {
		if t := hevcType(u); t == h265.NALUType_RASL_N || t == h265.NALUType_RASL_R {
			return true
		}
	}
	return false
}

// hevcNone is a type that no NAL unit has.
const hevcNone = 64

func hevcType(u []byte) h265.NALUType {
	if len(u) == 0 {
		return hevcNone
	}
	return h265.NALUType(u[0] >> 1 & 0x3F)
}

func (h hevc) pictureID() uint32 {
	id, _ := hevcPictureID(h.sets.PPS)
	return id
}

// hevcPictureID reads the id of a picture parameter set.
// Spec: ITU-T H.265 §7.3.2.3.
func hevcPictureID(pps []byte) (uint32, bool) {
	var p h265.PPS
	err := p.Unmarshal(pps)
	return p.ID, err == nil && p.ID < 64
}
