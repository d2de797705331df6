package packager

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
)

// obu is AV1.
type obu struct{ sets media.AV1 }

func (o obu) codec() media.Codec  { return &o.sets }
func (o obu) complete() bool      { return len(o.sets.SequenceHeader) > 0 }
func (obu) leans(_ [][]byte) bool { return false } // its key frames forget what was before

// Types of OBU that matter here.
// Spec: AV1 Bitstream & Decoding Process §6.2.2.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuTileList          = 8
	obuPadding           = 15
)

func obuType(u []byte) byte {
	if len(u) == 0 {
		return obuPadding
	}
	return u[0] >> 3 & 0xF
}

func (o obu) with(units [][]byte) coding {
	for _, u := range units {
		if obuType(u) == obuSequenceHeader && !bytes.Equal(u, o.sets.SequenceHeader) {
			return obu{media.AV1{SequenceHeader: u}}
		}
	}
	return nil
}

func (o obu) describe() (size, error) {
	var s av1.SequenceHeader
	if err := s.Unmarshal(o.sets.SequenceHeader); err != nil {
		return size{}, fmt.Errorf("read sequence header: %w", err)
	}
	return size{width: s.Width(), height: s.Height()}, nil
}

// sample keeps the sequence header: a sync sample has to hold one.
// Spec: AV1 Codec ISO Media File Format Binding §2.4.
func (o obu) sample(units [][]byte) ([]byte, error) {
	kept := make([][]byte, 0, len(units))
	for _, u := range units {
		switch obuType(u) {
		case obuTemporalDelimiter, obuTileList, obuPadding:
			continue
		}
		kept = append(kept, u)
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return cmaf.OBUs(kept)
}
