package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// First bytes of MessagePack values. Numbers and short texts, lists and maps
// have their size in the first byte.
const (
	packFixMap  = 0x80 // + members, up to 15
	packFixList = 0x90 // + elements, up to 15
	packFixText = 0xa0 // + bytes, up to 31
	packNil     = 0xc0
	packFalse   = 0xc2
	packTrue    = 0xc3
	packFloat32 = 0xca
	packFloat64 = 0xcb
	packUint8   = 0xcc
	packUint16  = 0xcd
	packUint32  = 0xce
	packUint64  = 0xcf
	packInt8    = 0xd0
	packInt16   = 0xd1
	packInt32   = 0xd2
	packInt64   = 0xd3
	packText8   = 0xd9
	packText16  = 0xda
	packText32  = 0xdb
	packList16  = 0xdc
	packList32  = 0xdd
	packMap16   = 0xde
	packMap32   = 0xdf
	packFixNeg  = 0xe0 // −32 to −1
)

// pack adds the one JSON value in text to b as MessagePack: whole numbers as
// integers of the smallest size, others as 64-bit floats, as a player does.
// The text is what encoding/json wrote, so it is valid.
func pack(b, text []byte) ([]byte, error) {
	p := packer{in: text, out: b}
	p.value()
	if p.err == nil && p.at != len(text) {
		p.err = errPack
	}
	return p.out, p.err
}

// errPack means JSON that encoding/json does not write.
var errPack = errors.New("not plain JSON")

type packer struct {
	in  []byte
	at  int
	out []byte
	err error
}

func (p *packer) value() {
	switch p.peek() {
	case '{':
		p.list('}', packFixMap, packMap16, packMap32)
	case '[':
		p.list(']', packFixList, packList16, packList32)
	case '"':
		p.text()
	case 't':
		p.word("true", packTrue)
	case 'f':
		p.word("false", packFalse)
	case 'n':
		p.word("null", packNil)
	default:
		p.number()
	}
}

// peek returns the next byte, 0 at the end and after an error.
func (p *packer) peek() byte {
	if p.err != nil || p.at >= len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *packer) want(c byte) {
	if p.peek() != c {
		p.err = errPack
		return
	}
	p.at++
}

func (p *packer) word(text string, packed byte) {
	if !bytes.HasPrefix(p.in[p.at:], []byte(text)) {
		p.err = errPack
		return
	}
	p.at += len(text)
	p.out = append(p.out, packed)
}

// list reads an object or array. How many members it has is known only after
// them, so the head is widened then, if it must be.
func (p *packer) list(end, small, wide, widest byte) {
	p.at++
	head := len(p.out)
	p.out = append(p.out, small)
	n := 0
	for ; p.peek() != end && p.err == nil; n++ {
		if n > 0 {
			p.want(',')
		}
		if end == '}' {
			p.text()
			p.want(':')
		}
		p.value()
	}
	p.want(end)
	switch {
	case n <= 15:
		p.out[head] |= byte(n)
	case n <= math.MaxUint16:
		p.out[head] = wide
		p.out = slices.Insert(p.out, head+1, byte(n>>8), byte(n))
	default:
		p.out[head] = widest
		p.out = slices.Insert(p.out, head+1, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

func (p *packer) text() {
	p.want('"')
	if p.err != nil {
		return
	}
	from := p.at
	escaped := false
	for p.peek() != '"' && p.at < len(p.in) {
		if p.in[p.at] == '\\' {
			escaped = true
			p.at++
		}
		p.at++
	}
	if p.at >= len(p.in) {
		p.err = errPack
		return
	}
	p.at++
	if !escaped {
		p.out = packText(p.out, p.in[from:p.at-1])
		return
	}
	var text string
	p.err = json.Unmarshal(p.in[from-1:p.at], &text)
	p.out = packText(p.out, text)
}

func (p *packer) number() {
	from := p.at
	for strings.IndexByte("+-.0123456789eE", p.peek()) >= 0 {
		p.at++
	}
	text := string(p.in[from:p.at])
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		p.out = packInt(p.out, n)
		return
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		p.out = packUint(p.out, n)
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && p.err == nil {
		p.err = errPack
	}
	p.out = binary.BigEndian.AppendUint64(append(p.out, packFloat64), math.Float64bits(f))
}

func packText[T string | []byte](b []byte, s T) []byte {
	switch n := len(s); {
	case n <= 31:
		b = append(b, packFixText|byte(n))
	case n <= math.MaxUint8:
		b = append(b, packText8, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, packText16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, packText32), uint32(n))
	}
	return append(b, s...)
}

func packUint(b []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, packUint8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, packUint16), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, packUint32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, packUint64), n)
	}
}

func packInt(b []byte, n int64) []byte {
	switch {
	case n >= 0:
		return packUint(b, uint64(n))
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, packInt8, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, packInt16), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, packInt32), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, packInt64), uint64(n))
	}
}

func packChoice(b []byte, choice []int) []byte {
	switch n := len(choice); {
	case choice == nil:
		return append(b, packNil)
	case n <= 15:
		b = append(b, packFixList|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, packList16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, packList32), uint32(n))
	}
	for _, option := range choice {
		b = packInt(b, int64(option))
	}
	return b
}
