package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

// TestExamples reads every example and writes it back, byte for byte.
func TestExamples(t *testing.T) {
	for side, decode := range map[string]func([]byte) (wire.Message, error){
		"client": wire.DecodeClient,
		"server": wire.DecodeServer,
	} {
		files, err := filepath.Glob(filepath.Join("testdata", side, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no examples for %s: %v", side, err)
		}
		for _, file := range files {
			t.Run("W1 "+side+"/"+filepath.Base(file), func(t *testing.T) {
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				want = bytes.TrimSpace(want)
				m, err := decode(want)
				if err != nil {
					t.Fatal(err)
				}
				got, err := wire.Encode(m)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("wrote\n%s\nwant\n%s", got, want)
				}
			})
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

func BenchmarkDecodeAnswer(b *testing.B) {
	data, err := os.ReadFile("testdata/client/answer.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeClient(data); err != nil {
			b.Fatal(err)
		}
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
