package interact_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// entry draws an answer of one of few people, so that many come again.
func entry(t *rapid.T) interact.Entry {
	at := clock.Instant(rapid.Int64Range(1, 1<<52).Draw(t, "credited"))
	return interact.Entry{
		Participant: rapid.StringMatching("[a-e]").Draw(t, "participant"),
		Choice:      1 << rapid.IntRange(0, 3).Draw(t, "choice"),
		Credited:    at,
		Received:    at.Add(40_000_000),
	}
}

func TestLedgerCountsEverybodyOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.Custom(entry)).Draw(t, "entries")
		l := interact.NewLedger(interact.LevelLog)
		first := make(map[string]interact.Receipt)
		for _, e := range entries {
			before := l.Tally("c1", 4)
			counted := l.Apply("c1", e)
			receipt, ok := l.Receipt("c1", e.Participant)
			if !ok {
				t.Fatalf("IN3 no receipt after %+v", e)
			}
			if was, again := first[e.Participant]; again {
				if counted || !reflect.DeepEqual(was, receipt) {
					t.Fatalf("IN3 counted %v, receipt %+v, first %+v", counted, receipt, was)
				}
			} else if !counted || receipt.Credited != e.Credited || receipt.Seq != before.Total+1 {
				t.Fatalf("IN1 first answer %+v: counted %v, receipt %+v", e, counted, receipt)
			} else {
				first[e.Participant] = receipt
			}
			after := l.Tally("c1", 4)
			if (after.Version > before.Version) != counted {
				t.Fatalf("IN4 version %d after %d, counted %v", after.Version, before.Version, counted)
			}
		}
		tally := l.Tally("c1", 4)
		var sum uint64
		for _, n := range tally.Counts {
			sum += n
		}
		if sum != tally.Total || tally.Total != uint64(len(first)) {
			t.Fatalf("IN2 tally %+v of %d participants", tally, len(first))
		}
	})
}

// TestReplayIsLive packs answers in batches of any size, repeats included, and
// folds them again from the packed form.
func TestReplayIsLive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.Custom(entry)).Draw(t, "entries")
		live, replayed := interact.NewLedger(interact.LevelLog), interact.NewLedger(interact.LevelLog)
		for rest := entries; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
			for _, e := range rest[:n] {
				live.Apply("c1", e)
			}
			back, err := interact.ParseBatch(interact.AppendBatch(nil, rest[:n]))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range back {
				replayed.Apply("c1", e)
			}
			rest = rest[n:]
		}
		if !reflect.DeepEqual(live, replayed) {
			t.Fatalf("IN2 live %+v, replayed %+v", live.Tally("c1", 4), replayed.Tally("c1", 4))
		}
	})
}

func TestLedger(t *testing.T) {
	ann := interact.Entry{Participant: "ann", Choice: 1 << 1, Credited: 5, Received: 6}
	bob := interact.Entry{Participant: "bob", Choice: 1 << 0, Credited: 7, Received: 8}
	t.Run("IN1 per cue", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		if !l.Apply("c1", ann) || !l.Apply("c2", ann) || l.Receipts() != 2 || l.Held("c1") != 1 {
			t.Error("an answer to one cue stood in the way of another")
		}
	})
	t.Run("IN4 sealing is a change, and the last", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		l.Apply("c1", ann)
		before := l.Tally("c1", 2)
		l.Seal("c1")
		if l.Apply("c1", bob) {
			t.Error("counted after the seal")
		}
		after := l.Tally("c1", 2)
		if !after.Final || after.Version <= before.Version || after.Total != 1 || before.Final {
			t.Errorf("tally %+v after %+v", after, before)
		}
		if _, ok := l.Receipt("c1", "ann"); !ok {
			t.Error("IN3 the receipt is gone")
		}
	})
	t.Run("IN4 no answers, no options lost", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		if got := l.Tally("c1", 3); len(got.Counts) != 3 || got.Total != 0 || got.Version != 0 {
			t.Errorf("tally = %+v", got)
		}
		l.Seal("c1")
		if got := l.Tally("c1", 3); !got.Final || got.Version != 1 {
			t.Errorf("tally = %+v", got)
		}
	})
	t.Run("IN5 forgetting keeps the counts and opens nothing", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		l.Apply("c1", ann)
		l.Forget("c1")
		if _, ok := l.Receipt("c1", "ann"); ok || l.Receipts() != 0 {
			t.Error("the receipt is still held")
		}
		if l.Apply("c1", ann) || l.Tally("c1", 2).Total != 1 {
			t.Errorf("counted again: %+v", l.Tally("c1", 2))
		}
		l.Drop("c1")
		if got := l.Tally("c1", 2); got.Total != 0 || l.Receipts() != 0 {
			t.Errorf("dropped, yet %+v", got)
		}
	})
}

func TestSelection(t *testing.T) {
	for _, tc := range []struct {
		name    string
		choice  []int
		options int
		want    interact.Code
	}{
		{"IN6 one", []int{2}, 3, ""},
		{"IN6 several", []int{0, 2}, 3, ""},
		{"IN6 none", nil, 3, interact.CodeInvalid},
		{"IN6 beyond the last", []int{3}, 3, interact.CodeUnknownOption},
		{"IN6 beyond any", []int{1 << 40}, 1 << 41, interact.CodeUnknownOption},
		{"IN6 before the first", []int{-1}, 3, interact.CodeUnknownOption},
		{"IN6 twice", []int{1, 1}, 3, interact.CodeInvalid},
		{"IN6 out of order", []int{2, 0}, 3, interact.CodeInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := interact.SelectionOf(tc.choice, tc.options)
			if interact.CodeOf(err) != tc.want {
				t.Fatalf("err = %v, want %q", err, tc.want)
			}
			if err == nil && (!slices.Equal(s.Indices(), tc.choice) || s.Len() != len(tc.choice)) {
				t.Errorf("came back as %v", s.Indices())
			}
		})
	}
}
