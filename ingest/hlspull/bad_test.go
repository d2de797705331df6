package hlspull_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/hlspull"
	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// handler serves requests without a network.
type handler func(w http.ResponseWriter, r *http.Request)

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	res := w.Result()
	res.Request = r
	return res, r.Context().Err()
}

// endless is a body without an end.
type endless struct{}

func (endless) RoundTrip(r *http.Request) (*http.Response, error) {
	res := respond(r, http.StatusOK, nil)
	res.Body = io.NopCloser(zeros{})
	return res, nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// silent is a server that accepts and says nothing.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func playlistOf(lines ...string) string {
	return "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:1\n" + strings.Join(lines, "\n") + "\n"
}

func serving(playlist string, files map[string][]byte) handler {
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if body, ok := files[name]; ok {
			_, _ = w.Write(body)
		} else if name == "index.m3u8" {
			_, _ = io.WriteString(w, playlist)
		} else {
			http.NotFound(w, r)
		}
	}
}

func TestBadSources(t *testing.T) {
	ac3 := record(t, 3, inAC3...)
	const ts = "#EXTINF:1,\na.ts\n#EXTINF:1,\nb.ts"
	for _, tc := range []struct {
		name string
		from http.RoundTripper
		want string
	}{
		{"IG94 not found", handler(http.NotFound), "404 Not Found"},
		{"IG94 HTML", serving("<html><body>Sign in</body></html>", nil), "this is not an HLS playlist"},
		{"IG94 an empty playlist", serving("#EXTM3U\n", nil), "this is not an HLS playlist"},
		{"IG94 no target duration", serving("#EXTM3U\n"+ts, nil), "this is not an HLS playlist"},
		{"IG94 noise", serving(string([]byte{0xff, 0xfe, 0, 1, '\n', '#'}), nil), "this is not an HLS playlist"},
		{"IG94 a body without end", endless{}, "more than 1024 KiB at once"},
		{"IG94 a silent server", silent{}, "has not answered within 10s"},
		{"IG94 encrypted", serving(playlistOf(`#EXT-X-KEY:METHOD=AES-128,URI="k"`, ts), nil), "encrypted"},
		{"IG94 ended", serving(playlistOf(ts, "#EXT-X-ENDLIST"), nil), "the source has ended"},
		{"IG94 segments that are not there", serving(playlistOf(ts), nil), "404 Not Found"},
		{"IG94 segments of another kind", serving(playlistOf(ts), map[string][]byte{"a.ts": []byte("<html>")}), "neither MPEG-TS nor fragmented MP4"},
		{"IG94 a transport stream of nothing", serving(playlistOf(ts), map[string][]byte{"a.ts": bytes.Repeat([]byte{0x47}, 1880)}), "makes no sense"},
		{"IG94 fragments of nothing", serving(playlistOf(`#EXT-X-MAP:URI="i"`, ts), map[string][]byte{"a.ts": []byte("moof"), "i": []byte("moov")}), "initialisation section makes no sense"},
		{"IG94 segments without end", serving(playlistOf(ts), map[string][]byte{"a.ts": make([]byte, 65<<20)}), "more than 65536 KiB at once"},
		{"IG94 a range beyond the end", serving(playlistOf("#EXTINF:1,\n#EXT-X-BYTERANGE:100@50\na.ts"), map[string][]byte{"a.ts": make([]byte, 100)}), "lies beyond the end"},
		{"IG94 segments elsewhere than on the web", serving(playlistOf("#EXTINF:1,\nfile:///etc/passwd"), nil), "only http and https"},
		{"IG5 a codec in a multivariant playlist", serving("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"ec-3\"\nb.m3u8\n", nil), `codec "ec-3" is not supported`},
		{"IG5 a codec in segments", newOrigin(ac3, ac3), "AC-3 is not supported"},
		{"IG94 redirects without end", handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}), "more than 5 redirects"},
		{"IG94 a redirect elsewhere than on the web", handler(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}), "only http and https"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if o, ok := tc.from.(*origin); ok {
					o.begun = time.Now()
				}
				r := pull(t, tc.from)
				time.Sleep(15 * time.Second)
				synctest.Wait()
				if up, text := r.puller.State(); up || !strings.Contains(text, tc.want) || strings.Contains(text, secret) {
					t.Errorf("state = %v, %q; want %q", up, text, tc.want)
				}
				if n := len(r.Heard().Begins); n != 0 {
					t.Errorf("%d sessions began", n)
				}
				r.stop()
			})
		})
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	made := record(t, 10, inTS...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		r := pull(t, handler(func(w http.ResponseWriter, r *http.Request) {
			if path, ok := strings.CutPrefix(r.URL.Path, "/elsewhere/"); ok {
				r.URL.Path = "/" + path
				res, err := o.RoundTrip(r)
				if err != nil {
					t.Error(err)
					return
				}
				w.WriteHeader(res.StatusCode)
				_, _ = io.Copy(w, res.Body)
				return
			}
			http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusFound)
		}))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if up, text := r.puller.State(); !up {
			t.Errorf("IG94 not connected: %s", text)
		}
		for _, req := range o.requests {
			if strings.Contains(req, secret) && strings.Contains(req, ".seg") {
				t.Errorf("IG17 segments are asked for with the playlist's token: %s", req)
			}
		}
		r.stop()
	})
}

func TestABadSegmentNowAndThen(t *testing.T) {
	made := record(t, 14, inTS...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		failed := make(map[string]int)
		r := pull(t, handler(func(w http.ResponseWriter, r *http.Request) {
			if failed[r.URL.Path]++; failed[r.URL.Path] < 2 && strings.HasSuffix(r.URL.Path, "6.seg") {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			if strings.HasSuffix(r.URL.Path, "-8.seg") {
				http.NotFound(w, r)
				return
			}
			res, err := o.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return
			}
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body)
		}))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		h := r.Heard()
		if len(h.Begins) != 1 || len(h.Ends) != 0 {
			t.Errorf("IG94 %d sessions, ends %v", len(h.Begins), h.Ends)
		}
		missed := 0
		for i, f := range h.Frames[1:] {
			if f.Track == h.Tracks[0].ID && f.Key && i > 0 && f.DTS-h.Frames[i].DTS > 80000 {
				missed++
			}
		}
		if missed != 1 {
			t.Errorf("IG94 %d segments missed, want the one that is not there", missed)
		}
		r.stop()
	})
}

func TestAnOriginThatBeginsAnew(t *testing.T) {
	made := record(t, 16, inTS...)
	synctest.Test(t, func(t *testing.T) {
		before, after := newOrigin(made), newOrigin(made)
		before.first = 1000
		switched := time.Now().Add(6 * time.Second)
		r := pull(t, handler(func(w http.ResponseWriter, r *http.Request) {
			o := before
			if time.Now().After(switched) {
				o = after
			}
			res, err := o.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return
			}
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body)
		}))
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if h := r.Heard(); len(h.Begins) != 2 {
			t.Errorf("IG90 %d sessions, want a second one: ends %v", len(h.Begins), h.Ends)
		}
		r.stop()
	})
}

// TestOverTheNetwork uses a real client, server and encoder.
func TestOverTheNetwork(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	for _, tc := range []struct{ kind, url string }{
		{"mpegts", "/ts.m3u8"},
		{"fmp4", "/mp4.m3u8"},
	} {
		args := []string{"-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-re", "-f", "lavfi", "-i", "sine=sample_rate=48000",
			"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-sc_threshold", "0", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac",
			"-f", "hls", "-hls_time", "1", "-hls_segment_type", tc.kind, "-hls_flags", "program_date_time+delete_segments",
			"-hls_fmp4_init_filename", tc.kind + "-init.mp4", "-hls_segment_filename", dir + "/" + tc.kind + "-%d.seg", dir + tc.url}
		e := ingesttest.Start(t, args...)
		r := startWithin(t, hlspull.Config{URL: server.URL + tc.url, RetryAfter: 200 * time.Millisecond, RetryMax: 200 * time.Millisecond},
			ingest.Config{Stall: 3 * time.Second})
		h := r.Await(t, "media of "+tc.kind, func(h ingesttest.Heard) bool { return len(h.Observations) > 250 })
		checkFrames(t, h)
		checkPace(t, h, 700*time.Millisecond)
		checkCaptures(t, h, 60*time.Millisecond)
		if late := time.Since(h.Observations[len(h.Observations)-1].Capture); late < 0 || late > 8*time.Second {
			t.Errorf("IG91 the newest frame is of %v ago", late)
		}
		e.Kill()
		r.Await(t, "end", func(h ingesttest.Heard) bool { return len(h.Ends) > 0 })
		if h := r.Heard(); ingest.CodeOf(h.Ends[0]) != ingest.CodeStalled {
			t.Errorf("IG23 end = %v", h.Ends[0])
		}
		r.stop()
	}
}

func TestNobodyIsAdmittedWhileTheServerIsSlow(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: ingesttest.NewRecorder()}}, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := hlspull.New(registry, hlspull.Config{Channel: "show", URL: server.URL + "/index.m3u8"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	session, err := registry.Admit(ingest.Request{Channel: "show", Protocol: "srt", Remote: "192.0.2.1:1"})
	if err != nil {
		t.Errorf("IG90 the channel is not free: %v", err)
	} else {
		session.Close(nil)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
