package rtmp_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/cuelight/cuelight/ingest/rtmp"
)

func TestAMF(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       []any
		whole      bool
	}{
		{"plain values", "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x01\x01\x02\x00\x02ab\x05\x06", []any{1.0, true, "ab", nil, nil}, true},
		{"a long string", "\x0c\x00\x00\x00\x02ab", []any{"ab"}, true},
		{"an array whose count is wrong", "\x08\x00\x00\x00\x63\x00\x01a\x01\x00\x00\x00\x09", []any{map[string]any{"a": false}}, true},
		{"a typed object", "\x10\x00\x01T\x00\x01a\x05\x00\x00\x09", []any{map[string]any{"a": nil}}, true},
		{"a date", "\x0b\x42\x78\x00\x00\x00\x00\x00\x00\x00\x00", []any{time.UnixMilli(1649267441664).UTC()}, true},
		{"a date that is not one", "\x0b\x7f\xf8\x00\x00\x00\x00\x00\x00\x00\x00", []any{time.Time{}}, true},
		{"what comes before nonsense", "\x02\x00\x02ab\xff", []any{"ab"}, false},
		{"a string that is cut off", "\x02\x00\x09ab", nil, false},
		{"a list that is cut off", "\x0a\xff\xff\xff\xff\x05", nil, false},
	} {
		got, err := rtmp.ReadAMF([]byte(tc.body))
		if !reflect.DeepEqual(got, tc.want) || (err == nil) != tc.whole {
			t.Errorf("IG63 %s: %#v, %v; want %#v", tc.name, got, err, tc.want)
		}
	}
}

func TestAMFHasLimits(t *testing.T) {
	for name, body := range map[string][]byte{
		"deep objects": bytes.Repeat([]byte{3, 0, 1, 'a'}, 1<<20),
		"deep lists":   bytes.Repeat([]byte{0x0a, 0, 0, 0, 1}, 1<<20),
		"many values":  bytes.Repeat([]byte{5}, 1<<20),
	} {
		if _, err := rtmp.ReadAMF(body); err == nil {
			t.Errorf("IG67 %s are read", name)
		}
	}
}

func FuzzAMF(f *testing.F) {
	seed, err := amf0.Data{"onMetaData", amf0.ECMAArray{{Key: "width", Value: 1920.0}, {Key: "stereo", Value: true}}, amf0.StrictArray{"a", nil}}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("\x0b\x42\x78\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x01T\x00\x00\x09\x0c\x00\x00\x00\x01a\x07\x00\x01"))
	f.Fuzz(func(t *testing.T, body []byte) {
		values, err := rtmp.ReadAMF(body)
		if theirs, failed := amf0.Unmarshal(body); failed == nil && err != nil && len(body) < 64 {
			t.Errorf("%x is %v and %v to us", body, theirs, err)
		}
		if len(values) > len(body) {
			t.Errorf("%d values from %d bytes", len(values), len(body))
		}
	})
}
