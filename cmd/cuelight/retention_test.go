package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestHistoryKeepSetting(t *testing.T) {
	s, err := readSettings(writeFile(t, "history: true\nhistory_keep: 90d\n"), listenFlags{})
	if err != nil || s.HistoryKeep.Duration != 90*24*time.Hour {
		t.Errorf("90d is %v, %v", s.HistoryKeep, err)
	}
	if s, err = readSettings(writeFile(t, "history: true\nhistory_keep: 720h\n"), listenFlags{}); err != nil || s.HistoryKeep.Duration != 720*time.Hour {
		t.Errorf("720h is %v, %v", s.HistoryKeep, err)
	}
	for text, want := range map[string]string{
		"history: true\nhistory_keep: 1h\n":     "history_keep: 1h0m0s is less than a day",
		"history: true\nhistory_keep: -90d\n":   "[2",
		"history: true\nhistory_keep: -90h\n":   "history_keep: ",
		"history: true\nhistory_keep: 99999d\n": "[2",
		"history: true\nhistory_keep: 1.5d\n":   "[2",
		"history: true\nhistory_keep: d\n":      "[2",
		"history_keep: 90d\n":                   "history_keep: there is nothing to delete",
	} {
		if _, err := readSettings(writeFile(t, text), listenFlags{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A server deletes what is too old when it starts, and nothing else.
func TestHistoryKeepDeletes(t *testing.T) {
	e := quiet(t)
	db := openAt(t, history.Config{Path: filepath.Join(e["CUELIGHT_DATA"], historyFile)})
	now := clock.Instant(time.Now().UnixMicro())
	old := now.Add(-91 * 24 * time.Hour)
	record(t, db,
		&evening{channel: "one", cues: []history.Cue{asked("a", "Old?", old, 3)}, ends: []history.End{{At: old.Add(time.Hour)}}},
		&evening{channel: "one", cues: []history.Cue{asked("b", "Young?", now.Add(-89*24*time.Hour), 3)}, ends: []history.End{{At: old.Add(time.Hour)}, {At: now.Add(-88 * 24 * time.Hour)}}})
	titles := func() (out string) {
		shows, err := db.Shows(t.Context(), history.ShowsQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shows {
			results, err := db.Results(t.Context(), s.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				out += r.Title
			}
		}
		return out
	}
	if got := titles(); got != "Young?Old?" {
		t.Fatalf("recorded %s", got)
	}
	_, stop := announced(t, e, "serve", "--config", writeFile(t, "history: true\nhistory_keep: 90d\n"))
	until(t, "the old show deleted", titles, func(got string) bool { return got == "Young?" })
	if err := stop(); err != nil {
		t.Error(err)
	}
}
