package hlstest_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

// files makes a finished stream with ffmpeg and serves it.
func files(t *testing.T, args ...string) *httptest.Server {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", slices.Concat([]string{
		"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=192x108:rate=30", "-f", "lavfi", "-i", "sine", "-t", "9",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod",
	}, args, []string{filepath.Join(dir, "index.m3u8")})...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	s := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(s.Close)
	return s
}

func statuses(r *hlstest.Report) map[string]hlstest.Status {
	list := map[string]hlstest.Status{}
	for _, x := range r.Results {
		list[x.Rule] = x.Status
	}
	return list
}

func TestFinishedStreams(t *testing.T) {
	for _, tc := range []struct {
		name      string
		args      []string
		container hlstest.Container
		want      map[string]hlstest.Status
	}{
		{"MPEG-TS", nil, hlstest.MPEGTS, map[string]hlstest.Status{
			"C1": "pass", "C3": "pass", "C5": "pass", "P2": "not_applicable", "B1": "not_applicable", "D1": "not_applicable",
			"M1": "not_applicable", "M3": "not_applicable", "C10": "not_applicable", "R1": "not_applicable",
		}},
		{"fragmented MP4", []string{"-hls_segment_type", "fmp4"}, hlstest.FMP4, map[string]hlstest.Status{
			"C1": "pass", "C4": "pass", "C10": "pass", "M2": "pass", "M3": "pass", "M4": "pass", "P9": "pass", "P2": "not_applicable", "S1": "not_applicable",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := hlstest.Probe(t.Context(), hlstest.Config{URL: files(t, tc.args...).URL + "/index.m3u8", For: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			got := statuses(r)
			for rule, want := range tc.want {
				if got[rule] != want {
					t.Errorf("%s is %s, want %s", rule, got[rule], want)
				}
			}
			if r.Container != tc.container || r.Live || r.LowLatency || len(r.Results) != len(hlstest.Rules()) {
				t.Errorf("report %+v", r)
			}
			if t.Failed() {
				t.Log(describe(r.Results))
			}
		})
	}
}

func TestBadURL(t *testing.T) {
	for _, u := range []string{"", "ftp://host/index.m3u8", "://", "file:///etc/passwd", "http://127.0.0.1:1/index.m3u8"} {
		if _, err := hlstest.Probe(t.Context(), hlstest.Config{URL: u}); err == nil {
			t.Errorf("%q was probed", u)
		}
	}
}
