package hlstest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager/hlstest"
)

const (
	liveHead = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXT-X-MEDIA-SEQUENCE:5\n"
	live     = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:5\n#EXTINF:2.0,\nendless.mp4\n"
)

// says answers everything with a text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

// each answers with another text each time, made by f from how often it was asked.
func each(f func(n int64) string) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			io.WriteString(w, f(n.Add(1)))
		} else {
			w.WriteHeader(404)
		}
	}
}

// bomb is gzip that becomes a thousand times as long.
func bomb(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	_, err := z.Write([]byte("#EXTM3U\n"))
	for range 32 {
		if err == nil {
			_, err = z.Write(zeros)
		}
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// most is how long judging what a server sent may take, in real time, on a
// machine that is busy.
const most = 30 * time.Second

// TestHostileServers expects a clear error, within the time, from servers that
// mean it ill.
func TestHostileServers(t *testing.T) {
	packed := bomb(t)
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
				io.WriteString(w, live)
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
				fmt.Fprint(w, strings.Replace(live, "#EXTINF", "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n#EXTINF", 1))
				return
			}
			w.WriteHeader(404)
		}, ""},
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, packed)
		}, "longer than"},
		{"a body that trickles", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "#EXTM3U\n")
			for http.NewResponseController(w).Flush() == nil && sleepUntil(r.Context(), time.Now().Add(time.Second)) {
				io.WriteString(w, "#")
			}
		}, "deadline"},
		{"millions of lines", says("#EXTM3U\n" + strings.Repeat("#\n", 3_000_000)), "more than 200000 lines"},
		{"a line without end", says("#EXTM3U\n#" + strings.Repeat("x", 1<<20)), "longer than 65536 bytes"},
		{"a playlist that is a loop of redirects", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/index.m3u8" {
				io.WriteString(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv0.m3u8\n")
				return
			}
			http.Redirect(w, r, "/v"+r.URL.Path[1:], http.StatusTemporaryRedirect)
		}, "redirects"},
		{"media that is a loop of redirects", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".m3u8") {
				io.WriteString(w, live)
				return
			}
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, ""},
		{"media outside HTTP", says(strings.Replace(live, "endless.mp4", "file:///etc/passwd", 1)), ""},
		{"a great many variants", each(func(int64) string {
			return "#EXTM3U\n" + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\",URI=\"a.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nv.m3u8\n", 5_000)
		}), ""},
		{"other names for many segments each time", each(func(n int64) string {
			return liveHead + strings.Repeat(fmt.Sprintf("#EXTINF:2,\n%d.mp4\n", n), 10_000)
		}), ""},
		{"dates that go back", each(func(int64) string {
			var b strings.Builder
			b.WriteString(liveHead)
			for i := range 10_000 {
				fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n#EXTINF:2,\n%d.mp4\n", time.Unix(int64(1e9-i), 0).UTC().Format(time.RFC3339), i)
			}
			return b.String()
		}), ""},
		{"a great many date ranges", each(func(n int64) string {
			return live + strings.Repeat(fmt.Sprintf("#EXT-X-DATERANGE:ID=\"%d\",START-DATE=\"2026-01-01T00:00:00Z\",X-A=1\n", n), 20_000)
		}), ""},
		{"a great many parts", each(func(n int64) string {
			return liveHead + "#EXT-X-PART-INF:PART-TARGET=0.3\n" + strings.Repeat(fmt.Sprintf("#EXT-X-PART:DURATION=0.3,URI=\"%d.mp4\"\n", n), 20_000)
		}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				c, err := collect(t, tc.serve, hlstest.Config{URL: "http://localhost/index.m3u8", For: 4 * time.Second})
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
			if took := time.Since(began); took > most {
				t.Errorf("judging took %v", took)
			}
		})
	}
}

// TestWrongContentType expects a playlist that says it is a page to be judged,
// not refused.
func TestWrongContentType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := collect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, live)
		}), hlstest.Config{URL: "http://localhost/index", For: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got := broken(hlstest.Check(*c)); !slices.Contains(got, "C1") {
			t.Errorf("broken are %v, want C1 among them", got)
		}
	})
}
