package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestExpired(t *testing.T) {
	now := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	rec := func(id string, days int, bytes int64) archive.Recording {
		start := now.Add(-time.Duration(days) * 24 * time.Hour)
		return archive.Recording{ID: id, Start: start, End: start.Add(time.Hour), Bytes: bytes}
	}
	open := rec("open", 9, 50)
	open.Open = true
	for _, tc := range []struct {
		name  string
		all   []archive.Recording
		keep  time.Duration
		bytes int64
		want  string
	}{
		{"RT1 no limits keep everything", []archive.Recording{rec("a", 999, 1<<40)}, 0, 0, "[]"},
		{"RT1 what ended longer ago goes", []archive.Recording{rec("a", 8, 1), rec("b", 6, 1)}, 7 * 24 * time.Hour, 0, "[a]"},
		{"RT1 the age counts from the end", []archive.Recording{rec("a", 7, 1)}, 7 * 24 * time.Hour, 0, "[]"},
		{"RT2 the oldest go until the rest fits", []archive.Recording{rec("c", 1, 40), rec("a", 3, 40), rec("b", 2, 40)}, 0, 100, "[a]"},
		{"RT2 whole ones, however large", []archive.Recording{rec("a", 3, 10), rec("b", 2, 500)}, 0, 100, "[a b]"},
		{"RT2 what went by age makes room", []archive.Recording{rec("a", 9, 60), rec("b", 2, 60)}, 7 * 24 * time.Hour, 100, "[a]"},
		{"RT3 the open one counts and stays", []archive.Recording{open, rec("b", 2, 60)}, 7 * 24 * time.Hour, 100, "[b]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ids := []string{}
			for _, r := range archive.Expired(tc.all, now, tc.keep, tc.bytes) {
				ids = append(ids, r.ID)
			}
			if got := fmt.Sprint(ids); got != tc.want {
				t.Errorf("gone %s, want %s", got, tc.want)
			}
		})
	}
}

// TestSweep deletes by age while the server runs, and finishes what was begun
// when it starts.
func TestSweep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		half := filepath.Join(dir, "show", "recordings", ".gone-20200101T000000Z")
		if err := os.MkdirAll(half, 0o700); err != nil {
			t.Fatal(err)
		}
		// Bubbles begin in 2000, shows in 2027: the bubble has to catch up.
		time.Sleep(time.Until(epoch.Time()))
		s := newSet(t, dir, archive.Config{Record: true, Keep: 3 * time.Hour}, packager.Config{})
		if _, err := os.Stat(half); err == nil {
			t.Error("RT4 a half deleted recording is still there")
		}
		s.play(slow(first, 9*time.Second))
		s.finish()
		time.Sleep(2 * time.Hour)
		if all, err := s.a.Recordings(); err != nil || len(all) != 1 {
			t.Errorf("RT1 recordings %v, %v after two hours; want one", all, err)
		}
		time.Sleep(2 * time.Hour)
		if all, err := s.a.Recordings(); err != nil || len(all) != 0 {
			t.Errorf("RT1 recordings %v, %v after four hours; want none", all, err)
		}
		s.stop()
	})
}

// TestDelete deletes what a producer does not want, and not what is being made.
func TestDelete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		s := newSet(t, dir, archive.Config{Record: true}, packager.Config{})
		defer func() { s.stop() }()
		s.play(packagertest.Show{Start: first, Duration: 8 * time.Second})
		all, err := s.a.Recordings()
		if err != nil || len(all) != 1 || !all[0].Open || all[0].End.Sub(all[0].Start) < 7*time.Second || all[0].Bytes == 0 {
			t.Fatalf("RC9 on air: %+v, %v", all, err)
		}
		id := all[0].ID
		if err := s.a.Delete(id); !errors.Is(err, archive.ErrRecording) {
			t.Errorf("RC9 the one that is made: %v", err)
		}
		s.finish()
		for _, other := range []string{"20200101T000000Z", "", "..", "../dvr", ".gone-" + id, id + "/.."} {
			if err := s.a.Delete(other); !errors.Is(err, archive.ErrNoRecording) {
				t.Errorf("RC9 deleting %q: %v", other, err)
			}
		}
		if err := s.a.Delete(id); err != nil {
			t.Error(err)
		}
		if err := s.a.Delete(id); !errors.Is(err, archive.ErrNoRecording) {
			t.Errorf("RC9 deleting it again: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(dir, "show", "recordings", "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("RC9 left: %v, %v", left, err)
		}
	})
}

// TestEventsAreRecordings: each event has its own.
func TestEventsAreRecordings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSet(t, t.TempDir(), archive.Config{Record: true}, packager.Config{})
		defer func() { s.stop() }()
		s.play(packagertest.Show{Start: first, Duration: 8 * time.Second})
		s.finish()
		s.channel(packager.Config{Before: s.c}, 1)
		s.play(packagertest.Show{Start: first + 20*clock.TicksPerSecond, Duration: 6 * time.Second})
		all, err := s.a.Recordings()
		if err != nil || len(all) != 2 || all[0].Open || !all[1].Open {
			t.Fatalf("RC1 recordings %+v, %v", all, err)
		}
		if off := all[1].Start.Sub(all[0].Start); off != 20*time.Second || all[0].End.After(all[1].Start) {
			t.Errorf("RC1 recordings %+v", all)
		}
	})
}
