package packager

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
)

// avc is H.264.
type avc struct{ sets media.H264 }

func (a avc) codec() media.Codec  { return &a.sets }
func (a avc) complete() bool      { return len(a.sets.SPS) > 0 && len(a.sets.PPS) > 0 }
func (avc) leans(_ [][]byte) bool { return false } // its key frames are IDR pictures

func (a avc) with(units [][]byte) coding {
	b := a
	for _, u := range units {
		switch avcType(u) {
		case h264.NALUTypeSPS:
			b.sets.SPS = u
		case h264.NALUTypePPS:
			if id, ok := avcPictureID(u); ok && (b.sets.PPS == nil || id == a.pictureID()) {
				b.sets.PPS = u
			}
		}
	}
	if bytes.Equal(a.sets.SPS, b.sets.SPS) && bytes.Equal(a.sets.PPS, b.sets.PPS) {
		return nil
	}
	return b
}

func (a avc) describe() (size, error) {
	var s h264.SPS
	if err := s.Unmarshal(a.sets.SPS); err != nil {
		return size{}, fmt.Errorf("read SPS: %w", err)
	}
	if _, ok := avcPictureID(a.sets.PPS); !ok {
		return size{}, fmt.Errorf("read PPS: it has no id")
	}
	return size{s.Width(), s.Height(), s.FPS()}, nil
}

// sample leaves a second PPS in band: avcC carries only one here.
func (a avc) sample(units [][]byte) ([]byte, error) {
	kept := make([][]byte, 0, len(units))
	for _, u := range units {
		switch avcType(u) {
		case 0, h264.NALUTypeSPS, h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeFillerData:
			continue
		case h264.NALUTypePPS:
			if bytes.Equal(u, a.sets.PPS) {
				continue
			}
		}
		kept = append(kept, u)
	}
	return joinUnits(kept)
}

func joinUnits(units [][]byte) ([]byte, error) {
	if len(units) == 0 {
		return nil, nil
	}
	return cmaf.NALUnits(units)
}

func avcType(u []byte) h264.NALUType {
	if len(u) == 0 {
		return 0
	}
	return h264.NALUType(u[0] & 0x1F)
}

func (a avc) pictureID() uint32 {
	id, _ := avcPictureID(a.sets.PPS)
	return id
}

// avcPictureID reads the id of a picture parameter set.
// Spec: ITU-T H.264 §7.3.2.2.
func avcPictureID(pps []byte) (uint32, bool) {
	if len(pps) < 2 || avcType(pps) != h264.NALUTypePPS {
		return 0, false
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(pps[1:], &pos)
	return id, err == nil && id < 256
}
