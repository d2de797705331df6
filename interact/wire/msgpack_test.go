package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/cuelight/cuelight/interact/wire"
)

// TestMsgpackForOthers: another implementation reads what we write as the map
// that JSON has.
func TestMsgpackForOthers(t *testing.T) {
	for side, decode := range sides {
		for _, name := range examples(t, side) {
			m, offset, err := decode(wire.JSON, example(t, name, wire.JSON))
			if err != nil {
				t.Fatal(err)
			}
			packed, err := wire.Msgpack.EncodeAt(m, offset)
			if err != nil {
				t.Fatal(err)
			}
			var fields map[string]any
			if err := msgpack.Unmarshal(packed, &fields); err != nil {
				t.Fatalf("W8 %s: another reader says %v", name, err)
			}
			if fields["t"] != m.Type() {
				t.Errorf("W8 %s: another reader finds the type %v", name, fields["t"])
			}
			// And its writing, with other sizes and another order, is read.
			var again bytes.Buffer
			enc := msgpack.NewEncoder(&again)
			enc.SetSortMapKeys(true)
			if err := enc.Encode(fields); err != nil {
				t.Fatal(err)
			}
			back, backOffset, err := decode(wire.Msgpack, again.Bytes())
			if err != nil || backOffset != offset || !reflect.DeepEqual(back, m) {
				t.Errorf("W8 %s came back as %#v at %d, %v; want %#v at %d", name, back, backOffset, err, m, offset)
			}
		}
	}
}

func TestMsgpackRefuses(t *testing.T) {
	// A message that would be taken, but for what stands in its last field.
	with := func(value string) string { return "\x84\xa1t\xa5hello\xa1v\x01\xa7channel\xa1s\xa1x" + value }
	deep := func(n int) string { return with(strings.Repeat("\x91", n) + "\xc0") }
	for _, tc := range []struct {
		name, in string
		unknown  bool
	}{
		{"W3 empty", "", false},
		{"W3 no map", "\x91\x01", false},
		{"W3 a number", "\x07", false},
		{"W3 JSON", `{"t":"hello"}`, false},
		{"W3 cut off", with("\xa5cut"), false},
		{"W3 more after its end", with("\xc0") + "\xc0", false},
		{"W3 a name that is no text", "\x81\x01\xa5hello", false},
		{"W3 bytes", with("\xc4\x01x"), false},
		{"W3 an extension", with("\xd4\x01x"), false},
		{"W3 a timestamp", with("\xd6\xff\x00\x00\x00\x00"), false},
		{"W3 a reserved first byte", with("\xc1"), false},
		{"W3 a text that is not UTF-8", with("\xa1\xff"), false},
		{"W3 not a number", with("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), false},
		{"W3 an infinite number", with("\xca\x7f\x80\x00\x00"), false},
		{"W3 a fraction where an index belongs", "\x82\xa1t\xa6answer\xa6choice\x91\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00", false},
		{"W3 a field of the wrong kind", "\x82\xa1t\xa6answer\xa6choice\xa1b", false},
		{"W9 lists too deep", deep(16), false},
		{"W9 lists endlessly deep", deep(4000), false},
		{"W9 a list of more than there is", with("\xdd\xff\xff\xff\xff\xc0"), false},
		{"W9 a map of more than there is", with("\xdf\xff\xff\xff\xff\xc0"), false},
		{"W9 a text of more than there is", with("\xdb\xff\xff\xff\xff\xc0"), false},
		{"W2 no type", "\x81\xa1v\x01", true},
		{"W2 a type of the other side", "\x81\xa1t\xa7welcome", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := wire.Msgpack.DecodeClient([]byte(tc.in))
			if err == nil {
				t.Fatalf("accepted as %#v", m)
			}
			if got := errors.Is(err, wire.ErrUnknownType); got != tc.unknown {
				t.Errorf("unknown type = %v, want %v (%v)", got, tc.unknown, err)
			}
		})
	}
	for _, in := range []string{deep(15), with("\xc0"), with("\xca\x3f\x00\x00\x00"), with("\xd3\xff\xff\xff\xff\xff\xff\xff\xfe")} {
		if _, err := wire.Msgpack.DecodeClient([]byte(in)); err != nil {
			t.Errorf("W2 refused %q for a field nobody knows: %v", in, err)
		}
	}
}

// TestMsgpackWholeFloats: JavaScript has one kind of number, so an index may
// come as a float.
func TestMsgpackWholeFloats(t *testing.T) {
	in := "\x86\xa1t\xa6answer\xa2id\xa1a\xa3cue\xa1c\xa3rev\xca\x40\x00\x00\x00\xa6choice\x91\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00" +
		"\xa5at_us\xcb\x43\x19\x83\xa9\xdd\xe1\xd4\xd0"
	m, err := wire.Msgpack.DecodeClient([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := m.(*wire.Answer); !ok || a.Rev != 2 || len(a.Choice) != 1 || a.Choice[0] != 1 || a.At == 0 {
		t.Errorf("W8 read as %#v", m)
	}
}

// hostile are messages that promise more than they hold.
func hostile() [][]byte {
	fill := func(head string, n int, piece string) []byte {
		return append([]byte(head), strings.Repeat(piece, n/len(piece))...)
	}
	const n = 3600
	return [][]byte{
		fill("\x82\xa1t\xa6answer\xa6choice\xdc\x0e\x10", n, "\x00"),
		fill("\x82\xa1t\xa6answer\xa6choice\xdd\xff\xff\xff\xff", n, "\x00"),
		fill("\x82\xa1t\xa6answer\xa6choice", n, "\xdd\xff\xff\xff\xff"),
		fill("\x82\xa1t\xa6answer\xa6choice", n, "\x9f"),
		fill("\xdf\xff\xff\xff\xff\xa1t\xa6answer", n, "\xa1a\xc0"),
		fill("\x82\xa1t\xa6answer\xa2id\xda\x0e\x10", n, "\x01"),
		fill("\x82\xa1t\xa6answer\xa2id\xdb\x00\x00\x0e\x10", n, `"`),
	}
}

// TestHostileMsgpackIsCheap: no message of a client's size makes the server
// allocate more than a small multiple of it.
func TestHostileMsgpackIsCheap(t *testing.T) {
	for i, data := range hostile() {
		const runs = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			wire.Msgpack.DecodeClient(data)
		}
		runtime.ReadMemStats(&after)
		if per := (after.TotalAlloc - before.TotalAlloc) / runs; per > 48*uint64(len(data)) {
			t.Errorf("W9 message %d of %d bytes allocates %d", i, len(data), per)
		}
	}
}

func FuzzDecodeMsgpack(f *testing.F) {
	for _, side := range []string{"client", "server"} {
		for _, name := range examples(f, side) {
			f.Add(example(f, name, wire.Msgpack))
		}
	}
	for _, data := range hostile() {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, decode := range sides {
			m, offset, err := decode(wire.Msgpack, data)
			if err != nil {
				continue
			}
			again, err := wire.Msgpack.EncodeAt(m, offset)
			if err != nil {
				t.Fatalf("W8 decoded but cannot be encoded: %v", err)
			}
			back, backOffset, err := decode(wire.Msgpack, again)
			if err != nil || backOffset != offset || !reflect.DeepEqual(back, m) {
				t.Fatalf("W8 came back as %#v at %d, %v; want %#v at %d", back, backOffset, err, m, offset)
			}
		}
	})
}
