package cmaf

import (
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/cuelight/cuelight/internal/media"
)

// TrackID is the number of the one track in every init section and fragment.
const TrackID = 1

// Init returns the init section of a rendition with one track (M1, M6). The
// timescale is in units per second.
//
// Errors: a codec that is not known, or parameters that cannot be read.
func Init(codec media.Codec, timescale uint32) ([]byte, error) {
	c, err := sampleEntry(codec)
	if err != nil {
		return nil, err
	}
	var buf seekablebuffer.Buffer
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: TrackID, TimeScale: timescale, Codec: c}}}
	if err := init.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("write init section: %w", err)
	}
	// The brands that HLS demands and CMAF players look for.
	// Spec: rfc8216bis §3.1.2; ISO/IEC 23000-19 §7.2.
	out, err := edit(buf.Bytes(), []string{"ftyp"}, func([]byte) []byte {
		return brands("iso6", "iso6", "cmfc", "mp41")
	})
	if err == nil {
		out, err = complete(out, codec)
	}
	if err != nil {
		return nil, fmt.Errorf("write init section: %w", err)
	}
	return out, nil
}

func sampleEntry(codec media.Codec) (codecs.Codec, error) {
	switch codec := codec.(type) {
	case *media.H264:
		return &codecs.H264{SPS: codec.SPS, PPS: codec.PPS}, nil
	case *media.HEVC:
		return &codecs.H265{VPS: codec.VPS, SPS: codec.SPS, PPS: codec.PPS}, nil
	case *media.AV1:
		return &codecs.AV1{SequenceHeader: codec.SequenceHeader}, nil
	case *media.AAC:
		return &codecs.MPEG4Audio{Config: codec.Config}, nil
	case *media.Opus:
		return &codecs.Opus{ChannelCount: codec.Channels}, nil
	default:
		return nil, fmt.Errorf("write init section: codec %T is not known", codec)
	}
}

// entries is the path to the sample entry.
var entries = [...]string{"moov", "trak", "mdia", "minf", "stbl", "stsd"}

// complete writes what the sample entries of mediacommon leave out.
func complete(init []byte, codec media.Codec) ([]byte, error) {
	switch codec := codec.(type) {
	case *media.HEVC:
		config, err := hvcC(codec)
		if err != nil {
			return nil, err
		}
		return edit(init, append(entries[:], "hvc1", "hvcC"), func([]byte) []byte { return config })
	case *media.Opus:
		config, err := dOps(codec)
		if err != nil {
			return nil, err
		}
		return edit(init, append(entries[:], "Opus", "dOps"), func([]byte) []byte { return config })
	case *media.AAC:
		rate := codec.Config.ExtensionSampleRate
		if rate == 0 || rate > 0xFFFF { // 16 bits: the decoder configuration says it anyway
			return init, nil
		}
		return edit(init, append(entries[:], "mp4a"), func(entry []byte) []byte {
			binary.BigEndian.PutUint16(entry[24:], uint16(rate))
			return entry
		})
	}
	return init, nil
}
