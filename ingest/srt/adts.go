package srt

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// adtsFrame is one AAC access unit and what its header says.
type adtsFrame struct {
	config mpeg4audio.AudioSpecificConfig
	unit   []byte
}

// adtsRates are the sample rates by index. Spec: ISO/IEC 14496-3 table 1.18.
var adtsRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// parseADTS reads the frame at the beginning of b and how long it is, and
// reports false for what is none: n is then what to skip, 0 when b ends before
// the frame does. Frames with a checksum and frames of several access units,
// which nobody makes, are skipped over or read without it.
// Spec: ISO/IEC 14496-3 §1.A.2.
func parseADTS(b []byte) (f adtsFrame, n int, ok bool) {
	const short, long = 7, 9 // header, header with checksum
	if len(b) < short {
		return adtsFrame{}, 0, false
	}
	head := long
	if b[1]&1 == 1 {
		head = short
	}
	length := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	rate := int(b[2] >> 2 & 15)
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 || rate >= len(adtsRates) || length <= head {
		return adtsFrame{}, toSync(b), false
	}
	if len(b) < length {
		return adtsFrame{}, 0, false
	}
	if b[6]&3 != 0 {
		return adtsFrame{}, length, false
	}
	channels := b[2]&1<<2 | b[3]>>6
	f.config = mpeg4audio.AudioSpecificConfig{
		Type:          mpeg4audio.ObjectType(b[2]>>6 + 1),
		SampleRate:    adtsRates[rate],
		ChannelConfig: channels,
		ChannelCount:  int(channels),
	}
	if channels == 7 {
		f.config.ChannelCount = 8
	}
	f.unit = b[head:length]
	return f, length, true
}

// toSync is how far the next frame may begin.
func toSync(b []byte) int {
	if at := bytes.IndexByte(b[1:], 0xff); at >= 0 {
		return at + 1
	}
	return len(b)
}
