package interacttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cuelight/cuelight/interact"
)

// replacer is what the rules of Replace need of a store.
type replacer interface {
	interact.Store
	Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error
}

// testReplace checks the rules ST19… of Replace.
func testReplace(t *testing.T, open func(t *testing.T) interact.Store) {
	for _, rule := range []struct {
		name string
		test func(t *testing.T, s replacer)
	}{
		{"ST19 a replacement is replayed first, in its order", testReplaceOrder},
		{"ST19 replaced again and again", testReplaceAgain},
		{"ST19 by nothing", testReplaceByNothing},
		{"ST20 a refused replacement changes nothing", testReplaceRefused},
		{"ST20 other channels are untouched", testReplaceStrangers},
		{"ST20 data are the caller's again", testReplaceOwnership},
		{"ST21 a running replay shows the log as it was", testReplaceInReplay},
		{"ST22 appends go on meanwhile", testReplaceWhileAppending},
		{"ST22 takes the largest records", testReplaceLargest},
	} {
		t.Run(rule.name, func(t *testing.T) {
			s, ok := open(t).(replacer)
			if !ok {
				t.Fatal("the store has no Replace")
			}
			rule.test(t, s)
		})
	}
}

func replaceAll(t *testing.T, s replacer, upTo uint64, texts ...string) {
	t.Helper()
	var records []interact.Record
	for _, text := range texts {
		records = append(records, record("show", "c1", text))
	}
	if err := s.Replace(t.Context(), "show", upTo, records); err != nil {
		t.Fatal(err)
	}
}

// seqs checks that numbers ascend and returns the last one.
func seqs(t *testing.T, s interact.Store, channel string) uint64 {
	t.Helper()
	last := uint64(0)
	for _, r := range replay(t, s, channel) {
		if r.Seq <= last {
			t.Errorf("ST1 record %d after %d", r.Seq, last)
		}
		last = r.Seq
	}
	return last
}

func testReplaceOrder(t *testing.T, s replacer) {
	for i := range 5 {
		appendAll(t, s, record("show", "c1", fmt.Sprint(i)))
	}
	upTo := replay(t, s, "show")[2].Seq
	replaceAll(t, s, upTo, "a", "b")
	wantData(t, s, "show", "a", "b", "3", "4")
	got := replay(t, s, "show")
	if got[1].Seq > upTo || got[2].Seq <= upTo {
		t.Errorf("numbers %d, %d do not lie around %d", got[1].Seq, got[2].Seq, upTo)
	}
	if r := got[0]; r.Channel != "show" || r.Kind != interact.RecordCue || r.Cue != "c1" {
		t.Errorf("came back as %+v", r)
	}
	appendAll(t, s, record("show", "c1", "5"))
	wantData(t, s, "show", "a", "b", "3", "4", "5")
	seqs(t, s, "show")
}

func testReplaceAgain(t *testing.T, s replacer) {
	want := []string{"first"}
	appendAll(t, s, record("show", "c1", "first"))
	for round := range 20 {
		appendAll(t, s, record("show", "c1", fmt.Sprint("x", round)), record("show", "c1", fmt.Sprint("y", round)))
		want = append(want, fmt.Sprint("x", round), fmt.Sprint("y", round))
		at := replay(t, s, "show")
		cut := len(at) - 1 - round%2 // with and without the last one
		replaceAll(t, s, at[cut].Seq, fmt.Sprint("snapshot", round))
		want = append([]string{fmt.Sprint("snapshot", round)}, want[cut+1:]...)
		wantData(t, s, "show", want...)
		replaceAll(t, s, at[cut].Seq, fmt.Sprint("again", round)) // up to the same record
		want[0] = fmt.Sprint("again", round)
		wantData(t, s, "show", want...)
	}
	seqs(t, s, "show")
}

func testReplaceByNothing(t *testing.T, s replacer) {
	appendAll(t, s, record("show", "c1", "one"), record("show", "c1", "two"))
	last := seqs(t, s, "show")
	replaceAll(t, s, last)
	wantData(t, s, "show")
	appendAll(t, s, record("show", "c1", "three"))
	wantData(t, s, "show", "three")
	if got := seqs(t, s, "show"); got <= last {
		t.Errorf("number %d is given out again", got)
	}
}

func testReplaceRefused(t *testing.T, s replacer) {
	appendAll(t, s, record("show", "c1", "one"), record("show", "c1", "two"), record("show", "c1", "three"))
	at := replay(t, s, "show")
	replaceAll(t, s, at[1].Seq, "one and two")
	good := record("show", "c1", "x")
	for name, refused := range map[string]struct {
		channel string
		upTo    uint64
		records []interact.Record
	}{
		"no channel":             {"", at[1].Seq, []interact.Record{good}},
		"nothing to replace":     {"show", 0, nil},
		"beyond the end":         {"show", at[2].Seq + 1, []interact.Record{good}},
		"inside the one before":  {"show", at[0].Seq, []interact.Record{good}},
		"another channel's":      {"show", at[1].Seq, []interact.Record{good, record("other", "c1", "x")}},
		"an empty record":        {"show", at[1].Seq, []interact.Record{good, record("show", "c1", "")}},
		"more than numbers left": {"show", at[2].Seq, make([]interact.Record, at[2].Seq+1)},
	} {
		err := s.Replace(t.Context(), refused.channel, refused.upTo, refused.records)
		if interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Replace(ended, "show", at[2].Seq, []interact.Record{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("ST6 with an ended context: %v", err)
	}
	wantData(t, s, "show", "one and two", "three")
}

func testReplaceStrangers(t *testing.T, s replacer) {
	for i := range 30 {
		appendAll(t, s, record("show", "c1", fmt.Sprint("s", i)), record("other", "c1", fmt.Sprint("o", i)))
	}
	before := replay(t, s, "other")
	replaceAll(t, s, seqs(t, s, "show"), "snapshot")
	wantData(t, s, "show", "snapshot")
	after := replay(t, s, "other")
	if len(after) != len(before) {
		t.Fatalf("%d records of the other channel, %d before", len(after), len(before))
	}
	for i := range after {
		if after[i].Seq != before[i].Seq || string(after[i].Data) != string(before[i].Data) {
			t.Errorf("record %d became %d %q", before[i].Seq, after[i].Seq, after[i].Data)
		}
	}
	wantData(t, s, "new") // one that was never there
}

func testReplaceOwnership(t *testing.T, s replacer) {
	appendAll(t, s, record("show", "c1", "one"))
	r := record("show", "c1", "mine")
	if err := s.Replace(t.Context(), "show", seqs(t, s, "show"), []interact.Record{r}); err != nil {
		t.Fatal(err)
	}
	copy(r.Data, "YOUR")
	wantData(t, s, "show", "mine")
}

func testReplaceInReplay(t *testing.T, s replacer) {
	const there = 300 // more than a store reads at a time
	for i := range there {
		appendAll(t, s, record("show", "c1", fmt.Sprint(i)))
	}
	last, visits := seqs(t, s, "show"), 0
	err := s.Replay(t.Context(), "show", func(r interact.Record) error {
		if string(r.Data) != fmt.Sprint(visits) {
			return fmt.Errorf("%q at place %d", r.Data, visits)
		}
		if visits++; visits%100 == 1 {
			return s.Replace(t.Context(), "show", last, []interact.Record{record("show", "c1", fmt.Sprint("snapshot", visits))})
		}
		return nil
	})
	if err != nil || visits != there {
		t.Errorf("err = %v after %d visits, want the %d records there were", err, visits, there)
	}
	wantData(t, s, "show", "snapshot201")
}

func testReplaceWhileAppending(t *testing.T, s replacer) {
	const each = 200
	appendAll(t, s, record("show", "c1", "first"))
	var wg sync.WaitGroup
	for _, channel := range []string{"show", "other"} {
		wg.Go(func() {
			for i := range each {
				if err := s.Append(t.Context(), []interact.Record{record(channel, "c1", fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	folded := 0 // records of show that a snapshot stands for
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		records := replay(t, s, "show")
		if n, _ := fmt.Sscanf(string(records[0].Data), "snapshot of %d", &folded); n == 1 {
			folded--
		}
		folded += len(records)
		replaceAll(t, s, records[len(records)-1].Seq, fmt.Sprint("snapshot of ", folded))
	}
	wantData(t, s, "show", fmt.Sprint("snapshot of ", each+1))
	if got := replay(t, s, "other"); len(got) != each {
		t.Errorf("%d records of the other channel, want %d", len(got), each)
	}
	seqs(t, s, "other")
}

func testReplaceLargest(t *testing.T, s replacer) {
	for range 4 {
		appendAll(t, s, record("show", "c1", "x"))
	}
	big := record("show", "c1", "x")
	big.Data = make([]byte, interact.MaxRecord)
	for i := range big.Data {
		big.Data[i] = byte(i % 251)
	}
	if err := s.Replace(t.Context(), "show", seqs(t, s, "show"), []interact.Record{big, big, big}); err != nil {
		t.Fatal(err)
	}
	got := replay(t, s, "show")
	if len(got) != 3 || string(got[0].Data) != string(big.Data) || string(got[2].Data) != string(big.Data) {
		t.Errorf("%d records came back, or changed", len(got))
	}
}
