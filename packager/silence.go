package packager

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

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

// silence returns an access unit without sound, nil for a layout that is not
// one of the numbered ones. Spec: ISO/IEC 14496-3 §1.6.3.5.
func silence(c mpeg4audio.AudioSpecificConfig) []byte {
	if c.ChannelConfig == 0 || int(c.ChannelConfig) >= len(silent) {
		return nil
	}
	return []byte(silent[c.ChannelConfig])
}

// channels is how many loudspeakers a channel configuration is for.
func channels(config uint8) int {
	if config == 7 {
		return 8
	}
	return int(config)
}
