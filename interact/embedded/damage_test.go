package embedded_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

var channels = []string{"show", "quiz"}

// exemplar makes a log with everything in it: two channels, small records and
// large ones, snapshots, free pages. It returns the file and what it replays.
func exemplar(t *testing.T) (path string, want map[string][]string) {
	path = filepath.Join(t.TempDir(), "interact.db")
	s := open(t, path)
	for i := range 90 {
		for _, channel := range channels {
			r := interact.Record{Channel: channel, Kind: interact.RecordCue, Cue: "c1", Data: []byte(fmt.Sprint(channel, i, strings.Repeat("x", i*40)))}
			if err := s.Append(t.Context(), []interact.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		if i == 30 || i == 60 {
			upTo := uint64(2*i + 2 - i/60)
			records := snapshot(fmt.Sprint("show to ", i), strings.Repeat("y", 9000), "end")
			if err := s.Replace(t.Context(), "show", upTo, records); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, all(t, open(t, copyLog(t, path, nil)))
}

func all(t *testing.T, s *embedded.Store) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	for _, channel := range channels {
		err := s.Replay(t.Context(), channel, func(r interact.Record) error {
			out[channel] = append(out[channel], string(r.Data))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// copyLog copies a closed log, with a change.
func copyLog(t testing.TB, path string, change func(data []byte)) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(data)
	}
	to := filepath.Join(t.TempDir(), "interact.db")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAnyByteChanged(t *testing.T) {
	path, want := exemplar(t)
	size := int(fileSize(t, path))
	same, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(0, size-1).Draw(rt, "offset")
		if rapid.Bool().Draw(rt, "of a page's head") {
			at = at/4096*4096 + rapid.IntRange(0, 120).Draw(rt, "byte")
		}
		with := rapid.ByteRange(1, 255).Draw(rt, "change")
		bad := copyLog(t, path, func(data []byte) { data[min(at, size-1)] ^= with })
		got, err := replayAll(t, bad)
		if err != nil {
			refused++
			wantSalvaged(t, rt, bad, want)
			return
		}
		same++
		for _, channel := range channels {
			if !slices.Equal(got[channel], want[channel]) {
				rt.Fatalf("ST27 byte %d changed by %#x: channel %s has %d records, want the %d", at, with, channel, len(got[channel]), len(want[channel]))
			}
		}
	})
	if same == 0 || refused == 0 {
		t.Errorf("%d files read as before, %d refused: the test shows nothing", same, refused)
	}
	t.Logf("%d files read as before, %d refused", same, refused)
}

// replayAll opens the log and reads every channel.
func replayAll(t *testing.T, path string) (map[string][]string, error) {
	s, err := embedded.Open(t.Context(), path, nil)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	out := make(map[string][]string)
	for _, channel := range channels {
		err := s.Replay(t.Context(), channel, func(r interact.Record) error {
			out[channel] = append(out[channel], string(r.Data))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// wantSalvaged demands the first records of every channel, and the truth about
// those that are not there.
func wantSalvaged(t *testing.T, rt *rapid.T, bad string, want map[string][]string) {
	to := filepath.Join(t.TempDir(), "new.db")
	report, err := embedded.Salvage(t.Context(), bad, to)
	if err != nil {
		return // nothing could be read, and that was said
	}
	got, err := replayAll(t, to)
	if err != nil {
		rt.Fatalf("ST28 what was salvaged cannot be read: %v", err)
	}
	for _, channel := range channels {
		n := len(got[channel])
		if n > len(want[channel]) || !slices.Equal(got[channel], want[channel][:n]) {
			rt.Fatalf("ST28 channel %s: %d records salvaged are not the first of %d", channel, n, len(want[channel]))
		}
		if n < len(want[channel]) && report.Whole() {
			rt.Fatalf("ST28 channel %s: %d of %d records salvaged, and nothing said", channel, n, len(want[channel]))
		}
	}
}

func TestCheck(t *testing.T) {
	path, want := exemplar(t)
	t.Run("ST28 a whole log", func(t *testing.T) {
		report, err := embedded.Check(t.Context(), path)
		if err != nil || !report.Whole() || report.Schema != 2 || len(report.Channels) != 2 {
			t.Fatalf("report = %+v, %v", report, err)
		}
		for _, f := range report.Channels {
			if f.Records != len(want[f.Channel]) || f.Bytes == 0 || f.Damage != "" || f.LeftOut != 0 {
				t.Errorf("finding = %+v, want %d records", f, len(want[f.Channel]))
			}
		}
	})
	t.Run("ST28 nothing is changed", func(t *testing.T) {
		bad := copyLog(t, path, func(data []byte) { data[8192+50] ^= 1 })
		before, _ := os.ReadFile(bad)
		if _, err := embedded.Check(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		after, _ := os.ReadFile(bad)
		if !slices.Equal(before, after) {
			t.Error("the file has changed")
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(bad), "*")); len(left) != 2 { // and the lock
			t.Errorf("beside it are now %v", left)
		}
	})
	t.Run("ST28 a log in use", func(t *testing.T) {
		used := copyLog(t, path, nil)
		open(t, used)
		if _, err := embedded.Check(t.Context(), used); !errors.Is(err, embedded.ErrLocked) {
			t.Errorf("err = %v, want locked", err)
		}
	})
	t.Run("ST28 no log", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "none.db")
		if _, err := embedded.Check(t.Context(), missing); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("err = %v, want that there is none", err)
		}
		if _, err := os.Stat(missing); err == nil {
			t.Error("it was made")
		}
	})
	t.Run("ST28 what a killed process left", func(t *testing.T) {
		s := open(t, copyLog(t, path, nil))
		appendText(t, s, "acknowledged", "torn")
		torn := crash(t, s.Path(), 1)
		report, err := embedded.Check(t.Context(), torn)
		if err != nil || !report.Whole() || report.Unfinished == 0 {
			t.Errorf("report = %+v, %v", report, err)
		}
		for _, f := range report.Channels {
			if f.Channel == "show" && f.Records != len(want["show"])+1 {
				t.Errorf("finding = %+v", f)
			}
		}
	})
}

func TestSalvage(t *testing.T) {
	path, want := exemplar(t)
	t.Run("ST28 up to the damage, other channels whole", func(t *testing.T) {
		bad := copyLog(t, path, func(data []byte) {
			for at := bytes.Index(data, []byte("quiz70")); at >= 0; at = bytes.Index(data, []byte("quiz70")) {
				data[at] ^= 1
			}
		})
		to := filepath.Join(t.TempDir(), "salvaged", "new.db")
		report, err := embedded.Salvage(t.Context(), bad, to)
		if err != nil || report.Whole() {
			t.Fatalf("report = %+v, %v", report, err)
		}
		got, err := replayAll(t, to)
		if err != nil || !slices.Equal(got["show"], want["show"]) || !slices.Equal(got["quiz"], want["quiz"][:70]) {
			t.Errorf("salvaged %d and %d records, %v", len(got["show"]), len(got["quiz"]), err)
		}
		for _, f := range report.Channels {
			if f.Channel == "quiz" && (f.Records != 70 || f.LeftOut != 20 || !strings.Contains(f.Damage, "checksum")) {
				t.Errorf("finding = %+v", f)
			}
		}
	})
	t.Run("ST28 never over something", func(t *testing.T) {
		to := filepath.Join(t.TempDir(), "there.db")
		if err := os.WriteFile(to, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := embedded.Salvage(t.Context(), path, to); !errors.Is(err, os.ErrExist) {
			t.Errorf("err = %v, want that there is one", err)
		}
		if text, _ := os.ReadFile(to); string(text) != "precious" {
			t.Errorf("it is %q now", text)
		}
	})
	t.Run("ST13 damage before the last commit of the write-ahead log", func(t *testing.T) {
		s := open(t, copyLog(t, path, nil))
		appendText(t, s, "first", "second", "third")
		bad := crash(t, s.Path(), 0)
		flip(t, bad+"-wal", "second")
		to := filepath.Join(t.TempDir(), "new.db")
		report, err := embedded.Salvage(t.Context(), bad, to)
		if err != nil || report.Whole() {
			t.Fatalf("ST28 report = %+v, %v", report, err)
		}
		got, err := replayAll(t, to)
		if n := len(want["show"]); err != nil || len(got["show"]) != n+1 || got["show"][n] != "first" {
			t.Errorf("ST28 salvaged %d records, want %d: %v", len(got["show"]), n+1, err)
		}
	})
}
