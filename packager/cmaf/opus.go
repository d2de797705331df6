package cmaf

import (
	"encoding/binary"
	"fmt"

	"github.com/cuelight/cuelight/internal/media"
)

// opusLayout says how the channels of a stream are coded: so many streams, the
// first of them in stereo, and where each loudspeaker's sound is.
type opusLayout struct {
	streams, coupled byte
	mapping          string
}

// opusLayouts are those of mapping family 1, by number of channels.
// Spec: RFC 7845 §5.1.1.2.
var opusLayouts = [...]opusLayout{
	1: {1, 0, "\x00"},
	2: {1, 1, "\x00\x01"},
	3: {2, 1, "\x00\x02\x01"},
	4: {2, 2, "\x00\x01\x02\x03"},
	5: {3, 2, "\x00\x04\x01\x02\x03"},
	6: {4, 2, "\x00\x04\x01\x02\x03\x05"},
	7: {4, 3, "\x00\x04\x01\x02\x03\x05\x06"},
	8: {5, 3, "\x00\x06\x01\x02\x03\x04\x05\x07"},
}

// OpusStreams returns how many Opus streams a packet for so many channels
// holds, 0 when there is no such layout.
func OpusStreams(channels int) int {
	if channels < 1 || channels >= len(opusLayouts) {
		return 0
	}
	return int(opusLayouts[channels].streams)
}

// dOps is the decoder configuration of Opus.
// Spec: Encapsulation of Opus in ISO Base Media File Format §4.3.2.
func dOps(c *media.Opus) ([]byte, error) {
	if OpusStreams(c.Channels) == 0 || c.PreSkip < 0 || c.PreSkip > 0xFFFF {
		return nil, fmt.Errorf("opus with %d channels and a pre-skip of %d", c.Channels, c.PreSkip)
	}
	out := []byte{0, byte(c.Channels)}
	out = binary.BigEndian.AppendUint16(out, uint16(c.PreSkip))
	out = binary.BigEndian.AppendUint32(out, 48_000)
	out = append(out, 0, 0) // no gain
	if c.Channels <= 2 {
		return append(out, 0), nil
	}
	l := opusLayouts[c.Channels]
	return append(append(out, 1, l.streams, l.coupled), l.mapping...), nil
}
