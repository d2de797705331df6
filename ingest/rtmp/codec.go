package rtmp

import (
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// Names of what encoders send or announce and we do not take. Numbers are of
// the FLV file format, annex E.4; text is a FourCC of enhanced RTMP.
var (
	videoNames = map[any]string{
		2.0: "Sorenson H.263 video", 3.0: "Screen video", 4.0: "VP6 video", 5.0: "VP6 video with alpha",
		6.0: "Screen video 2", "vp09": "VP9 video", "vp08": "VP8 video", "vvc1": "VVC video",
	}
	audioNames = map[any]string{
		1.0: "ADPCM audio", 2.0: "MP3 audio", 3.0: "PCM audio", 4.0: "Nellymoser audio", 5.0: "Nellymoser audio", 6.0: "Nellymoser audio",
		7.0: "G.711 audio", 8.0: "G.711 audio", 11.0: "Speex audio", 14.0: "MP3 audio",
		".mp3": "MP3 audio", "fLaC": "FLAC audio", "ac-3": "AC-3 audio", "ec-3": "E-AC-3 audio",
	}
)

// taken are the codecs that are supported, by number or FourCC.
var taken = map[media.Kind]map[any]string{
	media.Video: {numberAVC: fourAVC, fourAVC: fourAVC, numberHEVC: fourHEVC, fourHEVC: fourHEVC, fourAV1: fourAV1},
	media.Audio: {numberAAC: fourAAC, fourAAC: fourAAC, fourOpus: fourOpus},
}

// nameOf names what we do not take; what is not in the table is named by its id.
func nameOf(kind media.Kind, id any) string {
	table := videoNames
	if kind == media.Audio {
		table = audioNames
	}
	if name := table[id]; name != "" {
		return name
	}
	return fmt.Sprintf("%s codec %q", kind, fmt.Sprint(id))
}

// format is how a track's frames are written, beyond what media.Codec says.
type format struct {
	// lengthSize is how many bytes say how long an H.264 or HEVC unit is.
	lengthSize int
}

// configure reads a codec's configuration as RTMP carries it. The codec is nil
// when it holds nothing. Parameter sets that are missing come with a key frame.
//
// Errors: *ingest.Error with CodeMalformed.
func configure(codec string, body []byte) (media.Codec, format, error) {
	if len(body) == 0 && codec != fourOpus {
		return nil, format{}, nil // some encoders send an empty one first
	}
	switch codec {
	case fourAVC:
		return configureAVC(body)
	case fourHEVC:
		return configureHEVC(body)
	case fourAV1:
		c, err := configureAV1(body)
		return c, format{}, err
	case fourOpus:
		c, err := configureOpus(body)
		return c, format{}, err
	}
	c := new(media.AAC)
	if err := c.Config.Unmarshal(body); err != nil {
		return nil, format{}, malformed("the AAC configuration makes no sense")
	}
	return c, format{}, nil
}

// configureAVC reads an AVCDecoderConfigurationRecord.
// Spec: ISO/IEC 14496-15 §5.3.3.1.
func configureAVC(body []byte) (media.Codec, format, error) {
	b := bytesLeft{rest: body}
	b.take(4)
	f := format{lengthSize: int(b.byte()&3) + 1}
	c := new(media.H264)
	c.SPS = b.units(int(b.byte() & 0x1f))
	c.PPS = b.units(int(b.byte()))
	if b.short || c.SPS == nil || c.PPS == nil {
		return nil, f, malformed("the H.264 configuration has no parameter sets")
	}
	return c, f, nil
}

// configureHEVC reads an HEVCDecoderConfigurationRecord.
// Spec: ISO/IEC 14496-15 §8.3.3.1.
func configureHEVC(body []byte) (media.Codec, format, error) {
	b := bytesLeft{rest: body}
	b.take(21)
	f := format{lengthSize: int(b.byte()&3) + 1}
	c := new(media.HEVC)
	for range int(b.byte()) {
		kind := h265.NALUType(b.byte() & 0x3f)
		unit := b.units(b.uint16())
		switch kind {
		case h265.NALUType_VPS_NUT:
			c.VPS = unit
		case h265.NALUType_SPS_NUT:
			c.SPS = unit
		case h265.NALUType_PPS_NUT:
			c.PPS = unit
		}
	}
	if b.short {
		return nil, f, malformed("the HEVC configuration is cut off")
	}
	return c, f, nil
}

// units reads n parameter sets and returns the first, nil if it is empty.
func (b *bytesLeft) units(n int) (first []byte) {
	for i := range n {
		if b.short {
			return nil
		}
		unit := b.take(b.uint16())
		if i == 0 && len(unit) > 0 {
			first = unit
		}
	}
	return first
}

// configureAV1 reads an AV1CodecConfigurationRecord.
// Spec: AV1 Codec ISO Media File Format Binding §2.3.
func configureAV1(body []byte) (media.Codec, error) {
	const markerAndVersion, header = 0x81, 4
	if len(body) < header || body[0] != markerAndVersion {
		return nil, malformed("the AV1 configuration makes no sense")
	}
	units, err := splitOBUs(body[header:])
	if err != nil {
		return nil, err
	}
	c := new(media.AV1)
	for _, u := range units {
		if u[0]>>3&0xf == obuSequenceHeader {
			c.SequenceHeader = u
		}
	}
	return c, nil
}

// configureOpus reads an identification header, with or without its magic.
// None is stereo. Spec: RFC 7845 §5.1.
func configureOpus(body []byte) (media.Codec, error) {
	const magic = "OpusHead"
	c := &media.Opus{Channels: 2}
	if len(body) == 0 {
		return c, nil
	}
	b := bytesLeft{rest: body}
	if len(body) >= len(magic) && string(body[:len(magic)]) == magic {
		b.take(len(magic))
	}
	b.byte() // version
	c.Channels = int(b.byte())
	skip, rate := b.take(2), b.take(4)
	c.PreSkip = int(binary.LittleEndian.Uint16(skip))
	if binary.BigEndian.Uint32(rate) < binary.LittleEndian.Uint32(rate) {
		// A widespread library writes the numbers the wrong way round. Sample
		// rates are small either way.
		c.PreSkip = int(binary.BigEndian.Uint16(skip))
	}
	if b.short || c.Channels < 1 || c.Channels > 8 {
		return nil, malformed("the Opus configuration makes no sense")
	}
	return c, nil
}

// sameConfig reports whether two configurations of one kind of sound are equal.
func sameConfig(a, b media.Codec) bool {
	switch a := a.(type) {
	case *media.AAC:
		other, ok := b.(*media.AAC)
		return ok && a.Config == other.Config
	case *media.Opus:
		other, ok := b.(*media.Opus)
		return ok && *a == *other
	}
	return false
}
