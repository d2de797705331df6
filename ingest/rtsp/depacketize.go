package rtsp

import (
	"errors"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpfragmented"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"
)

// decoder makes access units of packets: the units of one picture, or sounds.
type decoder func(*rtp.Packet) ([][]byte, error)

// decoderFor returns a new decoder, nil for a format that is not taken.
func decoderFor(f format.Format) decoder {
	switch f := f.(type) {
	case *format.H264:
		return decoding(f.CreateDecoder())
	case *format.H265:
		return decoding(f.CreateDecoder())
	case *format.AV1:
		return decoding(f.CreateDecoder())
	case *format.MPEG4Audio:
		return decoding(f.CreateDecoder())
	case *format.Opus:
		if d, err := f.CreateDecoder(); err == nil {
			return func(r *rtp.Packet) ([][]byte, error) { return one(d.Decode(r)) }
		}
	case *format.MPEG4AudioLATM:
		if d, err := f.CreateDecoder(); err == nil {
			return func(r *rtp.Packet) ([][]byte, error) { return latm(f.StreamMuxConfig, d, r) }
		}
	}
	return nil
}

func decoding(d interface {
	Decode(*rtp.Packet) ([][]byte, error)
}, err error) decoder {
	if err != nil {
		return nil
	}
	return d.Decode
}

var errEmpty = errors.New("an empty access unit")

// one refuses an empty packet: Opus has none.
func one(unit []byte, err error) ([][]byte, error) {
	if err == nil && len(unit) == 0 {
		err = errEmpty
	}
	return [][]byte{unit}, err
}

// latm takes the first layer of the first program out of an audioMuxElement.
// Spec: RFC 6416; ISO/IEC 14496-3 §1.7.3.
func latm(config *mpeg4audio.StreamMuxConfig, d *rtpfragmented.Decoder, r *rtp.Packet) ([][]byte, error) {
	data, err := d.Decode(r)
	if err != nil {
		return nil, err
	}
	e := mpeg4audio.AudioMuxElement{StreamMuxConfig: config}
	if err := e.Unmarshal(data); err != nil {
		return nil, err
	}
	var units [][]byte
	for _, sub := range e.Payloads {
		if len(sub) > 0 && len(sub[0]) > 0 && len(sub[0][0]) > 0 {
			units = append(units, sub[0][0])
		}
	}
	if units == nil {
		return nil, errEmpty
	}
	return units, nil
}

// wantsMore reports whether a decoder has no complete access unit yet.
func wantsMore(err error) bool {
	return errors.Is(err, rtph264.ErrMorePacketsNeeded) || errors.Is(err, rtph265.ErrMorePacketsNeeded) ||
		errors.Is(err, rtpav1.ErrMorePacketsNeeded) || errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded) ||
		errors.Is(err, rtpfragmented.ErrMorePacketsNeeded)
}
