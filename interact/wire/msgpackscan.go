package wire

import (
	"encoding/binary"
	"math"
)

// packedScan reads MessagePack of one known form. The first byte that does not
// fit ends it.
type packedScan struct {
	all []byte
	at  int
	bad bool
}

// has reads text if that is what follows.
func (s *packedScan) has(text string) bool {
	if s.bad || len(s.all)-s.at < len(text) || string(s.all[s.at:s.at+len(text)]) != text {
		return false
	}
	s.at += len(text)
	return true
}

func (s *packedScan) want(text string) {
	if !s.has(text) {
		s.bad = true
	}
}

// done says whether all of the message did fit.
func (s *packedScan) done() bool { return !s.bad && s.at == len(s.all) }

func (s *packedScan) next() byte {
	if s.bad || s.at >= len(s.all) {
		s.bad = true
		return 0
	}
	s.at++
	return s.all[s.at-1]
}

// members reads the head of a small map.
func (s *packedScan) members() int {
	c := s.next()
	if c&0xf0 != packFixMap {
		s.bad = true
	}
	return int(c & 0x0f)
}

// text reads a text of ASCII, at most 255 bytes.
func (s *packedScan) text() span {
	n := 0
	switch c := s.next(); {
	case c&0xe0 == packFixText:
		n = int(c & 0x1f)
	case c == packText8:
		n = int(s.next())
	default:
		s.bad = true
	}
	if s.bad || n > len(s.all)-s.at {
		s.bad = true
		return span{}
	}
	found := span{s.at, s.at + n}
	for _, c := range found.of(s.all) {
		if c >= 0x80 {
			s.bad = true
		}
	}
	s.at = found.to
	return found
}

// sized reads a big-endian number of n bytes.
func (s *packedScan) sized(n int) uint64 {
	if s.bad || n > len(s.all)-s.at {
		s.bad = true
		return 0
	}
	var buf [8]byte
	copy(buf[8-n:], s.all[s.at:s.at+n])
	s.at += n
	return binary.BigEndian.Uint64(buf[:])
}

// natural reads an unsigned integer of any size.
func (s *packedScan) natural() uint64 {
	switch c := s.next(); {
	case c < packFixMap:
		return uint64(c)
	case c >= packUint8 && c <= packUint64:
		return s.sized(1 << (c - packUint8))
	default:
		s.bad = true
		return 0
	}
}

// integer reads an integer of any size that fits.
func (s *packedScan) integer() int64 {
	if s.bad || s.at >= len(s.all) {
		s.bad = true
		return 0
	}
	switch c := s.all[s.at]; {
	case c >= packFixNeg:
		s.at++
		return int64(int8(c))
	case c >= packInt8 && c <= packInt64:
		s.at++
		n := 1 << (c - packInt8)
		shift := 64 - 8*n
		return int64(s.sized(n)<<shift) >> shift
	}
	n := s.natural()
	if n > math.MaxInt64 {
		s.bad = true
	}
	return int64(n)
}

// index reads an integer that fits an int on every machine.
func (s *packedScan) index() int {
	n := s.integer()
	if int64(int32(n)) != n {
		s.bad = true
	}
	return int(n)
}

// choice reads a list of 1 to 15 integers.
func (s *packedScan) choice(into []int) []int {
	c := s.next()
	n := int(c & 0x0f)
	if c&0xf0 != packFixList || n == 0 {
		s.bad = true
		return nil
	}
	for range n {
		into = append(into, s.index())
	}
	return into
}
