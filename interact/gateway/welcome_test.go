package gateway

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact/wire"
)

// TestWelcomeInParts: a welcome put together from the shared members and the
// viewer's own is, byte for byte, the one that the codec writes.
func TestWelcomeInParts(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", `","cues":[],"tallies":[]`, `,"cues":[],"tallies":[]`, `,"now_us":0`, `,"receipts":[]}`, "äcues\x10", "¦now_us\x00", "¤cues",
	}))
	rapid.Check(t, func(t *rapid.T) {
		var p preface
		one := wire.Welcome{Timeline: &wire.Timeline{Rev: 3, Points: [][2]int64{{1, 2}}}}
		if rapid.Bool().Draw(t, "no timeline") {
			one.Timeline = nil
		}
		for i := range rapid.IntRange(0, 20).Draw(t, "cues") {
			one.Cues = append(one.Cues, wire.Cue{ID: fmt.Sprint(i), Note: text.Draw(t, "note")})
			one.Tallies = append(one.Tallies, wire.Tally{Cue: fmt.Sprint(i), Version: rapid.Uint64().Draw(t, "version")})
		}
		one.Version, one.Role = 1, wire.RoleViewer
		for range 3 { // the second and third find the shared members written
			w := one
			w.Title, w.Participant = text.Draw(t, "title"), text.Draw(t, "participant")
			w.Token, w.Grade, w.Epoch = text.Draw(t, "token"), text.Draw(t, "grade"), text.Draw(t, "epoch")
			w.Offset = rapid.Uint64Range(0, 1<<40).Draw(t, "offset")
			for range rapid.IntRange(0, 3).Draw(t, "receipts") {
				w.Receipts = append(w.Receipts, wire.Receipt{Cue: text.Draw(t, "cue"), Seq: 7})
			}
			fill(&w)
			for _, codec := range []wire.Codec{wire.JSON, wire.Msgpack} {
				whole, err := codec.Encode(&w)
				if err != nil {
					t.Fatal(err)
				}
				want := appendFrame([]byte("x"), opcodeOf(codec), whole)
				got, err := p.appendWelcome([]byte("x"), codec, &w)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("GW36 %s: %v\n got %q\nwant %q", codec.Subprotocol(), err, got, want)
				}
			}
		}
	})
}

// TestWelcomeIsWrittenOnce: the shared members are those of the last change.
func TestWelcomeIsWrittenOnce(t *testing.T) {
	var p preface
	w := wire.Welcome{Role: wire.RoleViewer, Timeline: &wire.Timeline{Rev: 1}, Cues: []wire.Cue{{ID: "c1"}}}
	fill(&w)
	first, err := p.of(wire.JSON, &w)
	if err != nil {
		t.Fatal(err)
	}
	other := w
	other.Participant = "p2"
	if again, _ := p.of(wire.JSON, &other); again != first {
		t.Error("GW36 written again for another viewer")
	}
	for name, change := range map[string]func(*wire.Welcome){
		"GW36 timeline": func(w *wire.Welcome) { w.Timeline = &wire.Timeline{Rev: 1} },
		"GW36 cues":     func(w *wire.Welcome) { w.Cues = []wire.Cue{{ID: "c1"}} },
		"GW36 tallies":  func(w *wire.Welcome) { w.Tallies = []wire.Tally{{Cue: "c1"}} },
	} {
		w := w
		before, _ := p.of(wire.JSON, &w)
		change(&w)
		if after, err := p.of(wire.JSON, &w); err != nil || after == before {
			t.Errorf("%s: not written again (%v)", name, err)
		}
	}
}
