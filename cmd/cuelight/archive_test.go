package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

func TestArchiveSettings(t *testing.T) {
	var s archiveSettings
	text := "record: true\nkeep: 168h\nkeep_bytes: 20G\nmemory: 1m\nmemory_bytes: 1.5M\n"
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	want := archiveSettings{Record: true, Keep: span{168 * time.Hour}, KeepBytes: 20 << 30, Memory: span{time.Minute}, MemoryBytes: 3 << 19}
	if s != want {
		t.Errorf("read %+v, want %+v", s, want)
	}
	for text, want := range map[string]byteSize{"0": 0, "77": 77, "500M": 500 << 20, "1k": 1024, "2TB": 2 << 40, "12B": 12} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "-1", "1X", "1e30", "nan", "many"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
}

func TestOpenArchive(t *testing.T) {
	data := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	for _, tc := range []struct {
		name   string
		window time.Duration
		s      archiveSettings
		want   bool
	}{
		{"short", time.Minute, archiveSettings{}, false},
		{"long", time.Hour, archiveSettings{}, true},
		{"recorded", time.Minute, archiveSettings{Record: true}, true},
		{"small", time.Minute, archiveSettings{Memory: span{30 * time.Second}}, true},
		{"recorded", time.Minute, archiveSettings{}, true}, // its recordings grow old
	} {
		a, err := openArchive(data, tc.name, tc.window, tc.s, log)
		if err != nil || (a != nil) != tc.want {
			t.Errorf("%s with a window of %v: archive %v, %v; want one: %v", tc.name, tc.window, a != nil, err, tc.want)
		}
	}
}
