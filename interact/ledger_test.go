package interact_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// attempt draws one of few attempts of few people to answer a cue whose answers
// may be changed.
func attempt(t *rapid.T) interact.Entry {
	e := entry(t)
	e.Attempt = interact.AttemptOf(rapid.StringMatching("[a-f]").Draw(t, "id"))
	return e
}

// TestLedgerCountsTheLastChange compares with a model that keeps every attempt.
func TestLedgerCountsTheLastChange(t *testing.T) {
	type history struct {
		marks map[uint64]interact.Mark
		last  interact.Mark
	}
	rapid.Check(t, func(t *rapid.T) {
		l := interact.NewLedger(interact.LevelLog)
		sheet, people, version := l.Sheet("c1"), make(map[string]*history), uint64(0)
		for _, e := range rapid.SliceOf(rapid.Custom(attempt)).Draw(t, "entries") {
			h := interact.HashOf(e.Participant)
			m, counted := sheet.ApplyHashed(h, e)
			who := people[e.Participant]
			if who == nil {
				who = &history{marks: make(map[uint64]interact.Mark)}
				people[e.Participant] = who
			}
			if was, again := who.marks[e.Attempt]; again {
				if got, ok := sheet.Attempt(h, e.Participant, e.Attempt); counted || !ok || got != was {
					t.Fatalf("IN9 the same attempt again: counted %v, %+v, was %+v", counted, got, was)
				}
			} else {
				want := interact.Mark{Credited: e.Credited, Seq: uint32(len(people)), Choice: e.Choice}
				if len(who.marks) > 0 {
					want.Seq, want.Changes = who.last.Seq, who.last.Changes+1
				} else {
					version++
				}
				if len(who.marks) > 0 && e.Choice == who.last.Choice {
					want = who.last
				} else if len(who.marks) > 0 {
					version++
				}
				if !counted || m != want {
					t.Fatalf("IN9 counted %v as %+v, want %+v", counted, m, want)
				}
				who.marks[e.Attempt], who.last = want, want
			}
			if got, _ := sheet.Find(h, e.Participant); got != who.last {
				t.Fatalf("IN9 %+v counts, want the last, %+v", got, who.last)
			}
			if got := l.Tally("c1", 4); got.Version != version {
				t.Fatalf("IN4 version %d, want %d", got.Version, version)
			}
		}
		want, kept := make([]uint64, 4), 0
		for _, who := range people {
			want[who.last.Choice.Indices()[0]]++
			kept += len(who.marks)
		}
		if got := l.Tally("c1", 4); !slices.Equal(got.Counts, want) || got.Total != uint64(len(people)) || l.Receipts() != kept {
			t.Fatalf("IN2 tally %+v, want %v; %d receipts, want %d", got, want, l.Receipts(), kept)
		}
		again := interact.NewLedger(interact.LevelLog)
		again.Sheet("c1")
		for e := range sheet.Entries() {
			again.Apply("c1", e)
		}
		if !reflect.DeepEqual(l, again) {
			t.Fatalf("IN10 its entries give %+v, want %+v", again.Tally("c1", 4), l.Tally("c1", 4))
		}
	})
}

// TestLedgerOfMany looks everybody up among more than a piece of a roll holds.
func TestLedgerOfMany(t *testing.T) {
	const people = 20_000
	l := interact.NewLedger(interact.LevelLog)
	l.Sheet("c1").Expect(people / 3)
	name := func(i int) string { return strings.Repeat("x", i%48) + strconv.Itoa(i) }
	for i := range people {
		if !l.Apply("c1", interact.Entry{Participant: name(i), Choice: 1 << (i % 3), Credited: clock.Instant(i)}) {
			t.Fatalf("IN1 %q was taken for somebody else", name(i))
		}
	}
	for i := range people {
		receipt, ok := l.Receipt("c1", name(i))
		if !ok || receipt.Seq != uint64(i+1) || receipt.Credited != clock.Instant(i) || receipt.Choice[0] != i%3 {
			t.Fatalf("IN3 receipt of %q: %+v, %v", name(i), receipt, ok)
		}
	}
	if _, ok := l.Receipt("c1", name(people)); ok || l.Receipts() != people {
		t.Error("a stranger has a receipt")
	}
}

// BenchmarkReceiptMemory says what a receipt costs.
func BenchmarkReceiptMemory(b *testing.B) {
	const people = 1_000_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := interact.NewLedger(interact.LevelLog)
		var name []byte
		for i := range people {
			name = fmt.Appendf(name[:0], "p%016d", i)
			l.Apply("c1", interact.Entry{Participant: string(name), Choice: 1, Credited: clock.Instant(i)})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/people, "B/receipt")
		runtime.KeepAlive(l)
	}
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
	t.Run("IN9 only another attempt changes an answer", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		l.Apply("c1", ann)
		changed := ann
		changed.Choice, changed.Attempt = 1, interact.AttemptOf("a2")
		if !l.Apply("c1", changed) || l.Apply("c1", changed) || l.Apply("c1", ann) {
			t.Error("changed other than once")
		}
		if got := l.Tally("c1", 2); got.Total != 1 || got.Counts[0] != 1 || got.Counts[1] != 0 {
			t.Errorf("tally = %+v", got)
		}
	})
	t.Run("IN1 a name that no log takes does not count", func(t *testing.T) {
		l := interact.NewLedger(interact.LevelLog)
		if l.Apply("c1", interact.Entry{Participant: strings.Repeat("x", interact.MaxParticipant+1), Choice: 1}) {
			t.Error("counted")
		}
	})
	t.Run("IN10 a sum stands for what is forgotten", func(t *testing.T) {
		l, again := interact.NewLedger(interact.LevelLog), interact.NewLedger(interact.LevelLog)
		l.Apply("c1", ann)
		if _, forgotten := l.Sheet("c1").Sum(); forgotten {
			t.Error("forgotten, with a receipt")
		}
		l.Forget("c1")
		sum, forgotten := l.Sheet("c1").Sum()
		again.Sheet("c1").Restore(sum)
		if !forgotten || !reflect.DeepEqual(l.Tally("c1", 2), again.Tally("c1", 2)) || again.Apply("c1", bob) {
			t.Errorf("sum %+v, tally %+v", sum, again.Tally("c1", 2))
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
