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

// Init returns the init section of a rendition with one track (M1). The
// timescale is in units per second.
//
// Errors: a codec other than *media.H264 and *media.AAC, or parameters that
// cannot be read.
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
	return rebrand(buf.Bytes())
}

func sampleEntry(codec media.Codec) (codecs.Codec, error) {
	switch codec := codec.(type) {
	case *media.H264:
		return &codecs.H264{SPS: codec.SPS, PPS: codec.PPS}, nil
	case *media.AAC:
		return &codecs.MPEG4Audio{Config: codec.Config}, nil
	default:
		return nil, fmt.Errorf("write init section: codec %T is not known", codec)
	}
}

// rebrand replaces the leading ftyp by one with the brands that HLS demands
// and CMAF players look for. Spec: rfc8216bis §3.1.2; ISO/IEC 23000-19 §7.2.
func rebrand(init []byte) ([]byte, error) {
	if len(init) < 8 || string(init[4:8]) != "ftyp" {
		return nil, fmt.Errorf("write init section: it does not begin with ftyp")
	}
	size := binary.BigEndian.Uint32(init)
	if size < 8 || int(size) > len(init) {
		return nil, fmt.Errorf("write init section: ftyp says %d bytes of %d", size, len(init))
	}
	out := make([]byte, 0, len(init)+8)
	out = box(out, "ftyp", brands("iso6", "iso6", "cmfc", "mp41")...)
	return append(out, init[size:]...), nil
}
