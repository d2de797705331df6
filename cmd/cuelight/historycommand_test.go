package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/sync/clock"
)

// threeKept is a data folder with the history of three shows.
func threeKept(t *testing.T) (folder string, e env) {
	t.Helper()
	folder = t.TempDir()
	threeShows(t, openAt(t, history.Config{Path: filepath.Join(folder, historyFile)}))
	return folder, env{"CUELIGHT_DATA": folder}
}

func TestHistoryList(t *testing.T) {
	_, e := threeKept(t)
	out, err := command(t, e, "history", "list")
	if err != nil || strings.Count(out, "\n") != 4 || !strings.Contains(out, "2     two      blue    2020-09-13T12:26:39Z") || !strings.Contains(out, "2020-09-13T12:28:40Z (producer)") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = command(t, e, "history", "list", "--channel", "one", "--limit", "1", "--before", "3")
	if err != nil || strings.Count(out, "\n") != 2 || !strings.Contains(out, "\n1     one") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestHistoryRefuses(t *testing.T) {
	folder, e := threeKept(t)
	there := filepath.Join(folder, "there.csv")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	away := writeFile(t, "postgres: {dsn: \"postgres://u:swordfish@127.0.0.1:1/d\"}\n")
	none := t.TempDir()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "--data", none}, "there is no history at " + none},
		{[]string{"list", "--limit", "0"}, "limit: 0"},
		{[]string{"list", "--before=-1"}, "before: -1"},
		{[]string{"list", "--config", away}, "cannot be reached"},
		{[]string{"export", "9"}, "there is no show 9"},
		{[]string{"export", "1", "--format", "xlsx"}, "--format"},
		{[]string{"export", "1", "--out", there}, "there is a file"},
		{[]string{"export", "9", "--out", filepath.Join(folder, "new.csv")}, "there is no show 9"},
		{[]string{"delete", "9", "--yes"}, "there is no show 9"},
		{[]string{"delete", "1"}, "nothing was done"},
		{[]string{"erase", "@p000000"}, "nothing was done"},
		{[]string{"erase", "", "--yes"}, "participant: "},
	} {
		_, err := command(t, e, append([]string{"history"}, tc.args...)...)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%v: %v, want %q", tc.args, err, tc.want)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("a file was overwritten: %s %v", text, err)
	}
	for _, path := range []string{filepath.Join(folder, "new.csv"), filepath.Join(none, historyFile)} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
	if out, err := command(t, e, "history", "export", "1"); err != nil || strings.Count(out, "\n") != 12 {
		t.Errorf("something was deleted: %v\n%s", err, out)
	}
}

func TestHistoryExportsErasesDeletes(t *testing.T) {
	folder, e := threeKept(t)
	file := filepath.Join(folder, "one-1.json")
	if _, err := command(t, e, "history", "export", "1", "--format", "json", "--out", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `"@p000006"`) || !strings.HasSuffix(string(text), "]}\n") {
		t.Errorf("%v %s", err, text)
	}
	out, err := command(t, e, "history", "erase", "@p000000", "--yes")
	if err != nil || !strings.Contains(out, "answers: 3") { // of cues a, b and c
		t.Errorf("HI15 %v %s", err, out)
	}
	if out, err := command(t, e, "history", "export", "1"); err != nil || strings.Contains(out, "@p000000") || strings.Count(out, "\n") != 10 {
		t.Errorf("HI15 %v\n%s", err, out)
	}
	if out, err := command(t, e, "history", "delete", "1", "--yes"); err != nil || !strings.Contains(out, "deleted show 1 of channel one") {
		t.Errorf("HI14 %v %s", err, out)
	}
	if out, err := command(t, e, "history", "list"); err != nil || strings.Contains(out, "\n1 ") || strings.Count(out, "\n") != 3 {
		t.Errorf("HI14 %v\n%s", err, out)
	}
}

// A show that goes on is not deleted under its recorder.
func TestHistoryKeepsARunningShow(t *testing.T) {
	folder := t.TempDir()
	now := clock.Instant(time.Now().UnixMicro())
	record(t, openAt(t, history.Config{Path: filepath.Join(folder, historyFile)}),
		&evening{channel: "one", cues: []history.Cue{asked("a", "Now?", now.Add(-time.Minute), 1)}})
	out, err := command(t, env{"CUELIGHT_DATA": folder}, "history", "delete", "1", "--yes")
	if err == nil || !strings.Contains(err.Error(), "still going on") {
		t.Errorf("%v %s", err, out)
	}
}

// The commands go where the server's configuration says.
func TestHistoryInPostgreSQL(t *testing.T) {
	_, dsn := postgresHere(t)
	threeShows(t, openAt(t, history.Config{DSN: dsn}))
	secret := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(secret, []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, fmt.Sprintf("postgres: {dsn_file: %q}\n", secret))
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, "2     two"},
		{[]string{"export", "2"}, "'@p000000"},
		{[]string{"erase", "@p000000", "--yes"}, "answers: 3"},
		{[]string{"delete", "3", "--yes"}, "deleted show 3"},
	} {
		out, err := command(t, env{"CUELIGHT_CONFIG": file}, append([]string{"history"}, tc.args...)...)
		if err != nil || !strings.Contains(out, tc.want) {
			t.Errorf("%v: %v\n%s", tc.args, err, out)
		}
	}
}
