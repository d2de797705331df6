package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cuelight/cuelight/sync/clock"
)

// savedClock lets a restart on the same boot continue the room clock: R is
// the boot clock plus Offset, whatever the wall clock did meanwhile.
type savedClock struct {
	Boot   string `json:"boot_id"`
	Epoch  uint32 `json:"epoch"`
	Offset int64  `json:"offset_us"`
}

// openRoomClock continues the room clock kept in dir, or starts a new one with
// a new epoch if the machine was booted since or the file cannot be read.
func openRoomClock(dir string, log *slog.Logger) (*clock.Room, error) {
	file := filepath.Join(dir, "clock.json")
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	sinceBoot, err := sinceBoot()
	if err != nil {
		return nil, err
	}
	saved, err := readClock(file)
	switch {
	case err == nil && saved.Boot == boot:
		return clock.NewRoom(now, clock.Instant(sinceBoot+saved.Offset), saved.Epoch), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		log.Warn("room clock starts anew: its file cannot be read", "err", err)
	}
	base := clock.InstantOf(now)
	fresh := savedClock{Boot: boot, Epoch: nextEpoch(saved.Epoch, now), Offset: int64(base) - sinceBoot}
	if err := writeClock(file, fresh); err != nil {
		return nil, err
	}
	return clock.NewRoom(now, base, fresh.Epoch), nil
}

// nextEpoch differs from last even if the wall clock went back.
func nextEpoch(last uint32, now time.Time) uint32 {
	return max(last+1, uint32(now.Unix()))
}

func readClock(file string) (savedClock, error) {
	var saved savedClock
	text, err := os.ReadFile(file)
	if err != nil {
		return saved, err
	}
	if err := json.Unmarshal(text, &saved); err != nil {
		return savedClock{}, fmt.Errorf("read %s: %w", file, err)
	}
	return saved, nil
}

func writeClock(file string, saved savedClock) error {
	text, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	part := file + ".part"
	if err := os.WriteFile(part, text, 0o600); err != nil {
		return fmt.Errorf("save the room clock: %w", err)
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("save the room clock: %w", err)
	}
	return nil
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("learn which boot this is: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}

// sinceBoot is the machine's uptime in µs, time asleep included.
func sinceBoot() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the boot clock: %w", err)
	}
	return ts.Nano() / 1000, nil
}
