package media

import "github.com/cuelight/cuelight/sync/clock"

// Frame is one access unit of one track: a picture, or one frame of sound.
//
// PTS and DTS are unwrapped and on one time base for all tracks of a session.
// Nobody changes Units after handing a frame on; whoever keeps a frame may
// keep its bytes.
type Frame struct {
	Track int
	PTS   clock.Ticks // when it is shown
	DTS   clock.Ticks // when it is decoded; never decreases within a track
	// Key says that decoding can start here. Always true for audio.
	Key bool
	// Units are
	//   - H.264, HEVC: the NAL units of the picture, without start codes or
	//     length prefixes;
	//   - AV1: the OBUs of the temporal unit, each with its header and without
	//     its size field, no temporal delimiter;
	//   - AAC: the one raw access unit (no ADTS header);
	//   - Opus: the one packet, of any duration that its TOC byte says.
	Units [][]byte
}

// Size returns the coded size in bytes.
func (f Frame) Size() int {
	n := 0
	for _, u := range f.Units {
		n += len(u)
	}
	return n
}
