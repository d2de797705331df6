package packager

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
)

// UnsupportedError refuses a publisher whose tracks cannot be packaged. Its
// text says what the encoder should send instead.
type UnsupportedError struct {
	Track  int    // ID of the track; 0 when it is about all of them
	Codec  string // name of its codec, if it has one
	Reason string
}

func (e *UnsupportedError) Error() string {
	if e.Codec == "" {
		return "unsupported tracks: " + e.Reason
	}
	return fmt.Sprintf("unsupported track %d (%s): %s", e.Track, e.Codec, e.Reason)
}

// choose picks the one track of pictures and the one of sound that are
// packaged: the first of each kind. Further ones are ignored.
func choose(tracks []media.Track) (video, audio *media.Track, err error) {
	for i := range tracks {
		t := &tracks[i]
		switch codec := t.Codec.(type) {
		case *media.H264:
			if video == nil {
				video, err = t, checkH264(t.ID, codec)
			}
		case *media.AAC:
			if audio == nil {
				audio, err = t, checkAAC(t.ID, codec)
			}
		case nil:
			err = &UnsupportedError{Track: t.ID, Codec: "unknown", Reason: "send H.264 pictures and AAC sound"}
		default:
			err = &UnsupportedError{Track: t.ID, Codec: codec.Name(), Reason: "send H.264 pictures and AAC sound"}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if video == nil && audio == nil {
		return nil, nil, &UnsupportedError{Reason: "there are none; send H.264 pictures and AAC sound"}
	}
	return video, audio, nil
}

// checkH264 accepts a track without parameter sets: they may still come with
// the first key frame.
func checkH264(id int, codec *media.H264) error {
	if codec.SPS == nil && codec.PPS == nil {
		return nil
	}
	_, err := pictureOf(codec.SPS, codec.PPS)
	if err != nil {
		return &UnsupportedError{Track: id, Codec: codec.Name(), Reason: err.Error()}
	}
	return nil
}

func checkAAC(id int, codec *media.AAC) error {
	c := codec.Config
	switch {
	case c.Type != mpeg4audio.ObjectTypeAACLC:
		return &UnsupportedError{Track: id, Codec: codec.Name(), Reason: fmt.Sprintf("object type %d; send AAC-LC or HE-AAC", c.Type)}
	case silence(c) == nil:
		return &UnsupportedError{Track: id, Codec: codec.Name(), Reason: fmt.Sprintf("channel layout %d; send mono, stereo, 5.1 or 7.1", c.ChannelConfig)}
	case c.SampleRate < 8_000 || c.SampleRate > 96_000:
		return &UnsupportedError{Track: id, Codec: codec.Name(), Reason: fmt.Sprintf("%d Hz; send 48000 or 44100 Hz", c.SampleRate)}
	}
	return nil
}

// picture is the format of H.264 pictures: what an init section says of them.
type pictureFormat struct {
	sps, pps      []byte
	ppsID         uint32
	width, height int
	rate          float64 // what the encoder says, pictures per second; 0 if it does not
}

func pictureOf(sps, pps []byte) (pictureFormat, error) {
	var s h264.SPS
	if err := s.Unmarshal(sps); err != nil {
		return pictureFormat{}, fmt.Errorf("read SPS: %w", err)
	}
	id, ok := parameterID(pps)
	if !ok {
		return pictureFormat{}, fmt.Errorf("read PPS: it has no id")
	}
	f := pictureFormat{sps: sps, pps: pps, ppsID: id, width: s.Width(), height: s.Height(), rate: s.FPS()}
	if f.width <= 0 || f.height <= 0 {
		return pictureFormat{}, fmt.Errorf("read SPS: pictures of %dx%d", f.width, f.height)
	}
	return f, nil
}

func (f *pictureFormat) same(g *pictureFormat) bool {
	return bytes.Equal(f.sps, g.sps) && bytes.Equal(f.pps, g.pps)
}

// codecs is the CODECS value. Spec: RFC 6381 §3.3.
func (f *pictureFormat) codecs() string {
	return "avc1." + hex.EncodeToString(f.sps[1:4])
}

// parameterID reads the id of a picture parameter set.
// Spec: ITU-T H.264 §7.3.2.2.
func parameterID(pps []byte) (uint32, bool) {
	if len(pps) < 2 || h264.NALUType(pps[0]&0x1F) != h264.NALUTypePPS {
		return 0, false
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(pps[1:], &pos)
	return id, err == nil && id < 256
}

// soundCodecs is the CODECS value of AAC. Spec: RFC 6381 §3.3.
func soundCodecs(c mpeg4audio.AudioSpecificConfig) string {
	object := c.Type
	if c.ExtensionType != 0 {
		object = c.ExtensionType // HE-AAC and HE-AAC v2 signalled as such
	}
	return fmt.Sprintf("mp4a.40.%d", object)
}

// joinCodecs joins CODECS values, leaving out empty ones.
func joinCodecs(codecs ...string) string {
	var list []string
	for _, c := range codecs {
		if c != "" {
			list = append(list, c)
		}
	}
	return strings.Join(list, ",")
}
