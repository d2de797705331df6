package origin_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/origin"
)

// sink is a response that costs nothing, so that what is measured is the
// origin's own work.
type sink struct {
	h http.Header
	n int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Flush()                      {}

func (s *sink) SetWriteDeadline(time.Time) error { return nil }

func benchmark(b *testing.B, target string) {
	s := seven(b, origin.Config{})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := &sink{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		s.o.ServeHTTP(w, r)
	}
}

func BenchmarkPlaylist(b *testing.B) {
	benchmark(b, "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=1&_HLS_skip=YES")
}

func BenchmarkPart(b *testing.B)    { benchmark(b, "/hls/show/video-103.0.mp4") }
func BenchmarkSegment(b *testing.B) { benchmark(b, "/hls/show/video-103.mp4") }

func BenchmarkProtectedPart(b *testing.B) {
	th := newTheatre(b, origin.Playback{})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/hls/show/"+th.enter("show")+"/video-103.0.mp4", nil)
	w := &sink{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		th.o.ServeHTTP(w, r)
	}
}

// TestAnswersWithoutAllocating keeps the reader path free of garbage (O4).
func TestAnswersWithoutAllocating(t *testing.T) {
	th := newTheatre(t, origin.Playback{})
	below := "/hls/show/" + th.enter("show") + "/"
	tag := th.get("/hls/open/video-103.0.mp4").Header().Get("ETag")
	for _, tc := range []struct {
		target, header, value string
	}{
		{"/hls/open/index.m3u8", "", ""},
		{"/hls/open/video.m3u8", "Accept-Encoding", "gzip, deflate, br"},
		{"/hls/open/video.m3u8?_HLS_msn=104&_HLS_part=1", "", ""},
		{"/hls/open/audio.m3u8?_HLS_msn=104&_HLS_part=1&_HLS_skip=YES", "Accept-Encoding", "gzip"},
		{"/hls/open/video-103.0.mp4", "", ""},
		{"/hls/open/video-103.0.mp4", "If-None-Match", tag},
		{"/hls/open/video-103.mp4", "", ""},
		{below + "video.m3u8?_HLS_msn=104&_HLS_part=1", "Accept-Encoding", "gzip"},
		{below + "video-103.0.mp4", "", ""},
		{below + "audio-103.mp4", "", ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.target, nil)
		if tc.header != "" {
			r.Header.Set(tc.header, tc.value)
		}
		w := &sink{h: http.Header{}}
		th.o.ServeHTTP(w, r) // the header map has its size now
		if n := testing.AllocsPerRun(200, func() { th.o.ServeHTTP(w, r) }); n > 0 {
			t.Errorf("O4 %s %s: %v allocations", tc.target, tc.header, n)
		}
		if w.h.Get("Cache-Control") == "" || w.h.Get("Content-Type") == "text/plain; charset=utf-8" {
			t.Errorf("%s was refused: %v", tc.target, w.h)
		}
	}
}
