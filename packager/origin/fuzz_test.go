package origin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/packager/origin"
)

// FuzzRequest looks for a request that breaks the handler, gets an answer that
// contradicts itself, or sees itself in the answer.
func FuzzRequest(f *testing.F) {
	for _, s := range []struct{ path, query, ranges, have string }{
		{"/hls/show/index.m3u8", "", "", ""},
		{"/hls/show/video.m3u8", "_HLS_msn=104&_HLS_part=1&_HLS_skip=YES", "", ""},
		{"/hls/show/video.m3u8", "_HLS_msn=104&_HLS_part=2", "", ""},
		{"/hls/show/audio.m3u8", "_HLS_skip=v2&marker=%22", "", "*"},
		{"/hls/show/video-103.0.mp4", "", "bytes=5-", ""},
		{"/hls/show/video-103.mp4", "x", "bytes=-1,2-", `W/"1", "2"`},
		{"/hls/show/video-init-00000000.mp4", "", "", ""},
		{"/hls/show/0007a120aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/video.m3u8", "token=a.b.c", "", ""},
		{"/hls/../video.m3u8", "", "", ""},
		{"/hls//", "_HLS_part=1", "", ""},
		{"", "", "", ""},
	} {
		f.Add(s.path, s.query, s.ranges, s.have)
	}
	s := seven(f, origin.Config{})
	gone, leave := context.WithCancel(context.Background())
	leave() // a request that would wait ends at once
	f.Fuzz(func(t *testing.T, path, query, ranges, have string) {
		r := (&http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, RemoteAddr: "192.0.2.1:1",
			Header: http.Header{"Range": {ranges}, "If-None-Match": {have}},
		}).WithContext(gone)
		w := httptest.NewRecorder()
		w.Code = 0 // until there is an answer
		s.o.ServeHTTP(w, r)
		if w.Code == 0 {
			return // it would have waited
		}
		h, body := w.Result().Header, w.Body.String()
		switch w.Code {
		case 200, 206:
			if h.Get("Content-Length") != fmt.Sprint(len(body)) {
				t.Errorf("Content-Length %s for %d bytes", h.Get("Content-Length"), len(body))
			}
			if (w.Code == 206) != (h.Get("Content-Range") != "") {
				t.Errorf("%d with Content-Range %q", w.Code, h.Get("Content-Range"))
			}
		case 304:
			if body != "" {
				t.Errorf("304 with %q", body)
			}
		case 400, 404, 416:
		default:
			t.Errorf("status %d", w.Code)
		}
		if h.Get("Cache-Control") == "" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("headers %v", h)
		}
		if len(query) > 12 && strings.Contains(body, query) {
			t.Errorf("N5 the answer repeats the query %q:\n%s", query, body)
		}
		if held := s.o.Stats().Held; held != 0 {
			t.Errorf("%d requests held", held)
		}
	})
}
