package edge_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/edge"
)

// sink is a response that costs nothing, so that what is measured is the
// handler's own work.
type sink struct {
	h http.Header
	n int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Flush()                      {}

func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkHandler is a request's cost without a network: at an origin, and at
// an edge that has the object.
func BenchmarkHandler(b *testing.B) {
	s := seven(b)
	one := httptest.NewServer(s.o)
	defer one.Close()
	e := newEdge(b, edge.Config{Upstream: at(one.URL)})
	defer e.Close()
	for _, tc := range []struct{ name, path string }{
		{"playlist", "/hls/show/video.m3u8?_HLS_msn=104&_HLS_part=1&_HLS_skip=YES"},
		{"part", "/hls/show/video-103.0.mp4"},
	} {
		for _, h := range []struct {
			name    string
			handler http.Handler
		}{{"origin", s.o}, {"edge", e}} {
			b.Run(tc.name+"/"+h.name, func(b *testing.B) {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, tc.path, nil)
				r.Header.Set("Accept-Encoding", "gzip")
				w := &sink{h: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					clear(w.h)
					h.handler.ServeHTTP(w, r)
				}
			})
		}
	}
}

// BenchmarkServer is the same over loopback, with 16 connections: at an origin,
// and at an edge that has the object.
func BenchmarkServer(b *testing.B) {
	s := seven(b)
	one := httptest.NewServer(s.o)
	defer one.Close()
	e := newEdge(b, edge.Config{Upstream: at(one.URL)})
	defer e.Close()
	two := httptest.NewServer(e)
	defer two.Close()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	defer c.CloseIdleConnections()
	for _, tc := range []struct{ name, url string }{
		{"origin", one.URL + "/hls/show/video-103.0.mp4"},
		{"edge", two.URL + "/hls/show/video-103.0.mp4"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.SetParallelism(8)
			var failed atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if a := fetch(b.Context(), c, "GET", tc.url); a.status != 200 {
						failed.Add(1)
					}
				}
			})
			if failed.Load() > 0 {
				b.Errorf("%d requests failed", failed.Load())
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
