package rtmp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/rtmp"
)

func TestStreamKeys(t *testing.T) {
	for _, tc := range []struct {
		app, name, channel string
		key                ingest.Secret
	}{
		{"live", "show:K", "show", "K"},
		{"live/", "/show:K", "show", "K"},
		{"live", "show%3AK", "show", "K"},
		{"live", "show/K", "show", "K"},
		{"live", "show?key=K", "show", "K"},
		{"live?key=K", "show", "show", "K"},
		{"live?key=K&x=y", "show?z=1", "show", "K"},
		{"live?key=OTHER", "show?key=K", "show", "K"},
		{"live?user=ann", "show:K", "show", "K"},
		{"live", "K", "", "K"},
		{"show", "K", "show", "K"},
		{"live/show:K", "", "show", "K"},
		{"live/show", "K", "show", "K"},
		{"show?key=K", "", "show", "K"},
		{"livery", "K", "livery", "K"},
		{"live", "", "", ""},
		{"", "show:K", "show", "K"},
		{"live", "sh%zzow:K", "sh%zzow", "K"},
		{"live", "show:" + strings.Repeat("K", 600), "", ""},
	} {
		channel, key := rtmp.StreamKey(tc.app, tc.name)
		if channel != tc.channel || key != tc.key {
			t.Errorf("IG66 app %q, name %q: %q %q, want %q %q", tc.app, tc.name, channel, string(key), tc.channel, string(tc.key))
		}
	}
}

func TestEncoderClockFormats(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 14, 15, 250_000_000, time.UTC)
	for _, tc := range []struct{ date, time string }{
		{"23-11-2026", "13:14:15.250"}, {"2026-11-23", "13:14:15.25"}, {"23/11/2026", "13:14:15,250"}, {"23.11.26", " 13:14:15.250 "},
		{"11/23/2026", "13:14:15.250"}, {"2026/11/23", "08:14:15.250"}, {"24-11-2026", "00:14:15.250"},
	} {
		if got, ok := rtmp.ClockTime(tc.date, tc.time, at.Add(3*time.Second)); !ok || !got.Equal(at) {
			t.Errorf("IG63 %q %q is %v, %v", tc.date, tc.time, got, ok)
		}
	}
	for _, tc := range []struct{ date, time string }{
		{"", ""}, {"23-11-2026", ""}, {"", "13:14:15.250"}, {"23-11-2026", "13:14:15"}, {"23-11-2026", "13:14:15:07"}, {"32-13-2026", "13:14:15.250"},
		{"2026-11-23", "25:14:15.250"}, {"2026-11-23", "13:14:15.x"}, {strings.Repeat("1-", 999), "13:14:15.250"}, {"2026-11", "13:14:15.250"},
	} {
		if got, ok := rtmp.ClockTime(tc.date, tc.time, at); ok {
			t.Errorf("IG63 %q %q is %v", tc.date, tc.time, got)
		}
	}
}

func TestEncoderNames(t *testing.T) {
	for text, want := range map[string]string{
		"Lavf59.27.100": "Lavf59.27.100", " a\x00b\nc ": "abc", "K\u00f6ln \xff\u202e": "K\u00f6ln", strings.Repeat("\u00e4", 99): strings.Repeat("\u00e4", 64),
	} {
		if got := rtmp.Printable(text); got != want {
			t.Errorf("IG63 %q is shown as %q, want %q", text, got, want)
		}
	}
}
