package origin_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/cuelight/cuelight/packager/origin"
)

func TestRevalidates(t *testing.T) {
	s := seven(t, origin.Config{})
	for _, target := range []string{"/hls/show/video-103.0.mp4", "/hls/show/video-103.mp4", "/hls/show/video.m3u8", "/hls/show/index.m3u8"} {
		whole := s.get(target)
		tag := whole.Header().Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", target)
		}
		for value, status := range map[string]int{
			tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, "x": 200,
		} {
			again := s.do(t.Context(), http.MethodGet, target, http.Header{"If-None-Match": {value}})
			if again.Code != status || (again.Body.Len() == 0) != (status == 304) {
				t.Errorf("%s If-None-Match %s: %d with %d bytes, want %d", target, value, again.Code, again.Body.Len(), status)
			}
			if h := again.Header(); h.Get("ETag") != tag || h.Get("Cache-Control") != whole.Header().Get("Cache-Control") {
				t.Errorf("%s If-None-Match %s: headers %v", target, value, h)
			}
		}
	}
	plain, zipped := s.get("/hls/show/video.m3u8"), s.do(t.Context(), http.MethodGet, "/hls/show/video.m3u8", http.Header{"Accept-Encoding": {"gzip"}})
	if plain.Header().Get("ETag") == zipped.Header().Get("ETag") {
		t.Error("N2 one ETag for two codings")
	}
}

func TestRanges(t *testing.T) {
	s := seven(t, origin.Config{})
	for _, target := range []string{"/hls/show/video-103.0.mp4", "/hls/show/video-103.mp4"} {
		whole := s.get(target)
		tag, size := whole.Header().Get("ETag"), whole.Body.Len()
		if whole.Header().Get("Accept-Ranges") != "bytes" {
			t.Errorf("N6 %s: %v", target, whole.Header())
		}
		for _, tc := range []struct {
			name         string
			header       http.Header
			status       int
			from, to     int
			contentRange string
		}{
			{"N6 in the middle", http.Header{"Range": {"bytes=100-299"}}, 206, 100, 300, fmt.Sprintf("bytes 100-299/%d", size)},
			{"N6 the end", http.Header{"Range": {"bytes=-7"}}, 206, size - 7, size, fmt.Sprintf("bytes %d-%d/%d", size-7, size-1, size)},
			{"N6 all of it", http.Header{"Range": {"bytes=0-"}}, 206, 0, size, fmt.Sprintf("bytes 0-%d/%d", size-1, size)},
			{"N6 the same version", http.Header{"Range": {"bytes=1-1"}, "If-Range": {tag}}, 206, 1, 2, fmt.Sprintf("bytes 1-1/%d", size)},
			{"N6 another version", http.Header{"Range": {"bytes=1-1"}, "If-Range": {`"x"`}}, 200, 0, size, ""},
			{"N6 a date", http.Header{"Range": {"bytes=1-1"}, "If-Range": {"Mon, 02 Nov 2026 10:00:00 GMT"}}, 200, 0, size, ""},
			{"N6 several", http.Header{"Range": {"bytes=1-1,3-4"}}, 200, 0, size, ""},
			{"N6 behind the end", http.Header{"Range": {"bytes=99999999-"}}, 416, 0, 0, fmt.Sprintf("bytes */%d", size)},
		} {
			w := s.do(t.Context(), http.MethodGet, target, tc.header)
			if w.Code != tc.status || w.Header().Get("Content-Range") != tc.contentRange {
				t.Errorf("%s of %s: %d %q, want %d %q", tc.name, target, w.Code, w.Header().Get("Content-Range"), tc.status, tc.contentRange)
			}
			if tc.status == 416 {
				continue
			}
			if !bytes.Equal(w.Body.Bytes(), whole.Body.Bytes()[tc.from:tc.to]) || w.Header().Get("Content-Length") != fmt.Sprint(tc.to-tc.from) {
				t.Errorf("%s of %s: %d other bytes, Content-Length %s", tc.name, target, w.Body.Len(), w.Header().Get("Content-Length"))
			}
		}
		head := s.do(t.Context(), http.MethodHead, target, http.Header{"Range": {"bytes=1-1"}})
		if head.Code != 200 || head.Header().Get("Content-Length") != fmt.Sprint(size) {
			t.Errorf("N6 HEAD has no ranges: %d %v", head.Code, head.Header())
		}
	}
	if w := s.do(t.Context(), http.MethodGet, "/hls/show/video.m3u8", http.Header{"Range": {"bytes=0-5"}}); w.Code != 200 {
		t.Errorf("N6 a range of a playlist, which changes: %d", w.Code)
	}
}
