package srt

import (
	"encoding/binary"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"
)

// program is what a PMT says. Spec: ISO/IEC 13818-1 §2.4.4.8.
type program struct {
	version uint8
	clock   uint16 // PID of the program's clock reference
	streams []stream
}

// stream is one elementary stream of a program.
type stream struct {
	pid   uint16
	kind  uint8  // stream_type
	codec string // what people call it; empty for data
	how   coding // how we read it
	opus  int    // channels
}

// coding is how an elementary stream is read.
type coding int

const (
	ignored coding = iota // data beside the programme
	refused               // video or audio that we do not take
	h264Video
	hevcVideo
	adtsAudio
	latmAudio
	opusAudio
)

// equal reports whether another program is the same in all.
func (p program) equal(other program) bool {
	return p.version == other.version && p.clock == other.clock && p.same(other)
}

// same reports whether another program has the same streams.
func (p program) same(other program) bool { return slices.Equal(p.streams, other.streams) }

const (
	patTable, pmtTable = 0, 2
	sectionStart       = 8 // bytes before the table's own
	sectionCRC         = 4
)

// parsePAT returns the PIDs of the programs' PMTs, in order, of a section whose
// checksum is right. Spec: ISO/IEC 13818-1 §2.4.4.3.
func parsePAT(b []byte) (pmts []uint16, ok bool) {
	if len(b) < sectionStart+sectionCRC || b[0] != patTable || b[5]&1 == 0 { // to come, not current
		return nil, false
	}
	for b = b[sectionStart : len(b)-sectionCRC]; len(b) >= 4; b = b[4:] {
		if number := binary.BigEndian.Uint16(b); number != 0 { // 0 is the network's table
			pmts = append(pmts, binary.BigEndian.Uint16(b[2:])&0x1fff)
		}
	}
	return pmts, len(pmts) > 0
}

// parsePMT reads a section whose checksum is right.
func parsePMT(b []byte) (p program, ok bool) {
	const fixed = sectionStart + 4
	if len(b) < fixed+sectionCRC || b[0] != pmtTable || b[5]&1 == 0 {
		return program{}, false
	}
	p.version = b[5] >> 1 & 31
	p.clock = binary.BigEndian.Uint16(b[8:]) & 0x1fff
	about := int(binary.BigEndian.Uint16(b[10:]) & 0xfff)
	b = b[fixed : len(b)-sectionCRC]
	if about > len(b) {
		return program{}, false
	}
	for b = b[about:]; len(b) >= 5; {
		n := 5 + int(binary.BigEndian.Uint16(b[3:])&0xfff)
		if n > len(b) {
			return program{}, false
		}
		p.streams = append(p.streams, classify(b[0], binary.BigEndian.Uint16(b[1:])&0x1fff, b[5:n]))
		b = b[n:]
	}
	return p, len(p.streams) > 0
}

// byType are stream types that say all. Spec: ISO/IEC 13818-1 table 2-34 and,
// from 0x80, ATSC A/52 and A/53.
var byType = map[uint8]stream{
	0x01: {codec: "MPEG-1/2 video", how: refused},
	0x02: {codec: "MPEG-1/2 video", how: refused},
	0x03: {codec: "MPEG-1/2 audio (MP2, MP3)", how: refused},
	0x04: {codec: "MPEG-1/2 audio (MP2, MP3)", how: refused},
	0x0f: {codec: "AAC", how: adtsAudio},
	0x10: {codec: "MPEG-4 Part 2 video", how: refused},
	0x11: {codec: "AAC", how: latmAudio},
	0x1b: {codec: "H.264", how: h264Video},
	0x1c: {codec: "AAC without ADTS", how: refused},
	0x21: {codec: "JPEG 2000 video", how: refused},
	0x24: {codec: "HEVC", how: hevcVideo},
	0x32: {codec: "JPEG XS video", how: refused},
	0x33: {codec: "VVC video", how: refused},
	0x81: {codec: "AC-3 audio", how: refused},
	0x87: {codec: "E-AC-3 audio", how: refused},
	0xea: {codec: "VC-1 video", how: refused},
}

// byRegistration are private streams that say in a descriptor what they are.
var byRegistration = map[string]stream{
	"AC-3": {codec: "AC-3 audio", how: refused},
	"EAC3": {codec: "E-AC-3 audio", how: refused},
	"AC-4": {codec: "AC-4 audio", how: refused},
	"AV01": {codec: "AV1 in MPEG-TS", how: refused},
	"BSSD": {codec: "PCM audio", how: refused},
	"DTS1": {codec: "DTS audio", how: refused},
	"DTS2": {codec: "DTS audio", how: refused},
	"DTS3": {codec: "DTS audio", how: refused},
	"HEVC": {codec: "HEVC", how: hevcVideo},
}

// byDescriptor are private streams as DVB marks them. Spec: EN 300 468.
var byDescriptor = map[uint8]stream{
	0x6a: {codec: "AC-3 audio", how: refused},
	0x7a: {codec: "E-AC-3 audio", how: refused},
	0x7b: {codec: "DTS audio", how: refused},
}

const (
	privateStream          = 0x06
	registrationDescriptor = 0x05
	extensionDescriptor    = 0x7f
	opusExtension          = 0x80
)

// classify finds out what a stream is.
func classify(kind uint8, pid uint16, descriptors []byte) stream {
	s, known := byType[kind]
	registered := ""
	var opus []byte
	for b := descriptors; len(b) >= 2; {
		n := 2 + int(b[1])
		if n > len(b) {
			break
		}
		tag, body := b[0], b[2:n]
		switch d, marked := byDescriptor[tag]; {
		case tag == registrationDescriptor && len(body) >= 4:
			registered = string(body[:4])
		case tag == extensionDescriptor && len(body) > 1 && body[0] == opusExtension:
			opus = body[1:]
		case marked && kind == privateStream:
			s, known = d, true
		}
		b = b[n:]
	}
	switch r, named := byRegistration[registered]; {
	case known:
	case named:
		s = r
	case registered == "Opus":
		s = opusStream(opus)
	}
	s.kind, s.pid = kind, pid
	return s
}

// opusStream reads the channels of an Opus stream. Spec: ETSI TS Opus 0.1.3
// §4.3.
func opusStream(descriptor []byte) stream {
	var d substructs.OpusAudioDescriptor
	if d.Unmarshal(descriptor) != nil || d.ChannelCount() < 1 {
		return stream{codec: "Opus without its channels", how: refused}
	}
	return stream{codec: "Opus", how: opusAudio, opus: d.ChannelCount()}
}
