package cmaf

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/bluenviron/gohlslib/v2/pkg/codecparams"
	hlscodecs "github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
)

// Codecs returns the CODECS value of a track, such as "avc1.4d401e", as a
// multivariant playlist and a browser's MIME type need it (R6).
//
// Errors: a codec that is not known, or parameters that are missing or too
// short. Spec: RFC 6381 §3.3; ISO/IEC 14496-15 Annex E.
func Codecs(codec media.Codec) (string, error) {
	switch codec := codec.(type) {
	case *media.H264:
		if len(codec.SPS) < 4 {
			return "", fmt.Errorf("name codec: the SPS has %d bytes", len(codec.SPS))
		}
		return "avc1." + hex.EncodeToString(codec.SPS[1:4]), nil
	case *media.HEVC:
		p, err := profileOf(codec.SPS)
		if err != nil {
			return "", fmt.Errorf("name codec: %w", err)
		}
		return p.codecs(), nil
	case *media.AV1:
		s := codecparams.Marshal(&hlscodecs.AV1{SequenceHeader: codec.SequenceHeader})
		if s == "" {
			return "", fmt.Errorf("name codec: the AV1 sequence header cannot be read")
		}
		return s, nil
	case *media.AAC:
		return "mp4a.40." + strconv.Itoa(int(objectType(codec.Config))), nil
	case *media.Opus:
		return "opus", nil
	default:
		return "", fmt.Errorf("name codec: %T is not known", codec)
	}
}

// objectType is what a decoder has to know: HE-AAC where that is signalled.
func objectType(c mpeg4audio.AudioSpecificConfig) mpeg4audio.ObjectType {
	if c.ExtensionType != 0 {
		return c.ExtensionType
	}
	return c.Type
}
