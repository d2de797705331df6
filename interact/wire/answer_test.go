package wire_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

var codecs = []wire.Codec{wire.JSON, wire.Msgpack}

// short says whether the short way of reading takes an answer or a receipt.
func short(codec wire.Codec, data []byte) (answer, receipt bool) {
	if codec.Binary() {
		_, answer = wire.UnpackAnswer(data)
		_, receipt = wire.UnpackReceipt(data)
		return answer, receipt
	}
	_, answer = wire.ScanAnswer(data)
	_, receipt = wire.ScanReceipt(data)
	return answer, receipt
}

// TestOurOwnAnswersTakeTheShortWay: what Go and the player write is read
// without encoding/json.
func TestOurOwnAnswersTakeTheShortWay(t *testing.T) {
	for _, codec := range codecs {
		for _, name := range []string{"answer", "answer_several", "answer_without_clock"} {
			if answer, _ := short(codec, example(t, "testdata/client/"+name, codec)); !answer {
				t.Errorf("W10 %s %s takes the long way", codec.Subprotocol(), name)
			}
		}
		for _, name := range []string{"receipt", "receipt_changed"} {
			if _, receipt := short(codec, example(t, "testdata/server/"+name, codec)); !receipt {
				t.Errorf("W10 %s %s takes the long way", codec.Subprotocol(), name)
			}
		}
	}
}

// text draws short texts of all kinds, plain ones most often.
func text() *rapid.Generator[string] {
	return rapid.OneOf(rapid.StringMatching(`[a-z0-9-]{0,40}`), rapid.StringN(0, 300, -1), rapid.SampledFrom([]string{
		"", `"`, `\`, "<&>", "\x00\x1f\x7f", "\u2028", "é🎬", strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 256),
	}))
}

func options() *rapid.Generator[[]int] {
	return rapid.OneOf(rapid.SliceOfN(rapid.IntRange(0, 7), 1, 1), rapid.SliceOfN(rapid.Int(), 0, 20), rapid.Just([]int(nil)))
}

func answers() *rapid.Generator[*wire.Answer] {
	return rapid.Custom(func(t *rapid.T) *wire.Answer {
		return &wire.Answer{
			ID: text().Draw(t, "id"), Cue: text().Draw(t, "cue"), Rev: rapid.Int().Draw(t, "rev"), Choice: options().Draw(t, "choice"),
			At: clock.Instant(rapid.Int64().Draw(t, "at")), Dispersion: rapid.Int64().Draw(t, "disp"),
		}
	})
}

func receipts() *rapid.Generator[*wire.Receipt] {
	return rapid.Custom(func(t *rapid.T) *wire.Receipt {
		return &wire.Receipt{
			ID: text().Draw(t, "id"), Cue: text().Draw(t, "cue"), Choice: options().Draw(t, "choice"), Seq: rapid.Uint64().Draw(t, "seq"),
			At: clock.Instant(rapid.Int64().Draw(t, "at")), Level: rapid.SampledFrom([]string{"memory", "log", "replicated", "élan"}).Draw(t, "level"),
			Changes: rapid.IntRange(0, 300).Draw(t, "changes"),
		}
	})
}

// TestAnswersComeBack: whatever is written by hand is read back as it was, by
// both ways.
func TestAnswersComeBack(t *testing.T) {
	for _, codec := range codecs {
		t.Run("W10 "+codec.Subprotocol(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := answers().Draw(t, "answer")
				data, err := codec.Append([]byte("kept"), want)
				if err != nil || string(data[:4]) != "kept" {
					t.Fatalf("wrote %q, %v", data, err)
				}
				data = data[4:]
				if got, err := codec.DecodeClient(data); err != nil || !reflect.DeepEqual(got, wire.Message(want)) {
					t.Fatalf("read %#v, %v; want %#v", got, err, want)
				}
				if got, err := long(codec, data, true); err != nil || !reflect.DeepEqual(got, wire.Message(want)) {
					t.Fatalf("the long way read %#v, %v; want %#v", got, err, want)
				}
			})
		})
	}
}

func TestReceiptsComeBack(t *testing.T) {
	for _, codec := range codecs {
		t.Run("W10 "+codec.Subprotocol(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := receipts().Draw(t, "receipt")
				data, err := codec.Encode(want)
				if err != nil {
					t.Fatal(err)
				}
				if got, offset, err := codec.DecodeServer(data); err != nil || offset != 0 || !reflect.DeepEqual(got, wire.Message(want)) {
					t.Fatalf("read %#v at %d, %v; want %#v", got, offset, err, want)
				}
				if got, err := long(codec, data, false); err != nil || !reflect.DeepEqual(got, wire.Message(want)) {
					t.Fatalf("the long way read %#v, %v; want %#v", got, err, want)
				}
			})
		})
	}
}

func TestRefusalsComeBack(t *testing.T) {
	for _, codec := range codecs {
		t.Run("W10 "+codec.Subprotocol(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := &wire.Refused{ID: text().Draw(t, "id"), Cue: text().Draw(t, "cue"), Code: "late", Message: text().Draw(t, "message")}
				data, err := codec.Encode(want)
				if err != nil {
					t.Fatal(err)
				}
				if got, _, err := codec.DecodeServer(data); err != nil || !reflect.DeepEqual(got, wire.Message(want)) {
					t.Fatalf("read %#v, %v; want %#v", got, err, want)
				}
			})
		})
	}
}

// long reads data without the short way.
func long(codec wire.Codec, data []byte, client bool) (wire.Message, error) {
	switch {
	case codec.Binary() && client:
		return wire.ReadMsgpackClient(data)
	case codec.Binary():
		return wire.ReadMsgpackServer(data)
	case client:
		return wire.ReadJSONClient(data)
	default:
		return wire.ReadJSONServer(data)
	}
}

// agree fails if the codec's ways of reading data differ in what they take or
// in what they make of it.
func agree(t *testing.T, codec wire.Codec, data []byte) {
	t.Helper()
	before := slices.Clone(data)
	quick, errQuick := codec.DecodeClient(data)
	slow, errSlow := long(codec, data, true)
	if (errQuick == nil) != (errSlow == nil) || errQuick == nil && !reflect.DeepEqual(quick, slow) {
		t.Errorf("W10 client's %q is\n%#v, %v the short way and\n%#v, %v the long way", data, quick, errQuick, slow, errSlow)
	}
	quick, _, errQuick = codec.DecodeServer(data)
	slow, errSlow = long(codec, data, false)
	if errQuick == nil && !reflect.DeepEqual(quick, slow) {
		t.Errorf("W10 server's %q is\n%#v the short way and\n%#v, %v the long way", data, quick, slow, errSlow)
	}
	if errSlow == nil && errQuick != nil && !strings.Contains(errQuick.Error(), "off") && !strings.Contains(errQuick.Error(), "ParseUint") {
		t.Errorf("W10 server's %q is refused the short way: %v", data, errQuick)
	}
	if !slices.Equal(before, data) {
		t.Errorf("reading changed the data")
	}
}

// edges are answers just inside and just outside the form of the short way.
var edges = []string{
	`{"t":"answer","id":"","cue":"","rev":0,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":null}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0,]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]}}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0]} `,
	`{"t":"answer","id":"a","cue":"c","rev":01,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":-0,"choice":[-0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":-,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1e3,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1.0,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":99999999999999999999,"choice":[0]}`,
	`{"t":"answer","id":"a","cue":"c","rev":3000000000,"choice":[9223372036854775807]}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0],"at_us":9223372036854775807,"disp_us":-9223372036854775808}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0],"disp_us":1,"at_us":2}`,
	`{"t":"answer","id":"a","cue":"c","rev":1,"choice":[0],"at_us":1,"at_us":2}`,
	`{"t":"answer","id":"a\"","cue":"c","rev":1,"choice":[0]}`,
	`{"t":"answer","id":"\u0061","cue":"c","rev":1,"choice":[0]}`,
	`{"t":"answer","id":"é","cue":"c","rev":1,"choice":[0]}`,
	"{\"t\":\"answer\",\"id\":\"\xff\",\"cue\":\"c\",\"rev\":1,\"choice\":[0]}",
	"{\"t\":\"answer\",\"id\":\"\x01\",\"cue\":\"\x7f\",\"rev\":1,\"choice\":[0]}",
	`{"t":"answer","id":"\"t\"","cue":"c","rev":1,"choice":[0],"T":"hello"}`,
	`{"t":"receipt","id":"","cue":"c","choice":[0],"seq":-0,"at_us":-0,"level":"log"}`,
	`{"t":"receipt","cue":"c","choice":[0],"seq":18446744073709551615,"at_us":1,"level":"log","changes":1,"off":7}`,
	`{"t":"receipt","id":"a","cue":"c","choice":[0],"seq":-1,"at_us":1,"level":"log"}`,
}

func TestWaysOfReadingAgree(t *testing.T) {
	for _, in := range edges {
		agree(t, wire.JSON, []byte(in))
	}
	for _, side := range []string{"client", "server"} {
		for _, name := range examples(t, side) {
			for _, codec := range codecs {
				data := example(t, name, codec)
				agree(t, codec, data)
				for n := range data {
					agree(t, codec, data[:n])
					changed := slices.Clone(data)
					changed[n] ^= 1
					agree(t, codec, changed)
				}
			}
		}
	}
}

func TestAnswersAreReadWithFewAllocations(t *testing.T) {
	for _, codec := range codecs {
		answer := example(t, "testdata/client/answer", codec)
		if n := testing.AllocsPerRun(100, func() { codec.DecodeClient(answer) }); n > 2 {
			t.Errorf("W10 %s allocates %v times for an answer, want the message and its texts", codec.Subprotocol(), n)
		}
		receipt := &wire.Receipt{ID: "a7f3", Cue: "c1", Choice: []int{1}, Seq: math.MaxUint64, At: 1795410003250000, Level: "log"}
		buf := make([]byte, 0, 512)
		if n := testing.AllocsPerRun(100, func() { codec.Append(buf, receipt) }); n > 0 {
			t.Errorf("W10 %s allocates %v times for a receipt written into a buffer, want 0", codec.Subprotocol(), n)
		}
	}
}

func FuzzWaysOfReadingJSON(f *testing.F) {
	for _, in := range edges {
		f.Add([]byte(in))
	}
	for _, side := range []string{"client", "server"} {
		for _, name := range examples(f, side) {
			f.Add(example(f, name, wire.JSON))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, wire.JSON, data) })
}

func FuzzWaysOfReadingMsgpack(f *testing.F) {
	for _, side := range []string{"client", "server"} {
		for _, name := range examples(f, side) {
			f.Add(example(f, name, wire.Msgpack))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, wire.Msgpack, data) })
}

func BenchmarkDecodeAnswer(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.Subprotocol(), func(b *testing.B) {
			data := example(b, "testdata/client/answer", codec)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.DecodeClient(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeReceipt(b *testing.B) {
	for _, codec := range codecs {
		b.Run(codec.Subprotocol(), func(b *testing.B) {
			m := &wire.Receipt{ID: "a7f3", Cue: "c1", Choice: []int{1}, Seq: 311, At: 1795410003250000, Level: "log"}
			buf := make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = codec.Append(buf[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
