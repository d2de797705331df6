package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/cuelight/cuelight/packager/archive"
)

// archiveSettings say what is kept of a channel on disk.
type archiveSettings struct {
	// Record makes recordings, which play at /vod/{channel}/{recording}/index.m3u8.
	Record bool `yaml:"record"`
	// Keep is how long recordings are kept, KeepBytes how much disk those of the
	// channel may take. Neither is limited by default.
	Keep      span     `yaml:"keep"`
	KeepBytes byteSize `yaml:"keep_bytes"`
	// Memory is how much media is kept in memory; what is older and in the window
	// is on disk. MemoryBytes is the same in bytes.
	Memory      span     `yaml:"memory"`
	MemoryBytes byteSize `yaml:"memory_bytes"`
}

// inMemory is the longest window that is kept without a disk, unless the
// settings say otherwise.
const inMemory = 2 * time.Minute

func (s archiveSettings) validate(bad func(string, ...any)) {
	if s.Keep.Duration < 0 {
		bad("keep: %v is less than nothing", s.Keep)
	}
	if s.Memory.Duration < 0 || s.Memory.Duration > 10*time.Minute {
		bad("memory: %v is not between 0 and 10m", s.Memory)
	}
	if s.MemoryBytes > 4<<30 {
		bad("memory_bytes: %v is more than 4G", s.MemoryBytes)
	}
}

// channelsFolder is where every channel has a folder.
func channelsFolder(data string) string { return filepath.Join(data, "channels") }

// openArchive opens the archive of a channel that needs one: because it is
// recorded, because its window is longer than the memory, or because it has
// recordings that grow old. Otherwise it returns nil.
func openArchive(data, name string, window time.Duration, s archiveSettings, log *slog.Logger) (*archive.Archive, error) {
	dir := filepath.Join(channelsFolder(data), name)
	memory := s.Memory.Duration
	if memory == 0 {
		memory = inMemory
	}
	if !s.Record && window <= memory && s.MemoryBytes == 0 {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	return archive.Open(archive.Config{
		Dir: dir, Record: s.Record, Keep: s.Keep.Duration, KeepBytes: int64(s.KeepBytes), Log: log.With("channel", name),
	})
}

// byteSize is a number of bytes as people write it: 500M, 20G.
type byteSize int64

// UnmarshalYAML reads a size with its unit.
func (b *byteSize) UnmarshalYAML(node ast.Node) error {
	text := strings.Trim(node.String(), ` "'`)
	v, err := parseBytes(text)
	if err != nil {
		at := node.GetToken().Position
		return fmt.Errorf("[%d:%d] %w", at.Line, at.Column, err)
	}
	*b = v
	return nil
}

// MarshalYAML writes the size in bytes.
func (b byteSize) MarshalYAML() ([]byte, error) { return []byte(b.String()), nil }

// String writes the size in bytes.
func (b byteSize) String() string { return strconv.FormatInt(int64(b), 10) }

func parseBytes(text string) (byteSize, error) {
	digits, shift := strings.TrimSuffix(text, "B"), 0
	if n := len(digits) - 1; n > 0 {
		if unit := strings.IndexByte("KMGT", digits[n]&^0x20); unit >= 0 && digits[n] > '9' {
			digits, shift = digits[:n], 10*(unit+1)
		}
	}
	v, err := strconv.ParseFloat(digits, 64)
	if size := v * float64(int64(1)<<shift); err == nil && size >= 0 && size < 1<<60 {
		return byteSize(size), nil
	}
	return 0, fmt.Errorf("%q is not a size: write it as 500M or 20G", text)
}

var (
	descRecording      = desc("recording_active", "Whether a recording is being written.", "channel")
	descRecordingBytes = desc("recording_bytes", "Media in the recording.", "channel")
	descWindowBytes    = desc("archive_window_bytes", "Media on disk for viewers who go back.", "channel")
	descArchiveWaiting = desc("archive_waiting_bytes", "Media that waits for the disk.", "channel")
	descArchiveWritten = desc("archive_segments_total", "Segments written to disk.", "channel")
	descArchiveDropped = desc("archive_dropped_total", "Segments lost, because the disk was slow, full or broken.", "channel")
	descArchiveErrors  = desc("archive_errors_total", "Errors of writing to disk.", "channel")
)

// collectArchive sends what an archive counts.
func collectArchive(name string, s archive.Stats, gauge, total meter) {
	gauge(descRecording, truth(s.Recording), name)
	gauge(descRecordingBytes, float64(s.Bytes), name)
	gauge(descWindowBytes, float64(s.WindowBytes), name)
	gauge(descArchiveWaiting, float64(s.Waiting), name)
	total(descArchiveWritten, float64(s.Written), name)
	total(descArchiveDropped, float64(s.Dropped), name)
	total(descArchiveErrors, float64(s.Errors), name)
}
