package whip

import (
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/pion/rtp"

	"github.com/cuelight/cuelight/internal/media"
)

// decoder makes access units of packets that are in order and complete. It
// returns an error until one is whole.
type decoder interface {
	Decode(packet *rtp.Packet) ([][]byte, error)
}

// newDecoder returns a decoder that has seen nothing. A codec that is none of
// these is never offered to it.
func newDecoder(codec media.Codec) decoder {
	switch codec.(type) {
	case *media.H264:
		return &rtph264.Decoder{PacketizationMode: 1}
	case *media.HEVC:
		return new(rtph265.Decoder)
	case *media.AV1:
		return av1Decoder{new(rtpav1.Decoder)}
	}
	return opusDecoder{}
}

// unfinished reports whether err only says that packets are still to come.
func unfinished(err error) bool {
	return err == rtph264.ErrMorePacketsNeeded || err == rtph265.ErrMorePacketsNeeded || err == rtpav1.ErrMorePacketsNeeded
}

// opusDecoder takes a packet as it is. Spec: RFC 7587 §4.2.
type opusDecoder struct{}

func (opusDecoder) Decode(packet *rtp.Packet) ([][]byte, error) {
	return [][]byte{packet.Payload}, nil
}

// av1Decoder leaves out what belongs to the transport. Spec: AV1 RTP §5.
type av1Decoder struct {
	*rtpav1.Decoder
}

func (d av1Decoder) Decode(packet *rtp.Packet) ([][]byte, error) {
	units, err := d.Decoder.Decode(packet)
	if err != nil {
		return nil, err
	}
	var kept [][]byte
	for _, u := range units {
		if u = plainOBU(u); u != nil {
			kept = append(kept, u)
		}
	}
	return kept, nil
}

// The OBUs that say nothing inside a temporal unit. Spec: AV1 §6.2.2.
const (
	obuTileList av1.OBUType = 8
	obuPadding  av1.OBUType = 15
)

// plainOBU returns an OBU without its size field, nil for one that is not
// wanted or makes no sense. Spec: AV1 §5.3.2.
func plainOBU(u []byte) []byte {
	if len(u) == 0 {
		return nil
	}
	switch kind := av1.OBUType(u[0] >> 3 & 0xf); kind {
	case av1.OBUTypeTemporalDelimiter, obuTileList, obuPadding:
		return nil
	}
	const extension, hasSize = 0x04, 0x02
	if u[0]&hasSize == 0 {
		return u
	}
	header := 1
	if u[0]&extension != 0 {
		header = 2
	}
	if len(u) <= header {
		return nil
	}
	var size av1.LEB128
	n, err := size.Unmarshal(u[header:])
	if err != nil || len(u)-header-n < int(size) {
		return nil
	}
	plain := append([]byte{u[0] &^ hasSize}, u[1:header]...)
	return append(plain, u[header+n:header+n+int(size)]...)
}
