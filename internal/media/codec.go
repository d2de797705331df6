package media

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Codec describes how a track is coded: *H264, *HEVC, *AV1, *AAC or *Opus.
type Codec interface {
	Kind() Kind
	// Name is the name people use: "H.264", "HEVC", "AV1", "AAC", "Opus".
	Name() string
}

// H264 is Advanced Video Coding. SPS and PPS are raw NAL units without start
// codes; both are needed before a track can be packaged. Both are nil when
// they come with the first key frame.
// Spec: ITU-T H.264.
type H264 struct {
	SPS, PPS []byte
}

// Kind returns Video.
func (*H264) Kind() Kind { return Video }

// Name returns "H.264".
func (*H264) Name() string { return "H.264" }

// HEVC is High Efficiency Video Coding. The parameter sets are raw NAL units
// without start codes, all nil when they come with the first key frame.
// Spec: ITU-T H.265.
type HEVC struct {
	VPS, SPS, PPS []byte
}

// Kind returns Video.
func (*HEVC) Kind() Kind { return Video }

// Name returns "HEVC".
func (*HEVC) Name() string { return "HEVC" }

// AV1 is AOMedia Video 1. SequenceHeader is the OBU with its header and
// without its size field, nil when it comes with the first key frame.
// Spec: AV1 Bitstream & Decoding Process Specification §5.5.
type AV1 struct {
	SequenceHeader []byte
}

// Kind returns Video.
func (*AV1) Kind() Kind { return Video }

// Name returns "AV1".
func (*AV1) Name() string { return "AV1" }

// AAC is MPEG-4 audio. One access unit is 1024 samples unless Config says 960.
// Spec: ISO/IEC 14496-3.
type AAC struct {
	Config mpeg4audio.AudioSpecificConfig
}

// Kind returns Audio.
func (*AAC) Kind() Kind { return Audio }

// Name returns "AAC".
func (*AAC) Name() string { return "AAC" }

// Opus is the Opus codec. Its clock is always 48 kHz.
// Spec: RFC 6716; RFC 7845 for the mapping of more than two channels.
type Opus struct {
	// Channels is 1 to 8, in the order of Vorbis.
	Channels int
	// PreSkip is how many samples at 48 kHz a decoder throws away first.
	PreSkip int
}

// Kind returns Audio.
func (*Opus) Kind() Kind { return Audio }

// Name returns "Opus".
func (*Opus) Name() string { return "Opus" }
