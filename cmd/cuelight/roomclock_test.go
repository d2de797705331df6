package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRoomClockSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	first, err := openRoomClock(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	second, err := openRoomClock(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if first.Epoch() != second.Epoch() {
		t.Errorf("epoch %d became %d on the same boot", first.Epoch(), second.Epoch())
	}
	now := time.Now()
	if d := second.At(now).Sub(first.At(now)).Abs(); d > 5*time.Millisecond {
		t.Errorf("the clock moved by %v over the restart", d)
	}
}

func TestRoomClockStartsAnewAfterABoot(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	for name, content := range map[string]string{
		"another boot": `{"boot_id":"other","epoch":4000000000,"offset_us":5}`,
		"a torn file":  `{"boot_id":"oth`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "clock.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			room, err := openRoomClock(dir, log)
			if err != nil {
				t.Fatal(err)
			}
			if name == "another boot" && room.Epoch() != 4000000001 {
				t.Errorf("epoch = %d, want the next one", room.Epoch())
			}
			now := time.Now()
			if d := room.At(now).Time().Sub(now).Abs(); d > time.Second {
				t.Errorf("new clock is %v from the wall clock", d)
			}
		})
	}
}
