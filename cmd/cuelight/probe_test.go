package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// finished serves a channel that was finished after a show.
func finished(t *testing.T) *httptest.Server {
	t.Helper()
	onR := func(t clock.Ticks) clock.Instant { return 1_800_000_000_000_000 + clock.Instant(t.Micros()) }
	c, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 100})
	if err != nil {
		t.Fatal(err)
	}
	show := packagertest.Show{Start: 900_000, Duration: 12 * time.Second}
	if err := c.Begin(show.Tracks()); err != nil {
		t.Fatal(err)
	}
	for _, f := range show.Frames() {
		if err := c.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	o := origin.New(func(string) (*packager.Channel, bool) { return c, true }, origin.Config{})
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	return s
}

func TestProbeHLS(t *testing.T) {
	index := finished(t).URL + "/hls/show/index.m3u8"

	t.Run("a summary for people", func(t *testing.T) {
		out, err := command(t, nil, "probe", "hls", index, "--for", "10s")
		if code := exitCode(err); code != 0 {
			t.Errorf("exit code %d: %v", code, err)
		}
		for _, want := range []string{" rules hold, 0 failed", "not exercised", "2 playlists"} {
			if !strings.Contains(out, want) {
				t.Errorf("nothing says %q in\n%s", want, out)
			}
		}
	})

	t.Run("the same as JSON", func(t *testing.T) {
		out, err := command(t, nil, "probe", "hls", index, "--for", "10s", "--json")
		if err != nil {
			t.Fatal(err)
		}
		var r hlstest.Report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Results) != len(hlstest.Rules()) || r.Failed != 0 || r.Passed < 20 {
			t.Errorf("report %+v", r)
		}
		if n := r.Passed + r.Failed + r.Warned + r.Untested + r.NotApplicable; n != len(r.Results) {
			t.Errorf("the counts add up to %d of %d", n, len(r.Results))
		}
	})
}

func TestProbeExitCodes(t *testing.T) {
	broken := httptest.NewServer(brokenStream{})
	defer broken.Close()
	for _, tc := range []struct {
		name string
		args []string
		code int
		err  string
	}{
		{"a rule that does not hold", []string{broken.URL + "/v.m3u8", "--for", "10s"}, 1, "rules that must hold do not"},
		{"nobody there", []string{"http://127.0.0.1:1/index.m3u8", "--for", "10s"}, 2, "probe: "},
		{"no playlist", []string{broken.URL + "/page", "--for", "10s"}, 2, "not an HLS playlist"},
		{"too short a time", []string{broken.URL + "/v.m3u8", "--for", "5s"}, 2, "for: 5s is less than 10s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := command(t, nil, append([]string{"probe", "hls"}, tc.args...)...)
			if code := exitCode(err); code != tc.code || err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("exit code %d, want %d: %v", code, tc.code, err)
			}
			if tc.code == exitBroken && !strings.Contains(out, "fail C4") {
				t.Errorf("the rule is not named in\n%s", out)
			}
		})
	}
}

// brokenStream is a finished stream whose segment is longer than its target
// duration.
type brokenStream struct{}

func (brokenStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v.m3u8":
		io.WriteString(w, "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:9,\nv.ts\n#EXT-X-ENDLIST\n")
	case "/page":
		io.WriteString(w, "<html>")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
