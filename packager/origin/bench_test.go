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

// TestAnswersWithoutAllocating keeps the reader path free of garbage.
func TestAnswersWithoutAllocating(t *testing.T) {
	s := seven(t, origin.Config{})
	for _, target := range []string{
		"/hls/show/index.m3u8", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=1", "/hls/show/video-103.0.mp4", "/hls/show/video-103.mp4",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		w := &sink{h: http.Header{}}
		s.o.ServeHTTP(w, r) // the header map has its size now
		if n := testing.AllocsPerRun(100, func() { s.o.ServeHTTP(w, r) }); n > 2 {
			t.Errorf("%s: %v allocations", target, n)
		}
	}
}
