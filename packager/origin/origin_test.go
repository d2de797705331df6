package origin_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

const first = clock.Ticks(10 * clock.TicksPerSecond)

func onR(t clock.Ticks) clock.Instant { return 1_800_000_000_000_000 + clock.Instant(t.Micros()) }

// stage is an origin with the one channel "show".
type stage struct {
	t testing.TB
	o *origin.Origin
	c *packager.Channel
}

func newStage(t testing.TB, cfg origin.Config) *stage {
	t.Helper()
	c, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 100})
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (*packager.Channel, bool) { return c, name == "show" }
	return &stage{t: t, o: origin.New(lookup, cfg), c: c}
}

func (s *stage) begin(show packagertest.Show) {
	s.t.Helper()
	if err := s.c.Begin(show.Tracks()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) write(frames []media.Frame) {
	s.t.Helper()
	for _, f := range frames {
		if err := s.c.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

// seven is a stage with seven seconds of a show: segments 100 to 103 are whole,
// the first of them one part long, and 104 has its first parts.
func seven(t testing.TB, cfg origin.Config) *stage {
	t.Helper()
	s := newStage(t, cfg)
	show := packagertest.Show{Start: first, Duration: 7 * time.Second}
	s.begin(show)
	s.write(show.Frames())
	return s
}

func (s *stage) do(ctx context.Context, method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, target, nil)
	for k, v := range header {
		r.Header[k] = v
	}
	w := httptest.NewRecorder()
	s.o.ServeHTTP(w, r)
	return w
}

func (s *stage) get(target string) *httptest.ResponseRecorder {
	return s.do(s.t.Context(), http.MethodGet, target, nil)
}

func TestAnswersAtOnce(t *testing.T) {
	s := seven(t, origin.Config{})
	edge := s.c.View().Window(packager.Video).Load().Edge
	if edge.MSN != 104 || edge.Part != 1 {
		t.Fatalf("the edge is %v, the table below is for 104.1", edge)
	}
	const playlist, text = "application/vnd.apple.mpegurl", "text/plain; charset=utf-8"
	for _, tc := range []struct {
		name, target string
		status       int
		kind, cache  string
	}{
		{"N3 playlist without directives", "/hls/show/video.m3u8", 200, playlist, "max-age=1"},
		{"N3 multivariant playlist", "/hls/show/index.m3u8", 200, playlist, "max-age=1"},
		{"B1 a whole segment that is there", "/hls/show/video.m3u8?_HLS_msn=103", 200, playlist, "max-age=12"},
		{"B2 a part that is there", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=1", 200, playlist, "max-age=12"},
		{"B2 order does not matter", "/hls/show/audio.m3u8?_HLS_part=0&_HLS_msn=104", 200, playlist, "max-age=12"},
		{"B3 a part beyond the end of a segment", "/hls/show/video.m3u8?_HLS_msn=103&_HLS_part=9", 200, playlist, "max-age=12"},
		{"B4 a segment that left the window", "/hls/show/video.m3u8?_HLS_msn=3&_HLS_part=1", 200, playlist, "max-age=12"},
		{"B5 a part without its segment", "/hls/show/video.m3u8?_HLS_part=1", 400, text, "max-age=2"},
		{"B5 not a number", "/hls/show/video.m3u8?_HLS_msn=x", 400, text, "max-age=2"},
		{"B5 twice", "/hls/show/video.m3u8?_HLS_msn=103&_HLS_msn=103", 400, text, "max-age=2"},
		{"B6 three segments beyond the last", "/hls/show/video.m3u8?_HLS_msn=106", 400, text, "max-age=8"},
		{"B6 ten parts ahead", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=11", 400, text, "max-age=8"},
		{"B6 ten parts ahead in the next segment", "/hls/show/video.m3u8?_HLS_msn=105&_HLS_part=9", 400, text, "max-age=8"},
		{"B9 other parameters change nothing", "/hls/show/video.m3u8?token=1&_HLS_future=2", 200, playlist, "max-age=1"},
		{"D1 a delta update", "/hls/show/video.m3u8?_HLS_msn=103&_HLS_skip=YES", 200, playlist, "max-age=12"},
		{"N3 part", "/hls/show/video-103.0.mp4", 200, "video/mp4", "max-age=12"},
		{"N3 part of sound", "/hls/show/audio-103.0.mp4", 200, "audio/mp4", "max-age=12"},
		{"N3 segment", "/hls/show/video-103.mp4", 200, "video/mp4", "max-age=12"},
		{"P14 open segment", "/hls/show/video-104.mp4", 404, text, "max-age=2"},
		{"P14 segment that left", "/hls/show/video-7.mp4", 404, text, "max-age=2"},
		{"P14 part that nobody announced", "/hls/show/video-104.3.mp4", 404, text, "max-age=2"},
		{"P14 part that was abandoned", "/hls/show/video-103.40.mp4", 404, text, "max-age=2"},
		{"P14 init section", "/hls/show/video-init-00000000.mp4", 404, text, "max-age=2"},
		{"P14 a second name for a file", "/hls/show/video-0105.mp4", 404, text, "max-age=1"},
		{"unknown file", "/hls/show/secret.txt", 404, text, "max-age=1"},
		{"unknown channel", "/hls/other/video.m3u8", 404, text, "max-age=1"},
		{"no file", "/hls/show", 404, text, "max-age=1"},
		{"a folder below", "/hls/show/x/video.m3u8", 404, text, "max-age=1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := s.get(tc.target)
			h := w.Result().Header
			if w.Code != tc.status || h.Get("Content-Type") != tc.kind || h.Get("Cache-Control") != tc.cache {
				t.Errorf("%d %s %s, want %d %s %s\n%s", w.Code, h.Get("Content-Type"), h.Get("Cache-Control"),
					tc.status, tc.kind, tc.cache, w.Body)
			}
			if h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Age") {
				t.Errorf("N4 CORS headers are %v", h)
			}
			if n := h.Get("Content-Length"); tc.status == 200 && n != fmt.Sprint(w.Body.Len()) {
				t.Errorf("Content-Length %s for %d bytes", n, w.Body.Len())
			}
			if again := s.get(tc.target); !bytes.Equal(again.Body.Bytes(), w.Body.Bytes()) {
				t.Error("B9 the same request got another answer")
			}
		})
	}
}

func TestMethods(t *testing.T) {
	s := seven(t, origin.Config{})
	head := s.do(t.Context(), http.MethodHead, "/hls/show/video-103.mp4", nil)
	whole := s.get("/hls/show/video-103.mp4")
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != fmt.Sprint(whole.Body.Len()) {
		t.Errorf("HEAD: %d, %d bytes, %v", head.Code, head.Body.Len(), head.Header())
	}
	options := s.do(t.Context(), http.MethodOptions, "/hls/show/video.m3u8", nil)
	if options.Code != 204 || !strings.Contains(options.Header().Get("Access-Control-Allow-Methods"), "GET") {
		t.Errorf("OPTIONS: %d %v", options.Code, options.Header())
	}
	post := s.do(t.Context(), http.MethodPost, "/hls/show/video.m3u8", nil)
	if post.Code != 405 || !strings.Contains(post.Header().Get("Allow"), "GET") {
		t.Errorf("POST: %d %v", post.Code, post.Header())
	}
}

func TestCompresses(t *testing.T) {
	s := seven(t, origin.Config{})
	plain := s.get("/hls/show/video.m3u8")
	for _, tc := range []struct {
		accept string
		zipped bool
	}{
		{"gzip", true}, {"br, gzip;q=0.8", true}, {"*", true}, {"gzip;q=0", false}, {"gzip; q=0.0", false}, {"br", false}, {"x-gzip", false}, {"", false},
	} {
		w := s.do(t.Context(), http.MethodGet, "/hls/show/video.m3u8", http.Header{"Accept-Encoding": {tc.accept}})
		zipped := w.Header().Get("Content-Encoding") == "gzip"
		if zipped != tc.zipped || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("N2 accept %q: %v", tc.accept, w.Header())
			continue
		}
		if !zipped {
			continue
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("N2 accept %q: another playlist, %v", tc.accept, err)
		}
	}
}

func TestExtra(t *testing.T) {
	extra := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "extra ", r.URL.Path) })
	s := seven(t, origin.Config{Extra: extra})
	if w := s.get("/hls/show/timeline.json"); w.Body.String() != "extra /hls/show/timeline.json" {
		t.Errorf("timeline.json: %d %s", w.Code, w.Body)
	}
	if w := s.get("/hls/show/video-1.mp4"); w.Code != 404 {
		t.Errorf("a packager's file: %d %s", w.Code, w.Body)
	}
}

func TestBeforeThePublisher(t *testing.T) {
	s := newStage(t, origin.Config{})
	for target, want := range map[string]string{
		"/hls/show/index.m3u8":      "max-age=0, s-maxage=1", // O1 a player asks again at once when it hears that somebody publishes
		"/hls/show/video.m3u8":      "max-age=1",
		"/hls/show/video-103.0.mp4": "max-age=1",
	} {
		w := s.get(target)
		if got := w.Header().Get("Cache-Control"); w.Code != 404 || got != want || strings.TrimSpace(w.Body.String()) == "" {
			t.Errorf("%s: %d %s %q, want 404 and %s", target, w.Code, got, w.Body, want)
		}
	}
}

// answer is what a request got, and when.
type answer struct {
	*httptest.ResponseRecorder
	after time.Duration
}

// ask sends a request in a bubble and returns where its answer will be.
func (s *stage) ask(ctx context.Context, target string) chan answer {
	got := make(chan answer, 1)
	start := time.Now()
	go func() {
		w := s.do(ctx, http.MethodGet, target, nil)
		got <- answer{w, time.Since(start)}
	}()
	synctest.Wait()
	return got
}

// pace writes frames when their time has come, in a bubble.
func (s *stage) pace(frames []media.Frame) {
	s.t.Helper()
	start := time.Now()
	from := frames[0].DTS
	for _, f := range frames {
		time.Sleep(time.Until(start.Add((f.DTS - from).Duration())))
		if err := s.c.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
	synctest.Wait()
}

func TestHolds(t *testing.T) {
	for _, tc := range []struct {
		name, target string
		after        time.Duration
		has          string
	}{
		{"P13 the hinted part", "/hls/show/video-104.2.mp4", 0, "moof"},
		{"B2 the next part", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=2", 0, "video-104.2.mp4"},
		{"B2 the one after it", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=3", 333 * time.Millisecond, "video-104.3.mp4"},
		{"R3 a part ahead in another rendition", "/hls/show/audio.m3u8?_HLS_msn=104&_HLS_part=4", 625 * time.Millisecond, "audio-104.4.mp4"},
		{"B1 a segment without a part waits for all of it", "/hls/show/video.m3u8?_HLS_msn=104", time.Second, "\nvideo-104.mp4\n"},
		{"B3 a part beyond the end waits for the next segment", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=8", 1333 * time.Millisecond, "video-105.0.mp4"},
		{"D1 a delta update waits as well", "/hls/show/video.m3u8?_HLS_msn=105&_HLS_part=0&_HLS_skip=YES", 1333 * time.Millisecond, "video-105.0.mp4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := seven(t, origin.Config{})
				show := packagertest.Show{Start: first, Duration: 10 * time.Second}
				var rest []media.Frame
				for _, f := range show.Frames() {
					if f.DTS >= first+7*clock.TicksPerSecond {
						rest = append(rest, f)
					}
				}
				got := s.ask(t.Context(), tc.target)
				if n := s.o.Stats().Held; n != 1 {
					t.Fatalf("%d requests held", n)
				}
				s.pace(rest)
				a := <-got
				if a.Code != 200 || !strings.Contains(a.Body.String(), tc.has) {
					t.Fatalf("%d without %q:\n%s", a.Code, tc.has, a.Body)
				}
				if early, late := a.after < tc.after-time.Millisecond, a.after > tc.after+25*time.Millisecond; early || late {
					t.Errorf("answered after %v, want %v", a.after, tc.after)
				}
				if n := s.o.Stats().Held; n != 0 {
					t.Errorf("%d requests still held", n)
				}
			})
		})
	}
}

func TestHoldEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{})
		got := s.ask(t.Context(), "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=2")
		part := s.ask(t.Context(), "/hls/show/video-104.2.mp4")
		for _, c := range []chan answer{got, part} {
			a := <-c
			if a.Code != 503 || a.after != 6*time.Second || a.Header().Get("Retry-After") == "" {
				t.Errorf("B7 %d after %v, want 503 after three target durations", a.Code, a.after)
			}
		}
		if n := s.o.Stats().TimedOut; n != 2 {
			t.Errorf("%d requests counted as timed out, want 2", n)
		}
	})
}

func TestHoldEndsWithTheViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{})
		ctx, leave := context.WithCancel(t.Context())
		got := s.ask(ctx, "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=2")
		leave()
		if a := <-got; a.after != 0 || s.o.Stats().Held != 0 {
			t.Errorf("the request went on for %v, %d held", a.after, s.o.Stats().Held)
		}
	})
}

func TestHoldEndsWithTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{})
		playlist := s.ask(t.Context(), "/hls/show/video.m3u8?_HLS_msn=105&_HLS_part=0")
		hint := s.c.View().Window(packager.Audio).Load().Hint
		part := s.ask(t.Context(), fmt.Sprintf("/hls/show/audio-%d.%d.mp4", hint.MSN, hint.Part))
		if err := s.c.Finish(); err != nil {
			t.Fatal(err)
		}
		if a := <-playlist; a.Code != 200 || !strings.Contains(a.Body.String(), "#EXT-X-ENDLIST") {
			t.Errorf("B8 %d:\n%s", a.Code, a.Body)
		}
		if a := <-part; a.Code != 200 {
			t.Errorf("P13 the last part: %d", a.Code)
		}
		for _, query := range []string{"?_HLS_part=1", "?_HLS_msn=999", "?_HLS_skip=YES", "?_HLS_msn=104"} {
			w := s.get("/hls/show/video.m3u8" + query)
			if w.Code != 200 || strings.Contains(w.Body.String(), "EXT-X-SKIP") {
				t.Errorf("B8 %s: %d", query, w.Code)
			}
		}
		if w := s.get("/hls/show/video-105.0.mp4"); w.Code != 404 {
			t.Errorf("P14 a part after the end: %d", w.Code)
		}
	})
}

func TestIndexWaitsForTheFirstPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, origin.Config{})
		show := packagertest.Show{Start: first, Duration: 2 * time.Second}
		s.begin(show)
		index := s.ask(t.Context(), "/hls/show/index.m3u8")
		video := s.ask(t.Context(), "/hls/show/video.m3u8")
		s.pace(show.Frames())
		for _, c := range []chan answer{index, video} {
			if a := <-c; a.Code != 200 || a.after > 400*time.Millisecond {
				t.Errorf("%d after %v:\n%s", a.Code, a.after, a.Body)
			}
		}
	})
}

func TestIndexOfASilentPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, origin.Config{})
		s.begin(packagertest.Show{})
		if a := <-s.ask(t.Context(), "/hls/show/index.m3u8"); a.Code != 503 || a.after != 6*time.Second {
			t.Errorf("%d after %v", a.Code, a.after)
		}
		gone := s.ask(t.Context(), "/hls/show/index.m3u8")
		if err := s.c.End(); err != nil {
			t.Fatal(err)
		}
		if a := <-gone; a.Code != 404 {
			t.Errorf("after the publisher left: %d", a.Code)
		}
	})
}

func TestHeldRequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{MaxHeld: 3})
		const target = "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=2"
		ctx, leave := context.WithCancel(t.Context())
		var held []chan answer
		for range 3 {
			held = append(held, s.ask(ctx, target))
		}
		if a := <-s.ask(t.Context(), target); a.Code != 503 || a.after != 0 || a.Header().Get("Retry-After") == "" {
			t.Errorf("the fourth got %d after %v", a.Code, a.after)
		}
		if w := s.get("/hls/show/video.m3u8"); w.Code != 200 {
			t.Errorf("a request that waits for nothing got %d", w.Code)
		}
		if st := s.o.Stats(); st.Held != 3 || st.Refused != 1 {
			t.Errorf("stats %+v", st)
		}
		leave()
		for _, c := range held {
			<-c
		}
		if n := s.o.Stats().Held; n != 0 {
			t.Errorf("%d still held", n)
		}
	})
}

func TestHeldRequestsOfAnAddressAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{MaxHeldPerAddress: 2})
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		ask := func(remote string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=2", nil)
			r.RemoteAddr = remote
			w := httptest.NewRecorder()
			all.Go(func() { s.o.ServeHTTP(w, r) })
			synctest.Wait()
			return w
		}
		for _, tc := range []struct {
			name, remote string
			held         int64
		}{
			{"O2 the first", "192.0.2.1:1", 1},
			{"O2 the second", "192.0.2.1:2", 2},
			{"O2 the third is too many", "192.0.2.1:3", 2},
			{"O2 the same address as IPv6 has it", "[::ffff:192.0.2.1]:4", 2},
			{"O2 another", "192.0.2.2:1", 3},
			{"O2 a house", "[2001:db8:0:1::1]:1", 4},
			{"O2 the same house", "[2001:db8:0:1::2]:1", 5},
			{"O2 still the same house", "[2001:db8:0:1:2:3:4:5]:1", 5},
			{"O2 the house beside it", "[2001:db8:0:2::1]:1", 6},
			{"O2 a proxy on this machine", "127.0.0.1:1", 7},
			{"O2 a proxy on this machine again", "127.0.0.1:2", 8},
			{"O2 a proxy on this machine once more", "[::1]:3", 9},
		} {
			w := ask(tc.remote)
			if held := s.o.Stats().Held; held != tc.held {
				t.Errorf("%s: %d held, want %d", tc.name, held, tc.held)
			}
			if w.Code == 429 && (w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store") {
				t.Errorf("%s: headers %v: a cache must not keep what one address gets", tc.name, w.Header())
			}
		}
		if n := s.o.Stats().Crowded; n != 3 {
			t.Errorf("O2 %d refused, want 3", n)
		}
		leave()
		all.Wait()
		ctx, leave = context.WithCancel(t.Context())
		if ask("192.0.2.1:9"); s.o.Stats().Held != 1 {
			t.Error("O2 an address stays counted after its requests ended")
		}
		leave()
		all.Wait()
	})
}
