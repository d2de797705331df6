package rtsp

import (
	"strconv"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// maxBits is the widest field of an AU header. Spec: RFC 3640 §4.1.
const maxBits = 16

// readable reports whether reading a session description ends without a panic.
// What is wrong with it otherwise the library says.
func readable(body []byte) (ok bool) {
	defer func() { ok = recover() == nil }()
	if sdp, err := sdpunmarshaler.Unmarshal(body); err == nil {
		_ = new(description.Session).Unmarshal2(sdp)
	}
	return true
}

// track is one announced track.
type track struct {
	id     int // from 1
	medium *description.Media
	format format.Format
	codec  media.Codec
	rate   int // RTP clock, Hz
	decode decoder
}

// tracksOf reads an ANNOUNCE. Sections that are neither video nor audio are
// refused too: nothing may be set up that is not taken.
//
// Errors: *ingest.Error.
func tracksOf(desc *description.Session) ([]*track, error) {
	if n := len(desc.Medias); n == 0 || n > ingest.MaxTracks {
		return nil, ingest.Errorf(ingest.CodeUnsupportedCodec, "%d tracks: send at least one and at most %d", n, ingest.MaxTracks)
	}
	var tracks []*track
	for i, m := range desc.Medias {
		if len(m.Formats) != 1 {
			return nil, ingest.Errorf(ingest.CodeUnsupportedCodec, "a track with %d formats: announce one for each track", len(m.Formats))
		}
		t := &track{id: i + 1, medium: m, format: m.Formats[0]}
		if err := t.setCodec(); err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	return tracks, nil
}

func (t *track) setCodec() error {
	switch f := t.format.(type) {
	case *format.H264:
		return t.setVideo(new(media.H264), "the video track cannot be read: use H.264 packetization-mode 1", f.SPS, f.PPS)
	case *format.H265:
		return t.setVideo(new(media.HEVC), "the video track cannot be read: send HEVC in decoding order, sprop-max-don-diff=0", f.VPS, f.SPS, f.PPS)
	case *format.AV1:
		return t.setVideo(new(media.AV1), "the video track cannot be read")
	case *format.Opus:
		t.codec, t.rate = &media.Opus{Channels: f.ChannelCount}, f.ClockRate()
		t.reset()
		return nil
	case *format.MPEG4Audio:
		return t.setAAC(f)
	case *format.MPEG4AudioLATM:
		return t.setLATM(f)
	}
	return ingest.Unsupported(nameOf(t.format))
}

// nameOf is what people call a codec that is not taken.
func nameOf(f format.Format) string {
	switch f.(type) {
	case *format.MPEG1Audio:
		return "MPEG-1/2 audio (MP2, MP3)"
	case *format.MPEG1Video:
		return "MPEG-1/2 video"
	case *format.MPEG4Video:
		return "MPEG-4 part 2 video"
	case *format.Generic:
		return "codec " + strconv.QuoteToASCII(f.RTPMap())
	}
	return f.Codec()
}

// reset forgets what has been collected of an access unit.
func (t *track) reset() {
	if d := decoderFor(t.format); d != nil {
		t.decode = d
	}
}

func (t *track) setVideo(codec media.Codec, hint string, sets ...[]byte) error {
	if t.reset(); t.decode == nil {
		return ingest.Errorf(ingest.CodeMalformed, "%s", hint)
	}
	if !hasEmpty(sets) {
		ingest.Learn(codec, sets)
	}
	t.codec, t.rate = codec, t.format.ClockRate()
	return nil
}

func hasEmpty(sets [][]byte) bool {
	for _, s := range sets {
		if len(s) == 0 {
			return true
		}
	}
	return false
}

func (t *track) setAAC(f *format.MPEG4Audio) error {
	if f.SizeLength > maxBits || f.IndexLength > maxBits || f.IndexDeltaLength > maxBits {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has AU headers wider than %d bits: use mode AAC-hbr", maxBits)
	}
	return t.setSound(f.Config)
}

// setLATM takes AAC in LATM whose configuration the description gives.
func (t *track) setLATM(f *format.MPEG4AudioLATM) error {
	if f.CPresent || f.StreamMuxConfig == nil {
		return ingest.Errorf(ingest.CodeMalformed, "the LATM audio track gives its configuration in the stream: send it in the description, cpresent=0")
	}
	for _, p := range f.StreamMuxConfig.Programs {
		for _, l := range p.Layers {
			return t.setSound(l.AudioSpecificConfig)
		}
	}
	return ingest.Errorf(ingest.CodeMalformed, "the LATM audio track has no configuration")
}

func (t *track) setSound(config *mpeg4audio.AudioSpecificConfig) error {
	if t.reset(); t.decode == nil || config == nil || config.SampleRate <= 0 {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has no AAC configuration")
	}
	t.codec, t.rate = &media.AAC{Config: *config}, t.format.ClockRate()
	if ext := config.ExtensionSampleRate; ext > 0 { // RTP counts what is heard
		t.rate = ext
	}
	return nil
}
