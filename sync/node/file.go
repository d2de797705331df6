package node

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// saved is what lets another process on the same boot continue R.
type saved struct {
	Boot  string `json:"boot_id"`
	Epoch uint32 `json:"epoch"`
	// Offset is R less the boot clock. Units: µs.
	Offset int64 `json:"offset_us"`
}

// offset is Offset as a time.Duration.
func (s saved) offset() time.Duration { return time.Duration(s.Offset) * time.Microsecond }

// maxOffset is 200 years. Units: µs.
const maxOffset = 200 * 365 * 24 * int64(time.Hour/time.Microsecond)

// maxFile is the most that is read of the file.
const maxFile = 4096

func read(file string) (saved, error) {
	f, err := os.Open(file)
	if err != nil {
		return saved{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return saved{}, fmt.Errorf("read the room clock: %w", err)
	}
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return saved{}, fmt.Errorf("read the room clock: %w", err)
	}
	if s.Offset < 0 || s.Offset > maxOffset {
		return s, fmt.Errorf("read the room clock: %d µs after the boot clock cannot be", s.Offset)
	}
	return s, nil
}

// write replaces the file in one step. With sync it is on the disk when write
// returns; without, a crash of the machine may lose it, and the boot with it.
func write(file string, s saved, sync bool) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return fmt.Errorf("save the room clock: %w", err)
	}
	defer os.Remove(part.Name()) // fails once it was renamed
	_, err = part.Write(text)
	if err == nil && sync {
		err = part.Sync()
	}
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("save the room clock: %w", err)
	}
	return nil
}
