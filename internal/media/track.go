package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Kind tells pictures from sound.
type Kind uint8

// The kinds of track.
const (
	Video Kind = iota + 1
	Audio
)

// String returns "video" or "audio".
func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// Codec describes how a track is coded: *H264 or *AAC.
type Codec interface {
	Kind() Kind
	// Name is the name people use: "H.264", "AAC".
	Name() string
}

// H264 is Advanced Video Coding. SPS and PPS are raw NAL units without start
// codes; both are needed before a track can be packaged.
// Spec: ITU-T H.264.
type H264 struct {
	SPS, PPS []byte
}

// Kind returns Video.
func (*H264) Kind() Kind { return Video }

// Name returns "H.264".
func (*H264) Name() string { return "H.264" }

// AAC is MPEG-4 audio. One access unit is 1024 samples unless Config says 960.
// Spec: ISO/IEC 14496-3.
type AAC struct {
	Config mpeg4audio.AudioSpecificConfig
}

// Kind returns Audio.
func (*AAC) Kind() Kind { return Audio }

// Name returns "AAC".
func (*AAC) Name() string { return "AAC" }

// Track is one elementary stream of a publisher session.
type Track struct {
	// ID is unique within the session and is what Frame.Track refers to.
	ID    int
	Codec Codec
}
