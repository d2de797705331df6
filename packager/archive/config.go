package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config says what is kept of a channel. Dir must be set, all else has a
// default.
type Config struct {
	// Dir is the channel's folder. It is made if it is not there.
	Dir string
	// Record makes recordings. Default: segments are kept for the window only.
	Record bool
	// Silence is how long no media may come before the recording is closed.
	// Default 10m.
	Silence time.Duration
	// Longest is when a recording is closed and the next one begins. Default 24h.
	Longest time.Duration
	// Keep is how long recordings are kept after their end, KeepBytes how many
	// bytes all of them may have together. Defaults 0, which is without end.
	Keep      time.Duration
	KeepBytes int64
	// KeepFree is how many bytes of the disk are left to others: nothing is
	// written while there is less room. Default 1 GiB; negative is none.
	KeepFree int64
	// QueueBytes is how much media may wait for the disk. Default 64 MiB.
	QueueBytes int
	// MaxOpen is how many files of the window may be read at once. Default 256.
	MaxOpen int
	// Log gets what people should know. Default: nothing.
	Log *slog.Logger
}

// Validate reports every setting that cannot be used, each beginning with the
// name of the setting. Settings left out count as their defaults.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Dir == "" {
		bad("dir: the channel's folder is needed")
	}
	if c.Silence < 0 || c.Longest < 0 {
		bad("silence, longest: %v and %v: neither can be less than nothing", c.Silence, c.Longest)
	}
	if c.Keep < 0 || c.KeepBytes < 0 {
		bad("keep, keep_bytes: %v and %d: neither can be less than nothing; 0 keeps everything", c.Keep, c.KeepBytes)
	}
	if c.QueueBytes < 0 || c.MaxOpen < 0 {
		bad("queue_bytes, max_open: %d and %d: neither can be less than nothing", c.QueueBytes, c.MaxOpen)
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Silence == 0 {
		c.Silence = 10 * time.Minute
	}
	if c.Longest == 0 {
		c.Longest = 24 * time.Hour
	}
	if c.KeepFree == 0 {
		c.KeepFree = 1 << 30
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 256
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
