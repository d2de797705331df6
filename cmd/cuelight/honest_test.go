package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/cue"
)

// TestHonestShow: what a viewer who takes a connection apart can send, and what
// it gains by it. docs/producing.md lists the rest.
func TestHonestShow(t *testing.T) {
	s := onAir(t, "channels: {show: {open: true}}\n")
	encode(t, "-f", "flv", "rtmp://"+s.address(t, "rtmp")+"/live/show")
	s.live(t, "show")
	const cues = "/api/v1/channels/show/cues"
	id := s.post(t, cues, `{"kind":"poll","title":"Tea or coffee?","options":["Tea","Coffee"],"window_ms":20000}`).ID
	draft := s.post(t, cues, `{"kind":"poll","title":"Later?","options":["Yes","No"],"window_ms":20000}`).ID

	ann, bob := s.visit(t, wire.Hello{}), s.visit(t, wire.Hello{})
	first, second := hears[*wire.Welcome](ann), hears[*wire.Welcome](bob)
	if first.Participant == second.Participant {
		t.Fatal("two devices are one participant")
	}
	s.post(t, cues+"/"+id+"/take", "{}")
	until(t, "the opening", func() string { return s.state(t, id) }, func(state string) bool { return state == "open" })
	open := s.instant(t, id)
	until(t, "a person's reaction", func() time.Duration { return time.Since(open) }, func(since time.Duration) bool { return since > 3*cue.MinReaction })

	refused := func(v *visitor, a *wire.Answer, want interact.Code) {
		t.Helper()
		v.say(a)
		if r := hears[*wire.Refused](v); r.Code != string(want) {
			t.Errorf("EN9 refused as %s, want %s: %s", r.Code, want, r.Message)
		}
	}
	// Index and window: no cue but the one on air, no option but its own.
	refused(ann, &wire.Answer{ID: "ahead", Cue: draft, Rev: 1, Choice: []int{0}}, interact.CodeUnknownCue)
	refused(ann, &wire.Answer{ID: "beyond", Cue: id, Rev: 1, Choice: []int{2}}, interact.CodeUnknownOption)

	// First-write lock: what was counted stays, however it is said again.
	captured := &wire.Answer{ID: "a1", Cue: id, Rev: 1, Choice: []int{0}}
	ann.say(captured)
	receipt := hears[*wire.Receipt](ann)
	ann.say(&wire.Answer{ID: "a2", Cue: id, Rev: 1, Choice: []int{1}})
	if r := hears[*wire.Receipt](ann); r.Seq != receipt.Seq || len(r.Choice) != 1 || r.Choice[0] != 0 {
		t.Errorf("IN1 a second answer got %+v, the first %+v", r, receipt)
	}

	// Replay: the captured frame is a retry for whoever it came from, and for
	// anybody else that one's own answer. It never speaks for another.
	ann.say(captured)
	if r := hears[*wire.Receipt](ann); r.Seq != receipt.Seq {
		t.Errorf("AD13 a captured answer sent again is counted as %d, it was %d", r.Seq, receipt.Seq)
	}
	bob.say(captured)
	theirs := hears[*wire.Receipt](bob)
	if theirs.Seq == receipt.Seq {
		t.Errorf("AD13 bob has ann's receipt %+v", theirs)
	}
	bob.say(&wire.Answer{ID: "b2", Cue: id, Rev: 1, Choice: []int{1}})
	if r := hears[*wire.Receipt](bob); r.Seq != theirs.Seq {
		t.Errorf("IN1 bob counts twice: %+v and %+v", theirs, r)
	}

	// On another connection with ann's token it is ann who asks again.
	again := s.visit(t, wire.Hello{Token: first.Token})
	if w := hears[*wire.Welcome](again); w.Participant != first.Participant || len(w.Receipts) != 1 {
		t.Errorf("AD1 ann came back as %s with %d receipts", w.Participant, len(w.Receipts))
	}
	again.say(&wire.Answer{ID: "a3", Cue: id, Rev: 1, Choice: []int{1}})
	if r := hears[*wire.Receipt](again); r.Seq != receipt.Seq || r.Choice[0] != 0 {
		t.Errorf("IN1 on another connection ann got %+v", r)
	}

	var tally wire.Tally
	if status := s.call(t, http.MethodGet, cues+"/"+id+"/tally", "", &tally); status != http.StatusOK {
		t.Fatalf("tally: %d", status)
	}
	if tally.Total != 2 || tally.Counts[0] != 2 || tally.Counts[1] != 0 {
		t.Errorf("IN2 the count is %+v, want ann's and bob's first answers", tally)
	}
}
