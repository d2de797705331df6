package hlstest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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

// TestHostileServers expects a clear error, within the time, from servers that
// mean it ill.
func TestHostileServers(t *testing.T) {
	media := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:5\n#EXTINF:2.0,\nendless.mp4\n"
	for _, tc := range []struct {
		name  string
		serve http.HandlerFunc
		want  string // in the error; empty for a report
	}{
		{"an endless body", func(w http.ResponseWriter, _ *http.Request) {
			junk := strings.Repeat("#EXTM3U\n", 1<<13)
			for {
				if _, err := io.WriteString(w, junk); err != nil {
					return
				}
			}
		}, "longer than"},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, "redirects"},
		{"a redirect out of HTTP", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "not an http"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
		{"a body that does not end", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "#EXTM3U\n")
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "deadline"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, "not an HLS playlist"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "status 500"},
		{"broken gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "#EXTM3U\n")
		}, "gzip"},
		{"a variant that is not there", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/index.m3u8" {
				w.WriteHeader(404)
				return
			}
			io.WriteString(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n")
		}, "status 404"},
		{"media without end", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".m3u8") {
				io.WriteString(w, media)
				return
			}
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, ""},
		{"playlists that never wait", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".m3u8") {
				fmt.Fprint(w, strings.Replace(media, "#EXTINF", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXTINF", 1))
				return
			}
			w.WriteHeader(404)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c, err := collect(t, tc.serve, hlstest.Config{URL: "http://localhost/index.m3u8", For: 10 * time.Second})
				if took := time.Since(start); took > 45*time.Second {
					t.Errorf("it took %v", took)
				}
				if tc.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					if n := len(c.Renditions[0].Reloads); n > 200 {
						t.Errorf("%d reloads in ten seconds", n)
					}
					hlstest.Check(*c)
				} else if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
			})
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
