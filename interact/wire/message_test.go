package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

// sides are who sends, with the reader of the other side.
var sides = map[string]func(wire.Codec, []byte) (wire.Message, uint64, error){
	"client": func(c wire.Codec, data []byte) (wire.Message, uint64, error) {
		m, err := c.DecodeClient(data)
		return m, 0, err
	},
	"server": wire.Codec.DecodeServer,
}

// examples returns the names of a side's examples, without their endings.
func examples(t testing.TB, side string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", side, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples for %s: %v", side, err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, ".json")
	}
	return files
}

// example returns an example's bytes as the codec has them in a frame.
func example(t testing.TB, name string, codec wire.Codec) []byte {
	t.Helper()
	ending := ".json"
	if codec.Binary() {
		ending = ".hex"
	}
	data, err := os.ReadFile(name + ending)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimSpace(data)
	if !codec.Binary() {
		return data
	}
	packed, err := hex.DecodeString(string(data))
	if err != nil {
		t.Fatalf("%s%s: %v", name, ending, err)
	}
	return packed
}

// TestExamples reads every example and writes it back, byte for byte.
func TestExamples(t *testing.T) {
	for side, decode := range sides {
		for _, name := range examples(t, side) {
			for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack} {
				t.Run("W1 "+side+"/"+filepath.Base(name)+"/"+codec.Subprotocol(), func(t *testing.T) {
					want := example(t, name, codec)
					m, offset, err := decode(codec, want)
					if err != nil {
						t.Fatal(err)
					}
					got, err := codec.EncodeAt(m, offset)
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want) {
						t.Errorf("wrote\n%q\nwant\n%q", got, want)
					}
				})
			}
		}
	}
}

// TestExamplesAreAlike: an example says the same in every codec.
func TestExamplesAreAlike(t *testing.T) {
	for side, decode := range sides {
		for _, name := range examples(t, side) {
			plain, plainOffset, err := decode(wire.JSON, example(t, name, wire.JSON))
			if err != nil {
				t.Fatal(err)
			}
			packed, packedOffset, err := decode(wire.Msgpack, example(t, name, wire.Msgpack))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(plain, packed) || plainOffset != packedOffset {
				t.Errorf("W8 %s is\n%#v at %d in JSON and\n%#v at %d in MessagePack", name, plain, plainOffset, packed, packedOffset)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		unknown  bool
	}{
		{"W2 no type", `{"v":1}`, true},
		{"W2 a type of the other side", `{"t":"welcome","v":1}`, true},
		{"W2 a type nobody has", `{"t":"shrug"}`, true},
		{"W3 not JSON", `hello`, false},
		{"W3 empty", ``, false},
		{"W3 an array", `[1]`, false},
		{"W3 a field of the wrong kind", `{"t":"answer","choice":"b"}`, false},
		{"W3 a fraction where an index belongs", `{"t":"answer","choice":[0.5]}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := wire.DecodeClient([]byte(tc.in))
			if err == nil {
				t.Fatalf("accepted as %#v", m)
			}
			if got := errors.Is(err, wire.ErrUnknownType); got != tc.unknown {
				t.Errorf("unknown type = %v, want %v (%v)", got, tc.unknown, err)
			}
		})
	}
}

// TestTypeIsFoundWhereverItStands: a reader of JSON may order fields as it likes.
func TestTypeIsFoundWhereverItStands(t *testing.T) {
	for _, in := range []string{
		`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]}`,
		`{"id":"a","cue":"c","rev":1,"choice":[0],"t":"answer"}`,
		` { "t" : "answer", "id":"a","cue":"c","rev":1,"choice":[0]}`,
		`{"t":"hello","id":"a","cue":"c","rev":1,"choice":[0],"t":"answer"}`,
		`{"t":"\u0061nswer","id":"a","cue":"c","rev":1,"choice":[0]}`,
	} {
		t.Run("W1 "+in, func(t *testing.T) {
			m, err := wire.DecodeClient([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if a, ok := m.(*wire.Answer); !ok || a.ID != "a" || a.Cue != "c" {
				t.Errorf("read as %#v", m)
			}
		})
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	m, err := wire.DecodeClient([]byte(`{"t":"hello","v":1,"channel":"show","colour":"blue","nested":{"t":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if h, ok := m.(*wire.Hello); !ok || h.Channel != "show" {
		t.Errorf("W2 read as %#v", m)
	}
}

func FuzzDecodeClient(f *testing.F) {
	files, _ := filepath.Glob("testdata/client/*.json")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wire.DecodeClient(data)
		if err != nil {
			return
		}
		out, err := wire.Encode(m)
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		if !json.Valid(out) {
			t.Fatalf("wrote invalid JSON: %s", out)
		}
	})
}
