package rtmp

import (
	"github.com/cuelight/cuelight/internal/media"
)

// packetType is what a packet of enhanced RTMP holds. Sound has the same
// numbers as pictures for what both have. Spec: Enhanced RTMP v2, Enhanced
// Audio and Enhanced Video.
type packetType uint8

const (
	packetStart     packetType = 0 // the codec's configuration
	packetFrames    packetType = 1
	packetEnd       packetType = 2
	packetFramesX   packetType = 3 // pictures without composition time
	packetMetadata  packetType = 4 // of pictures; of sound the channels' order
	packetMPEG2TS   packetType = 5 // a descriptor instead of a configuration
	videoMultitrack packetType = 6
	audioMultitrack packetType = 5
	packetModEx     packetType = 7
)

// Kinds of multitrack packet.
const (
	oneTrack = iota
	manyTracks
	manyTracksManyCodecs
)

// maxPackets is how many one message may hold.
const maxPackets = 64

// packet is what a message holds of one track.
type packet struct {
	kind   media.Kind
	track  uint8 // 0 without multitrack
	codec  any   // FourCC as a string, or the number of the FLV format as a float64
	what   packetType
	offset int32 // composition time, ms
	body   []byte
}

// Numbers of codecs in the FLV format. Spec: FLV 10.1 §E.4.
const (
	numberAVC  = 7.0
	numberHEVC = 12.0 // by custom; not in the specification
	numberAAC  = 10.0
)

// FourCCs of what is taken in.
const (
	fourAVC  = "avc1"
	fourHEVC = "hvc1"
	fourAV1  = "av01"
	fourAAC  = "mp4a"
	fourOpus = "Opus"
)

// errTag is of a tag too short for what it says it holds.
var errTag = malformed("a video or audio message is cut off")

// bytesLeft reads a tag. Reading beyond its end is noted and gives zeros.
type bytesLeft struct {
	rest  []byte
	short bool
}

func (b *bytesLeft) take(n int) []byte {
	if n > len(b.rest) {
		b.short, b.rest = true, nil
		return make([]byte, min(n, 8))
	}
	taken := b.rest[:n:n]
	b.rest = b.rest[n:]
	return taken
}

func (b *bytesLeft) byte() byte     { return b.take(1)[0] }
func (b *bytesLeft) uint16() int    { v := b.take(2); return int(v[0])<<8 | int(v[1]) }
func (b *bytesLeft) uint24() int    { return int(uint24(b.take(3))) }
func (b *bytesLeft) int24() int32   { return int32(b.uint24()<<8) >> 8 }
func (b *bytesLeft) fourCC() string { return string(b.take(4)) }

// readVideo returns what a video message holds; nothing for the commands and
// empty messages that some encoders send.
func readVideo(body []byte) ([]packet, error) {
	const infoFrame = 5
	if len(body) == 0 {
		return nil, nil
	}
	b := bytesLeft{rest: body}
	first := b.byte()
	if first&0x80 != 0 {
		return readEnhanced(&b, media.Video, packetType(first&0xf), first>>4&7 == infoFrame)
	}
	p := packet{kind: media.Video, codec: float64(first & 0xf)}
	if first>>4 == infoFrame {
		return nil, nil
	}
	if p.codec != numberAVC && p.codec != numberHEVC {
		p.what, p.body = packetFrames, b.rest
		return []packet{p}, nil
	}
	p.what, p.offset, p.body = packetType(b.byte()), b.int24(), b.rest
	if b.short {
		return nil, errTag
	}
	return []packet{p}, nil
}

// readAudio returns what an audio message holds.
func readAudio(body []byte) ([]packet, error) {
	const enhanced = 9
	if len(body) == 0 {
		return nil, nil
	}
	b := bytesLeft{rest: body}
	first := b.byte()
	if first>>4 == enhanced {
		return readEnhanced(&b, media.Audio, packetType(first&0xf), false)
	}
	p := packet{kind: media.Audio, codec: float64(first >> 4), what: packetFrames}
	if p.codec == numberAAC {
		if len(b.rest) == 0 {
			return nil, nil
		}
		p.what = packetType(b.byte())
	}
	p.body = b.rest
	return []packet{p}, nil
}

// readEnhanced reads what follows the first byte of an enhanced message.
func readEnhanced(b *bytesLeft, kind media.Kind, what packetType, command bool) ([]packet, error) {
	for what == packetModEx {
		what = b.modifier()
		if b.short {
			return nil, errTag
		}
	}
	if command && what != packetMetadata {
		return nil, nil
	}
	if kind == media.Video && what == videoMultitrack || kind == media.Audio && what == audioMultitrack {
		return readMultitrack(b, kind)
	}
	p := packet{kind: kind, what: what, codec: b.fourCC()}
	p.fill(b.rest)
	if b.short || p.what.cut() {
		return nil, errTag
	}
	return []packet{p}, nil
}

// modifier skips one ModEx, which refines the timestamp below a millisecond,
// and returns the type of packet that follows it.
func (b *bytesLeft) modifier() packetType {
	n := int(b.byte()) + 1
	if n == 256 {
		n = b.uint16() + 1
	}
	b.take(n)
	return packetType(b.byte() & 0xf)
}

func readMultitrack(b *bytesLeft, kind media.Kind) ([]packet, error) {
	first := b.byte()
	layout, what := first>>4, packetType(first&0xf)
	if layout > manyTracksManyCodecs {
		return nil, malformed("a multitrack message of kind %d", layout)
	}
	var codec string
	if layout != manyTracksManyCodecs {
		codec = b.fourCC()
	}
	var packets []packet
	for len(b.rest) > 0 || b.short {
		p, err := readTrack(b, packet{kind: kind, what: what, codec: codec}, layout)
		if err != nil {
			return nil, err
		}
		if len(packets) == maxPackets {
			return nil, malformed("more than %d tracks in one message", maxPackets)
		}
		packets = append(packets, p)
	}
	return packets, nil
}

// readTrack reads one track's part of a multitrack message.
func readTrack(b *bytesLeft, p packet, layout byte) (packet, error) {
	if layout == manyTracksManyCodecs {
		p.codec = b.fourCC()
	}
	p.track = b.byte()
	size := len(b.rest)
	if layout != oneTrack {
		size = b.uint24()
	}
	p.fill(b.take(size))
	if b.short || p.what.cut() {
		return packet{}, errTag
	}
	return p, nil
}

// packetCut marks a packet without room for its composition time.
const packetCut packetType = 0xff

func (w packetType) cut() bool { return w == packetCut }

// fill takes the composition time, where the codec has one, and the payload.
// Afterwards frames of both kinds are packetFrames.
func (p *packet) fill(body []byte) {
	b := bytesLeft{rest: body}
	if p.kind == media.Video && p.what == packetFrames && (p.codec == fourAVC || p.codec == fourHEVC) {
		p.offset = b.int24()
	}
	if p.kind == media.Video && p.what == packetFramesX {
		p.what = packetFrames
	}
	if b.short {
		p.what = packetCut
	}
	p.body = b.rest
}
