package packager

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// silent holds one AAC-LC access unit without sound for every channel
// configuration, made with ffmpeg's encoder from digital silence. They have no
// scale factor bands, so they fit every sample rate and frame length.
var silent = [...]string{
	1: "\x01\x18\x20\x07",
	2: "\x21\x10\x04\x60\x8c\x1c",
	3: "\x01\x18\x20\x01\x08\x80\x23\x04\x60\xe0",
	4: "\x01\x18\x20\x01\x08\x80\x23\x04\x60\x03\x18\x20\x07",
	5: "\x01\x18\x20\x01\x08\x80\x23\x04\x60\x23\x10\x04\x60\x8c\x1c",
	6: "\x01\x18\x20\x01\x08\x80\x23\x04\x60\x23\x10\x04\x60\x8c\x0c\x23\x00\x00\xe0",
	7: "\x01\x18\x20\x01\x08\x80\x23\x04\x60\x23\x10\x04\x60\x8c\x04\xa2\x00\x8c\x11\x81\x84\x60\x00\x1c",
}

// aacSilence returns an access unit without sound, nil for a layout that is not
// one of the numbered ones. Spec: ISO/IEC 14496-3 §1.6.3.5.
func aacSilence(c mpeg4audio.AudioSpecificConfig) []byte {
	if c.ChannelConfig == 0 || int(c.ChannelConfig) >= len(silent) {
		return nil
	}
	return []byte(silent[c.ChannelConfig])
}

// aacChannels is how many loudspeakers a configuration is for.
func aacChannels(c mpeg4audio.AudioSpecificConfig) int {
	switch {
	case c.ChannelConfig == 7:
		return 8
	case c.ExtensionType == mpeg4audio.ObjectTypePS:
		return 2
	}
	return int(c.ChannelConfig)
}

// opusSilence returns a packet of 20 ms without sound: in every stream a mono
// CELT frame whose silence flag is set. All streams but the last say how long
// they are. Spec: RFC 6716 §3.1, §4.3, Appendix B.
func opusSilence(streams int) []byte {
	const toc, frame = "\xf8", "\xff\xfe"
	delimited := []byte(toc + "\x02" + frame)
	return append(bytes.Repeat(delimited, streams-1), toc+frame...)
}
