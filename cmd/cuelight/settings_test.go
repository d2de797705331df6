package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cuelight.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSettingsPrecedence(t *testing.T) {
	file := writeFile(t, "http: :1\nrtmp: :2\nsrt: off\nchannels:\n  quiz:\n    latency: 2s\n")
	s, err := readSettings(file, listenFlags{HTTP: ":9"})
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTP != ":9" || s.RTMP != ":2" || s.SRT != off || s.RTSP != ":8554" {
		t.Errorf("flag, file, file, default = %s %s %s %s", s.HTTP, s.RTMP, s.SRT, s.RTSP)
	}
	if got := s.Channels["quiz"]; got.Latency.Duration != 2*time.Second || got.Segment.Duration != 2*time.Second {
		t.Errorf("channel = %+v", got)
	}
}

func TestSettingsRefuse(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"an unknown key with its line", "http: :1\nhtpp: :2\n", "[2:1]"},
		{"an unknown key of a channel with its line", "channels:\n  show:\n    latncy: 2s\n", "[3:5]"},
		{"an address without a port", "http: localhost\n", "http: "},
		{"a port that is none", "srt: :http\n", "srt: "},
		{"http off", "http: off\n", "http: "},
		{"a duration without a unit", "channels:\n  show:\n    latency: soon\n", "[3"},
		{"a latency no player can hold", "channels:\n  show:\n    latency: 100ms\n", "channels.show.latency"},
		{"a name that is no path segment", "channels:\n  \"a/b\": {}\n", "channels.a/b"},
		{"a key that can be guessed", "channels:\n  show:\n    key: abc\n", "channels.show.key"},
		{"two keys", "channels:\n  show:\n    key: abcdefgh\n    key_file: x\n", "channels.show.key"},
		{"a log level nobody has", "log_level: loud\n", "log_level"},
		{"a crowd too large", "viewers: 100000\n", "viewers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readSettings(writeFile(t, tc.file), listenFlags{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestSettingsReportAllProblems(t *testing.T) {
	_, err := readSettings(writeFile(t, "http: x\nlog_level: y\nlog_format: z\n"), listenFlags{})
	for _, want := range []string{"http: ", "log_level: ", "log_format: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

// The sample file is the manual: it loads, and what it says is the default.
func TestSampleFileIsTheDefaults(t *testing.T) {
	sample, err := readSettings("../../docs/cuelight.yaml", listenFlags{})
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := readSettings("", listenFlags{})
	if err != nil {
		t.Fatal(err)
	}
	if *sample.Viewers != defaultViewers {
		t.Errorf("viewers = %d, default is %d", *sample.Viewers, defaultViewers)
	}
	sample.Viewers = nil
	if !reflect.DeepEqual(sample, defaults) {
		t.Errorf("sample  %+v\ndefault %+v", sample, defaults)
	}
}
