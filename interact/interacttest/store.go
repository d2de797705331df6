// Package interacttest checks implementations of the interact contracts, and
// holds a store in memory for tests of what needs one.
package interacttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cuelight/cuelight/interact"
)

// TestStore checks the rules ST1… of interact/SPEC.md. Open returns an empty
// store that only this test uses.
func TestStore(t *testing.T, open func(t *testing.T) interact.Store) {
	t.Run("ST1 replays in the order of the appends", func(t *testing.T) { testOrder(t, open(t)) })
	t.Run("ST2 an append is whole or not at all", func(t *testing.T) { testWhole(t, open(t)) })
	t.Run("ST3 channels are strangers", func(t *testing.T) { testChannels(t, open(t)) })
	t.Run("ST4 data are the caller's again", func(t *testing.T) { testOwnership(t, open(t)) })
	t.Run("ST5 visit ends the replay", func(t *testing.T) { testVisitError(t, open(t)) })
	t.Run("ST6 an ended context writes and reads nothing", func(t *testing.T) { testContext(t, open(t)) })
	t.Run("ST7 channels append side by side", func(t *testing.T) { testConcurrent(t, open(t)) })
	t.Run("ST8 takes the largest record", func(t *testing.T) { testLargest(t, open(t)) })
	t.Run("ST9 visit may append", func(t *testing.T) { testAppendInVisit(t, open(t)) })
	testReplace(t, open)
	t.Run("ST10 names its level", func(t *testing.T) {
		levels := []interact.Level{interact.LevelMemory, interact.LevelLog, interact.LevelReplicated}
		if got := open(t).Level(); !slices.Contains(levels, got) {
			t.Errorf("level = %q", got)
		}
	})
}

func record(channel, cue, data string) interact.Record {
	return interact.Record{Channel: channel, Kind: interact.RecordCue, Cue: cue, Data: []byte(data)}
}

func appendAll(t *testing.T, s interact.Store, records ...interact.Record) {
	t.Helper()
	if err := s.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func replay(t *testing.T, s interact.Store, channel string) []interact.Record {
	t.Helper()
	var out []interact.Record
	err := s.Replay(t.Context(), channel, func(r interact.Record) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantData(t *testing.T, s interact.Store, channel string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range replay(t, s, channel) {
		got = append(got, string(r.Data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("channel %s replays %q, want %q", channel, got, want)
	}
}

func testOrder(t *testing.T, s interact.Store) {
	wantData(t, s, "show") // nothing yet
	appendAll(t, s)        // nothing to write
	answers := interact.Record{Channel: "show", Kind: interact.RecordAnswers, Cue: "c2", Data: []byte{0, 255, 0}}
	appendAll(t, s, record("show", "c1", "one"), record("show", "c1", "two"))
	appendAll(t, s, answers)
	whole := interact.Record{Channel: "show", Kind: interact.RecordLatency, Data: []byte("{}")} // of no cue
	appendAll(t, s, whole)
	got := replay(t, s, "show")
	if len(got) != 4 {
		t.Fatalf("%d records, want 4", len(got))
	}
	if r := got[3]; r.Kind != whole.Kind || r.Cue != "" || !bytes.Equal(r.Data, whole.Data) {
		t.Errorf("came back as %+v", r)
	}
	last := got[2]
	if last.Kind != answers.Kind || last.Cue != "c2" || last.Channel != "show" || !bytes.Equal(last.Data, answers.Data) {
		t.Errorf("came back as %+v", last)
	}
	if got[0].Seq == 0 || got[0].Seq >= got[1].Seq || got[1].Seq >= got[2].Seq {
		t.Errorf("seq %d, %d, %d do not ascend from 1", got[0].Seq, got[1].Seq, got[2].Seq)
	}
	wantData(t, s, "show", "one", "two", "\x00\xff\x00", "{}")
	told := []interact.Record{record("show", "c1", "three"), record("show", "c1", "four")}
	appendAll(t, s, told...)
	for i, r := range replay(t, s, "show")[4:] {
		if r.Seq != told[i].Seq {
			t.Errorf("Append said %d, the log says %d", told[i].Seq, r.Seq)
		}
	}
	testKinds(t, s)
}

// testKinds appends a record of every kind there is.
func testKinds(t *testing.T, s interact.Store) {
	t.Helper()
	for kind := interact.RecordCue; kind <= interact.RecordLead; kind++ {
		appendAll(t, s, interact.Record{Channel: "kinds", Kind: kind, Cue: "c1", Data: []byte("{}")})
	}
	for i, r := range replay(t, s, "kinds") {
		if want := interact.RecordCue + interact.RecordKind(i); r.Kind != want || r.Cue != "c1" {
			t.Errorf("record %d came back as %+v, want kind %d", i, r, want)
		}
	}
}

func testWhole(t *testing.T, s interact.Store) {
	for _, bad := range []interact.Record{
		record("", "c1", "x"),
		record("show", "", "x"),
		record("show", "c1", ""),
		{Channel: "show", Cue: "c1", Data: []byte("x")},
		{Channel: "show", Kind: interact.RecordTally, Data: []byte("x")},
		{Channel: "show", Cue: "c1", Kind: interact.RecordLead + 1, Data: []byte("x")},
		{Channel: "show", Cue: "c1", Kind: interact.RecordCue, Data: make([]byte, interact.MaxRecord+1)},
	} {
		err := s.Append(t.Context(), []interact.Record{record("show", "c1", "before"), bad})
		if interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("appended %+.40v: err = %v, want invalid", bad, err)
		}
	}
	wantData(t, s, "show")
}

func testChannels(t *testing.T, s interact.Store) {
	appendAll(t, s, record("a", "c1", "a1"), record("b", "c1", "b1"), record("a", "c1", "a2"))
	wantData(t, s, "a", "a1", "a2")
	wantData(t, s, "b", "b1")
	wantData(t, s, "A")
}

func testOwnership(t *testing.T, s interact.Store) {
	r := record("show", "c1", "mine")
	appendAll(t, s, r)
	copy(r.Data, "YOUR")
	got := replay(t, s, "show")
	copy(got[0].Data, "HERS")
	wantData(t, s, "show", "mine")
}

func testVisitError(t *testing.T, s interact.Store) {
	appendAll(t, s, record("show", "c1", "one"), record("show", "c1", "two"))
	enough, visits := errors.New("enough"), 0
	err := s.Replay(t.Context(), "show", func(interact.Record) error {
		visits++
		return enough
	})
	if !errors.Is(err, enough) || visits != 1 {
		t.Errorf("err = %v after %d visits, want the first visit's own", err, visits)
	}
}

func testContext(t *testing.T, s interact.Store) {
	appendAll(t, s, record("show", "c1", "one"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, []interact.Record{record("show", "c1", "two")}); err == nil {
		t.Error("appended after the end")
	}
	err := s.Replay(ctx, "show", func(interact.Record) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("replay: err = %v", err)
	}
	wantData(t, s, "show", "one")
}

func testConcurrent(t *testing.T, s interact.Store) {
	const channels, each = 4, 25
	var wg sync.WaitGroup
	for c := range channels {
		wg.Go(func() {
			for i := range each {
				r := record(fmt.Sprint("ch", c), "c1", fmt.Sprint(i))
				if err := s.Append(t.Context(), []interact.Record{r}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var want []string
	for i := range each {
		want = append(want, fmt.Sprint(i))
	}
	for c := range channels {
		wantData(t, s, fmt.Sprint("ch", c), want...)
	}
}

func testLargest(t *testing.T, s interact.Store) {
	r := record("show", "c1", "x")
	r.Data = bytes.Repeat([]byte("0123456789abcdef"), interact.MaxRecord/16)
	appendAll(t, s, r)
	if got := replay(t, s, "show"); len(got) != 1 || !bytes.Equal(got[0].Data, r.Data) {
		t.Error("the largest record came back changed")
	}
}

func testAppendInVisit(t *testing.T, s interact.Store) {
	const there = 300 // more than a store reads at a time
	var records []interact.Record
	for i := range there {
		records = append(records, record("show", "c1", fmt.Sprint(i)))
	}
	appendAll(t, s, records...)
	visits := 0
	err := s.Replay(t.Context(), "show", func(interact.Record) error {
		visits++
		if visits > there {
			return errors.New("replays what is appended meanwhile")
		}
		return s.Append(t.Context(), []interact.Record{record("show", "c1", "more")})
	})
	if err != nil || visits != there {
		t.Errorf("err = %v after %d visits, want the %d records there were", err, visits, there)
	}
	if got := len(replay(t, s, "show")); got != 2*there {
		t.Errorf("%d records in the end, want %d", got, 2*there)
	}
}
