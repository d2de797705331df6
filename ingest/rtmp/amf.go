package rtmp

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// Markers of values. Spec: AMF 0 §2.1.
const (
	amfNumber      = 0x00
	amfBoolean     = 0x01
	amfString      = 0x02
	amfObject      = 0x03
	amfNull        = 0x05
	amfUndefined   = 0x06
	amfReference   = 0x07
	amfArray       = 0x08 // with keys
	amfEnd         = 0x09
	amfStrictArray = 0x0a
	amfDate        = 0x0b
	amfLongString  = 0x0c
	amfUnsupported = 0x0d
	amfXML         = 0x0f
	amfTyped       = 0x10
)

const (
	// maxAMFDepth is how deep values may be inside each other, and maxAMFValues
	// how many there may be in all.
	maxAMFDepth  = 16
	maxAMFValues = 4096
)

var (
	errAMFShort = errors.New("an AMF value is cut off")
	errAMFDepth = errors.New("AMF values are nested too deep or too many")
	errAMFKind  = errors.New("an AMF value of a kind that is not known")
)

// object is an AMF object or an array with keys. Of equal keys the last counts.
type object map[string]any

func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

func (o object) number(key string) float64 {
	f, _ := o[key].(float64)
	return f
}

// amf reads AMF 0 values. It belongs to one goroutine.
type amf struct {
	rest   []byte
	depth  int
	values int
}

// readAMF returns the values of a message as float64, bool, string, object,
// []any, time.Time or nil. On an error it returns those before the bad one.
func readAMF(body []byte) ([]any, error) {
	a := amf{rest: body}
	var values []any
	for len(a.rest) > 0 {
		v, err := a.value()
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (a *amf) value() (any, error) {
	if a.depth++; a.depth > maxAMFDepth {
		return nil, errAMFDepth
	}
	defer func() { a.depth-- }()
	if a.values++; a.values > maxAMFValues {
		return nil, errAMFDepth
	}
	marker, err := a.take(1)
	if err != nil {
		return nil, err
	}
	switch marker[0] {
	case amfNumber:
		return a.number()
	case amfBoolean:
		b, err := a.take(1)
		return err == nil && b[0] != 0, err
	case amfString:
		return a.text(2)
	case amfLongString, amfXML:
		return a.text(4)
	case amfNull, amfUndefined, amfUnsupported:
		return nil, nil
	case amfReference:
		_, err := a.take(2)
		return nil, err
	case amfDate:
		return a.date()
	}
	return a.compound(marker[0])
}

func (a *amf) compound(marker byte) (any, error) {
	switch marker {
	case amfObject:
		return a.object()
	case amfTyped:
		if _, err := a.text(2); err != nil {
			return nil, err
		}
		return a.object()
	case amfArray:
		if _, err := a.take(4); err != nil { // a count that writers get wrong
			return nil, err
		}
		return a.object()
	case amfStrictArray:
		return a.list()
	}
	return nil, errAMFKind
}

func (a *amf) object() (object, error) {
	o := make(object)
	for {
		key, err := a.text(2)
		if err != nil {
			return nil, err
		}
		if key == "" && len(a.rest) > 0 && a.rest[0] == amfEnd {
			a.rest = a.rest[1:]
			return o, nil
		}
		if o[key], err = a.value(); err != nil {
			return nil, err
		}
	}
}

func (a *amf) list() ([]any, error) {
	b, err := a.take(4)
	if err != nil {
		return nil, err
	}
	var list []any
	for range binary.BigEndian.Uint32(b) {
		v, err := a.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (a *amf) number() (float64, error) {
	b, err := a.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// date is milliseconds since 1970 and a time zone that nobody fills in.
func (a *amf) date() (time.Time, error) {
	ms, err := a.number()
	if err != nil {
		return time.Time{}, err
	}
	if _, err := a.take(2); err != nil {
		return time.Time{}, err
	}
	const farthest = 1e14 // the year 5138; NaN is not within it
	if !(math.Abs(ms) < farthest) {
		return time.Time{}, nil
	}
	return time.UnixMicro(int64(ms * 1000)).UTC(), nil
}

// text reads a string with a length of 2 or 4 bytes.
func (a *amf) text(size int) (string, error) {
	b, err := a.take(size)
	if err != nil {
		return "", err
	}
	n := 0
	for _, digit := range b {
		n = n<<8 | int(digit)
	}
	b, err = a.take(n)
	return string(b), err
}

func (a *amf) take(n int) ([]byte, error) {
	if n > len(a.rest) {
		return nil, errAMFShort
	}
	b := a.rest[:n]
	a.rest = a.rest[n:]
	return b, nil
}
