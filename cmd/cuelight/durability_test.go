package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
)

func TestDurability(t *testing.T) {
	t.Run("ST32 log unless told otherwise", func(t *testing.T) {
		s, err := readSettings("", listenFlags{})
		if err != nil || s.Durability != "log" {
			t.Errorf("durability = %q, %v", s.Durability, err)
		}
	})
	t.Run("ST32 memory", func(t *testing.T) {
		srv := &server{log: slog.New(slog.DiscardHandler), settings: settings{Data: t.TempDir(), Durability: "memory"}}
		if err := srv.openStore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if srv.store.Level() != interact.LevelMemory {
			t.Errorf("receipts name %q", srv.store.Level())
		}
		other := &server{log: slog.New(slog.DiscardHandler), settings: settings{Data: srv.settings.Data, Durability: "log"}}
		if err := other.openStore(t.Context()); err == nil {
			t.Error("ST14 a second server has the same data folder")
		}
		if err := srv.closeStore(); err != nil {
			t.Fatal(err)
		}
		if err := other.openStore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.closeStore(); err != nil {
			t.Fatal(err)
		}
	})
	for level, want := range map[string]string{"replicated": "more than one machine", "disk": "neither log nor memory"} {
		t.Run("ST32 "+level+" is refused", func(t *testing.T) {
			_, err := readSettings(writeFile(t, "durability: "+level+"\n"), listenFlags{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v, want %q in it", err, want)
			}
		})
	}
}

// TestLogThatCannotBeWritten shows a producer what viewers are told.
func TestLogThatCannotBeWritten(t *testing.T) {
	full := interact.Errorf(interact.CodeUnavailable, "The log cannot be written.")
	disk := &interacttest.Memory{}
	srv := &server{store: &watched{Store: disk}}
	write := func() {
		r := interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte("x")}
		srv.store.Append(t.Context(), []interact.Record{r})
	}
	said := func() bool {
		h := srv.advise(wire.Health{Advice: []string{"other"}})
		return len(h.Advice) == 2 && h.Advice[0] == unwritable
	}
	write()
	if said() {
		t.Error("ST29 advice about a log that is written")
	}
	disk.Commit = func([]interact.Record) error { return full }
	write()
	if !said() {
		t.Error("ST29 no advice about a log that cannot be written")
	}
	disk.Commit = nil
	write()
	if said() {
		t.Error("ST29 the advice stays")
	}
}

// cuelight runs the program and returns what it prints and its exit code.
func cuelight(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, func(string) string { return "" }, &out, &out)
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), exitCode(err)
}

func TestLogCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), logFile)
	s, err := embedded.Open(context.Background(), file, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		r := interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(text)}
		if err := s.Append(t.Context(), []interact.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	if got, exit := cuelight(t, "log", "check", file); exit != exitUnreadable || !strings.Contains(got, "another process") {
		t.Errorf("ST28 a log in use: %d, %s", exit, got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, exit := cuelight(t, "log", "check", file); exit != 0 || !strings.Contains(got, "show: 3 records") || !strings.Contains(got, "whole") {
		t.Errorf("ST28 a whole log: %d, %s", exit, got)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, []byte("two"))] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, exit := cuelight(t, "log", "check", file); exit != exitDamaged || !strings.Contains(got, "record 2") || !strings.Contains(got, "salvage") {
		t.Errorf("ST28 a damaged log: %d, %s", exit, got)
	}
	to := filepath.Join(t.TempDir(), "new.db")
	if got, exit := cuelight(t, "log", "salvage", file, "--to", to); exit != 0 || !strings.Contains(got, "show: 1 records") || !strings.Contains(got, "2 more left out") {
		t.Errorf("ST28 salvaging: %d, %s", exit, got)
	}
	if got, exit := cuelight(t, "log", "check", to); exit != 0 || !strings.Contains(got, "show: 1 records") {
		t.Errorf("ST28 what was salvaged: %d, %s", exit, got)
	}
	if got, exit := cuelight(t, "log", "salvage", file, "--to", to); exit != exitUnreadable || !strings.Contains(got, to) {
		t.Errorf("ST28 over an existing file: %d, %s", exit, got)
	}
}
