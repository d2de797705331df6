package wire_test

import (
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

func TestCodecOf(t *testing.T) {
	for _, name := range wire.Subprotocols {
		codec, ok := wire.CodecOf(name)
		if !ok || codec.Subprotocol() != name {
			t.Errorf("W8 %q has the codec %v, %v", name, codec, ok)
		}
	}
	if codec, ok := wire.CodecOf("chat"); ok {
		t.Errorf("W8 a subprotocol that is not ours has the codec %v", codec)
	}
}

// TestMessagesAreNoClockFrames: both kinds share the binary frames of a socket.
func TestMessagesAreNoClockFrames(t *testing.T) {
	if !wire.IsClock((wire.Ping{}).Append(nil)) || !wire.IsClock((wire.Pong{}).Append(nil)) {
		t.Error("W6 a clock frame is not seen as one")
	}
	for _, side := range []string{"client", "server"} {
		for _, name := range examples(t, side) {
			if wire.IsClock(example(t, name, wire.Msgpack)) {
				t.Errorf("W6 %s begins as a clock frame does", name)
			}
		}
	}
	if wire.IsClock(nil) {
		t.Error("W6 an empty frame is a clock frame")
	}
}

func TestOffset(t *testing.T) {
	tally := &wire.Tally{Cue: "c1", Version: 3, Counts: []uint64{2, 1}, Total: 3}
	for _, codec := range codecs {
		for _, want := range []uint64{0, 1, 127, 4121, 1 << 40} {
			data, err := codec.EncodeAt(tally, want)
			if err != nil {
				t.Fatal(err)
			}
			if m, got, err := codec.DecodeServer(data); err != nil || got != want || m.(*wire.Tally).Total != 3 {
				t.Errorf("W11 %s: offset %d came back as %d, %v", codec.Subprotocol(), want, got, err)
			}
			plain, err := codec.Encode(tally)
			if err != nil {
				t.Fatal(err)
			}
			if want == 0 && string(plain) != string(data) {
				t.Errorf("W11 offset 0 is written: %q", data)
			}
		}
	}
	for in, want := range map[string]uint64{
		`{"t":"removed","cue":"\"off\":3"}`:              0,
		`{"t":"removed","off":5,"cue":"c"}`:              5,
		`{"off":5,"t":"removed","cue":"c"}`:              5,
		`{"t":"removed","cue":"c","x":{"off":3}}`:        0,
		`{"t":"removed","off":4,"cue":"c","off":6}`:      6,
		`{"t":"removed","cue":"c","off":7} `:             7,
		`{"t":"removed","cue":"c","off": 8}`:             8,
		`{"t":"removed","x":{"off":3},"cue":",\"off":3}`: 0,
	} {
		m, got, err := wire.JSON.DecodeServer([]byte(in))
		if err == nil && got != want {
			t.Errorf("W11 %s has the offset %d, want %d (%#v)", in, got, want, m)
		}
	}
	for _, in := range []string{`{"t":"removed","off":-1}`, `{"t":"removed","off":"1"}`, `{"t":"removed","off":99999999999999999999}`} {
		if m, got, err := wire.JSON.DecodeServer([]byte(in)); err == nil {
			t.Errorf("W11 took %s as %#v at %d", in, m, got)
		}
	}
}
