package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

func snapshot(texts ...string) []interact.Record {
	var out []interact.Record
	for _, text := range texts {
		out = append(out, interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(text)})
	}
	return out
}

func replace(t testing.TB, s *embedded.Store, upTo uint64, texts ...string) {
	t.Helper()
	if err := s.Replace(t.Context(), "show", upTo, snapshot(texts...)); err != nil {
		t.Fatal(err)
	}
}

func TestReplaceSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	appendText(t, s, "one", "two", "three")
	replace(t, s, 2, "1+2")
	appendText(t, s, "four")
	if got := texts(t, open(t, crash(t, path, 0))); got != "1+2 three four" {
		t.Errorf("ST23 a killed process leaves %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if got := texts(t, s); got != "1+2 three four" {
		t.Errorf("ST19 replays %q", got)
	}
	replace(t, s, 4, "all")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	appendText(t, s, "five")
	var last interact.Record
	err := s.Replay(t.Context(), "show", func(r interact.Record) error { last = r; return nil })
	if err != nil || last.Seq != 5 || texts(t, s) != "all five" {
		t.Errorf("ST19 after all records were replaced the next has number %d, %q, %v", last.Seq, texts(t, s), err)
	}
}

// expiring is a context that ends when it is asked for the nth time.
type expiring struct {
	context.Context
	left atomic.Int64
}

func expire(ctx context.Context, after int) *expiring {
	e := &expiring{Context: ctx}
	e.left.Store(int64(after))
	return e
}

func (e *expiring) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestReplaceCancelled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	embedded.Step(s, 8<<10)
	big := strings.Repeat("x", 6<<10) // a step each
	var before []string
	for i := range 4 {
		before = append(before, fmt.Sprint(i, big))
	}
	appendText(t, s, before...)
	old, now := strings.Join(before, " "), "a"+big+" b"+big
	for asked := 0; ; asked++ {
		err := s.Replace(expire(t.Context(), asked), "show", 4, snapshot("a"+big, "b"+big))
		want := now
		if err != nil {
			want = old
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("ST23 asked %d times: %v", asked, err)
			}
		}
		if got := texts(t, s); got != want {
			t.Fatalf("ST23 asked %d times: %d bytes, %.20q…, want %d", asked, len(got), got, len(want))
		}
		back := open(t, crash(t, path, 0))
		if got := texts(t, back); got != want {
			t.Fatalf("ST23 asked %d times, after a kill: %d bytes, want %d", asked, len(got), len(want))
		}
		if err := back.Close(); err != nil {
			t.Fatal(err)
		}
		if asked > 100 {
			t.Fatal("ST23 never comes to an end")
		}
		if err == nil && asked > 12 { // also after the new log held
			return
		}
	}
}

func TestReplaceOnAFullDisk(t *testing.T) {
	big := strings.Repeat("x", 30<<10)
	refused := 0
	for pages := 30; pages < 90; pages += 6 {
		path := filepath.Join(t.TempDir(), "interact.db")
		s := open(t, path)
		embedded.Step(s, 40<<10)
		appendText(t, s, "one", "two", "three", "four", "five", "six", big)
		if err := embedded.Limit(s, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
		want := "a" + big + " b" + big + " c" + big + " d" + big + " e" + big
		err := s.Replace(t.Context(), "show", 7, snapshot(strings.Fields(want)...))
		if err != nil {
			refused++
			want = "one two three four five six " + big
			if interact.CodeOf(err) != interact.CodeUnavailable {
				t.Errorf("ST23 %d pages: %v, want unavailable", pages, err)
			}
		}
		if got := texts(t, s); got != want {
			t.Errorf("ST23 %d pages: %d bytes, want %d", pages, len(got), len(want))
		}
		if err := embedded.Limit(s, "PRAGMA max_page_count = 1000000"); err != nil {
			t.Fatal(err)
		}
		appendText(t, s, "seven")
		if got := texts(t, open(t, crash(t, path, 0))); got != want+" seven" {
			t.Errorf("ST23 %d pages, after a kill: %d bytes, want %d", pages, len(got), len(want)+6)
		}
	}
	if refused == 0 || refused == 10 {
		t.Errorf("%d of 10 replacements refused: the test shows nothing", refused)
	}
}

func TestContinuityWithGaps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	write := func(t *testing.T) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(path + suffix)
		}
		s := open(t, path)
		appendText(t, s, "one", "two", "three", "four", "five")
		replace(t, s, 3, "1+2", "3")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, query := range map[string]string{
		"a record gone":                           "DELETE FROM record WHERE seq = 4",
		"the last record gone from the table":     "UPDATE compacted SET upto = 9",
		"a record of the snapshot gone":           "DELETE FROM snapshot WHERE seq = 2",
		"the first record of the snapshot gone":   "DELETE FROM snapshot WHERE seq = 3",
		"the note of what was dropped gone":       "DELETE FROM compacted",
		"the note changed":                        "UPDATE compacted SET dropped = 2",
		"the note is another's":                   "UPDATE compacted SET channel = 'other'",
		"the note is there twice":                 "INSERT INTO compacted (channel, upto, dropped, made, kept, crc) SELECT channel, upto, dropped, made, kept, crc FROM compacted",
		"a snapshot that is another generation's": "UPDATE snapshot SET made = made + 1",
		"a changed byte of the snapshot":          "UPDATE snapshot SET data = x'00' WHERE seq = 2",
		"records of the snapshot swapped":         "UPDATE snapshot SET seq = -seq; UPDATE snapshot SET seq = 5 + seq",
	} {
		t.Run("ST24 "+name, func(t *testing.T) {
			write(t)
			edit(t, path, query)
			s, err := embedded.Open(t.Context(), path, nil)
			if err == nil {
				defer s.Close()
				err = s.Replay(t.Context(), "show", func(interact.Record) error { return nil })
			}
			if !errors.Is(err, embedded.ErrDamaged) {
				t.Errorf("err = %v, want damaged", err)
			}
		})
	}
	t.Run("ST24 nothing wrong", func(t *testing.T) {
		write(t)
		if got := texts(t, open(t, path)); got != "1+2 3 four five" {
			t.Errorf("replays %q", got)
		}
	})
}

func TestSpaceIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	embedded.Fold(s, 256<<10, 1<<20)                        // a 64th
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<10) // 64 KiB
	records := []interact.Record{{Channel: "show", Kind: interact.RecordAnswers, Cue: "c1", Data: data}}
	for range 320 {
		if err := s.Append(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	if wal := fileSize(t, path+"-wal"); wal > 4<<20 { // a writer alone may be far ahead of what folds
		t.Errorf("ST25 the write-ahead log of 20 MiB has %d KiB", wal>>10)
	}
	replace(t, s, 320, "all of it")
	appendText(t, s, "more")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if size := fileSize(t, path); size > 4<<20 {
		t.Errorf("ST25 the file has %d MiB", size>>20)
	}
	if got := texts(t, open(t, path)); got != "all of it more" {
		t.Errorf("replays %.40q", got)
	}
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
