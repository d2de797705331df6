package ingest_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/ingest"
)

func TestParseKey(t *testing.T) {
	for _, tc := range []struct {
		name, in, channel, key string
	}{
		{"IG13 channel and key", "show:SECRET", "show", "SECRET"},
		{"IG13 as a path", "show/SECRET", "show", "SECRET"},
		{"IG13 as a query", "show?key=SECRET", "show", "SECRET"},
		{"IG13 among other parameters", "show?a=b&key=SECRET&c=d", "show", "SECRET"},
		{"IG13 a key alone", "SECRET", "", "SECRET"},
		{"IG13 leading slash", "/show:SECRET", "show", "SECRET"},
		{"IG13 other parameters are ignored", "show:SECRET?a=b", "show", "SECRET"},
		{"IG13 a channel alone reads as a key", "show", "", "show"},
		{"IG13 only the first separator counts", "show:a:b", "show", "a:b"},
		{"IG13 empty", "", "", ""},
		{"IG13 too long", strings.Repeat("a", 513), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			channel, key := ingest.ParseKey(tc.in)
			if channel != tc.channel || string(key) != tc.key {
				t.Errorf("ParseKey(%q) = %q, %q; want %q, %q", tc.in, channel, string(key), tc.channel, tc.key)
			}
		})
	}
}

func TestSecretHides(t *testing.T) {
	var out strings.Builder
	s := ingest.Secret("tumbleweed")
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "key", s, "request", ingest.Request{Key: s})
	fmt.Fprintf(&out, "%v %s %#v %+v", s, s, s, ingest.Request{Key: s})
	if strings.Contains(out.String(), "tumbleweed") {
		t.Errorf("IG17 a secret shows: %s", out.String())
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"show:SECRET", "show?key=SECRET", "/a/b?c", "?key=", "::", "%zz?key=%zz", "a?key=b%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		channel, key := ingest.ParseKey(text)
		if len(channel) > len(text) || len(key) > len(text) {
			t.Errorf("more came out than went in: %q → %q, %q", text, channel, string(key))
		}
		if strings.ContainsAny(channel, ":/?") {
			t.Errorf("channel %q holds a separator", channel)
		}
	})
}
