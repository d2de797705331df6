package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep lists and maps may be inside each other; our own
// messages need five.
const maxDepth = 16

// unpack reads one MessagePack message and returns it as JSON. It takes nil,
// booleans, numbers, valid UTF-8, lists and maps with texts as keys; nothing
// else is in a message. What it allocates is in proportion to data: a count is
// believed only as far as bytes for it are there.
//
// Errors: ErrMsgpack with the place.
func unpack(data []byte) ([]byte, error) {
	u := unpacker{in: data, out: make([]byte, 0, 2*len(data))}
	if len(data) > 0 && !isMap(data[0]) {
		return nil, fmt.Errorf("%w: it is not a map", ErrMsgpack)
	}
	u.value(0)
	if u.err == nil && u.at != len(data) {
		u.refuse("more after its end")
	}
	if u.err != nil {
		return nil, u.err
	}
	return u.out, nil
}

func isMap(c byte) bool { return c&0xf0 == packFixMap || c == packMap16 || c == packMap32 }

type unpacker struct {
	in  []byte
	at  int
	out []byte
	err error
}

func (u *unpacker) refuse(why string) {
	if u.err == nil {
		u.err = fmt.Errorf("%w: %s at byte %d", ErrMsgpack, why, u.at)
	}
}

// take returns the next n bytes, nil if they are not there.
func (u *unpacker) take(n int) []byte {
	if u.err != nil || n > len(u.in)-u.at {
		u.refuse("cut off")
		return nil
	}
	u.at += n
	return u.in[u.at-n : u.at]
}

// size reads a big-endian number of n bytes, 0 if it is not there.
func (u *unpacker) size(n int) uint64 {
	var buf [8]byte
	copy(buf[8-n:], u.take(n))
	return binary.BigEndian.Uint64(buf[:])
}

func (u *unpacker) value(depth int) {
	head := u.take(1)
	if head == nil {
		return
	}
	switch c := head[0]; {
	case c < packFixMap:
		u.out = strconv.AppendUint(u.out, uint64(c), 10)
	case c >= packFixNeg:
		u.out = strconv.AppendInt(u.out, int64(int8(c)), 10)
	case c == packNil:
		u.out = append(u.out, "null"...)
	case c == packFalse, c == packTrue:
		u.out = strconv.AppendBool(u.out, c == packTrue)
	case c >= packFloat32 && c <= packInt64:
		u.number(c)
	default:
		u.sized(c, depth)
	}
}

func (u *unpacker) number(c byte) {
	switch c {
	case packFloat32:
		u.float(float64(math.Float32frombits(uint32(u.size(4)))))
	case packFloat64:
		u.float(math.Float64frombits(u.size(8)))
	case packUint8, packUint16, packUint32, packUint64:
		u.out = strconv.AppendUint(u.out, u.size(1<<(c-packUint8)), 10)
	case packInt8:
		u.out = strconv.AppendInt(u.out, int64(int8(u.size(1))), 10)
	case packInt16:
		u.out = strconv.AppendInt(u.out, int64(int16(u.size(2))), 10)
	case packInt32:
		u.out = strconv.AppendInt(u.out, int64(int32(u.size(4))), 10)
	case packInt64:
		u.out = strconv.AppendInt(u.out, int64(u.size(8)), 10)
	}
}

// maxWhole is up to where every whole number is a float64.
const maxWhole = 1 << 53

// float writes whole numbers without a fraction, as JavaScript does, since an
// index or an instant may come as a float too.
func (u *unpacker) float(f float64) {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		u.refuse("a number that is none")
	case f == math.Trunc(f) && math.Abs(f) <= maxWhole:
		u.out = strconv.AppendInt(u.out, int64(f), 10)
	default:
		u.out = strconv.AppendFloat(u.out, f, 'g', -1, 64)
	}
}

func (u *unpacker) sized(c byte, depth int) {
	switch {
	case c&0xe0 == packFixText:
		u.text(uint64(c & 0x1f))
	case c == packText8, c == packText16, c == packText32:
		u.text(u.size(1 << (c - packText8)))
	case c&0xf0 == packFixMap:
		u.members(uint64(c&0x0f), true, depth)
	case c&0xf0 == packFixList:
		u.members(uint64(c&0x0f), false, depth)
	case c == packMap16, c == packMap32:
		u.members(u.size(2<<(c-packMap16)), true, depth)
	case c == packList16, c == packList32:
		u.members(u.size(2<<(c-packList16)), false, depth)
	default:
		u.refuse("a kind of value that messages do not have")
	}
}

func (u *unpacker) members(n uint64, isMap bool, depth int) {
	if depth >= maxDepth {
		u.refuse("lists too deep")
		return
	}
	if n > uint64(len(u.in)-u.at) {
		u.refuse("cut off")
		return
	}
	opening, closing := byte('['), byte(']')
	if isMap {
		opening, closing = '{', '}'
	}
	u.out = append(u.out, opening)
	for i := range n {
		if u.err != nil {
			return
		}
		if i > 0 {
			u.out = append(u.out, ',')
		}
		if isMap {
			u.key()
		}
		u.value(depth + 1)
	}
	u.out = append(u.out, closing)
}

func (u *unpacker) key() {
	head := u.take(1)
	if head == nil {
		return
	}
	switch c := head[0]; {
	case c&0xe0 == packFixText:
		u.text(uint64(c & 0x1f))
	case c == packText8, c == packText16, c == packText32:
		u.text(u.size(1 << (c - packText8)))
	default:
		u.refuse("a name that is no text")
	}
	u.out = append(u.out, ':')
}

func (u *unpacker) text(n uint64) {
	if n > uint64(len(u.in)-u.at) {
		u.refuse("cut off")
		return
	}
	text := u.take(int(n))
	if !utf8.Valid(text) {
		u.refuse("a text that is not UTF-8")
		return
	}
	u.out = append(u.out, '"')
	for _, c := range text {
		switch {
		case c == '"', c == '\\':
			u.out = append(u.out, '\\', c)
		case c < ' ':
			u.out = append(u.out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			u.out = append(u.out, c)
		}
	}
	u.out = append(u.out, '"')
}

const hexDigits = "0123456789abcdef"
