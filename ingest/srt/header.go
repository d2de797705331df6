package srt

import (
	"encoding/binary"

	"github.com/datarhei/gosrt/packet"
)

// headerSize is the length of every SRT packet's header.
const headerSize = 16

// header is the head of an SRT packet, data or control.
// Spec: draft-sharabayko-srt-01 §3.
type header struct {
	control bool
	// Of control packets.
	kind, subtype uint16
	specific      uint32
	// Of data packets.
	seq     uint32                  // 31 bits
	key     packet.PacketEncryption // which key it is encrypted with, if any
	again   bool                    // not sent for the first time
	message uint32                  // 26 bits; 0 marks a packet of a filter

	timestamp uint32 // µs on the sender's clock
	to        uint32 // receiver's socket id
}

// parseHeader splits a datagram. It reports false for one that is too short.
func parseHeader(b []byte) (h header, body []byte, ok bool) {
	if len(b) < headerSize {
		return header{}, nil, false
	}
	first, second := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	h.timestamp = binary.BigEndian.Uint32(b[8:])
	h.to = binary.BigEndian.Uint32(b[12:])
	if h.control = first>>31 == 1; h.control {
		h.kind, h.subtype, h.specific = uint16(first>>16)&0x7fff, uint16(first), second
	} else {
		h.seq = first
		h.key = packet.PacketEncryption(second >> 27 & 3)
		h.again = second>>26&1 == 1
		h.message = second & (1<<26 - 1)
	}
	return h, b[headerSize:], true
}

// appendControl appends a control packet.
func appendControl(b []byte, h header, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(h.kind)<<16|uint32(h.subtype))
	b = binary.BigEndian.AppendUint32(b, h.specific)
	b = binary.BigEndian.AppendUint32(b, h.timestamp)
	b = binary.BigEndian.AppendUint32(b, h.to)
	return append(b, body...)
}

// appendData appends a data packet that is a message of its own.
func appendData(b []byte, h header, body []byte) []byte {
	const wholeMessage = 3 << 30
	second := wholeMessage | uint32(h.key)<<27 | h.message
	if h.again {
		second |= 1 << 26
	}
	b = binary.BigEndian.AppendUint32(b, h.seq)
	b = binary.BigEndian.AppendUint32(b, second)
	b = binary.BigEndian.AppendUint32(b, h.timestamp)
	b = binary.BigEndian.AppendUint32(b, h.to)
	return append(b, body...)
}

// appendLost appends ranges of sequence numbers, both ends included, as a loss
// report has them. Spec: draft-sharabayko-srt-01 appendix A.
func appendLost(b []byte, lost [][2]int64) []byte {
	const isRange = 1 << 31
	for _, r := range lost {
		from, to := uint32(r[0])&maxSeq, uint32(r[1])&maxSeq
		if from != to {
			b = binary.BigEndian.AppendUint32(b, from|isRange)
		}
		b = binary.BigEndian.AppendUint32(b, to)
	}
	return b
}

// maxSeq masks a sequence number.
const maxSeq = 1<<31 - 1
