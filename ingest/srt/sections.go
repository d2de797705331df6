package srt

import "encoding/binary"

// sections puts the sections of one PID's tables together.
// Spec: ISO/IEC 13818-1 §2.4.4.
type sections struct {
	buf  []byte
	next uint8 // continuity counter
}

const (
	sectionHead = 3
	// maxSection is the longest section of a PAT or PMT.
	maxSection = 1024
)

// take returns the sections that the packet completes and whose checksum is
// right. They are valid until the next call.
func (s *sections) take(p tsPacket) (whole [][]byte) {
	body := p.payload
	if p.continuity != s.next {
		s.buf = s.buf[:0]
	}
	s.next = (p.continuity + 1) & 15
	if p.starts {
		if len(body) == 0 || 1+int(body[0]) > len(body) {
			s.buf = s.buf[:0]
			return nil
		}
		pointer := int(body[0])
		if len(s.buf) > 0 {
			s.buf = append(s.buf, body[1:1+pointer]...)
			whole = s.cut(whole)
		}
		s.buf, body = nil, body[1+pointer:]
	} else if len(s.buf) == 0 {
		return nil
	}
	s.buf = append(s.buf, body...)
	return s.cut(whole)
}

// cut takes complete sections off the buffer.
func (s *sections) cut(whole [][]byte) [][]byte {
	const stuffing = 0xff
	for len(s.buf) >= sectionHead && s.buf[0] != stuffing {
		n := sectionHead + int(binary.BigEndian.Uint16(s.buf[1:])&0xfff)
		if n > maxSection {
			break
		}
		if len(s.buf) < n {
			return whole
		}
		if crc32(s.buf[:n]) == 0 {
			whole = append(whole, s.buf[:n])
		}
		s.buf = s.buf[n:]
	}
	s.buf = nil
	return whole
}

// crc32 is 0 over a section with its checksum. Spec: ISO/IEC 13818-1 annex A.
func crc32(b []byte) uint32 {
	const polynomial = 0x04c11db7
	crc := ^uint32(0)
	for _, x := range b {
		crc ^= uint32(x) << 24
		for range 8 {
			if crc>>31 == 1 {
				crc = crc<<1 ^ polynomial
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// tsPacket is one MPEG-TS packet. Spec: ISO/IEC 13818-1 §2.4.3.2.
type tsPacket struct {
	pid        uint16
	starts     bool // a PES packet or section begins in it
	broken     bool // marked so on the way
	scrambled  bool
	continuity uint8
	// jumps says that its PID's clock or counter begins anew.
	jumps   bool
	payload []byte
}

// parsePacket reads a packet of 188 bytes.
func parsePacket(b []byte) tsPacket {
	p := tsPacket{
		pid:        uint16(b[1]&0x1f)<<8 | uint16(b[2]),
		starts:     b[1]&0x40 != 0,
		broken:     b[1]&0x80 != 0,
		scrambled:  b[3]&0xc0 != 0,
		continuity: b[3] & 15,
	}
	at := 4
	if b[3]&0x20 != 0 {
		at += 1 + int(b[4])
		p.jumps = b[4] > 0 && b[5]&0x80 != 0
	}
	if b[3]&0x10 != 0 && at < len(b) {
		p.payload = b[at:]
	}
	return p
}
