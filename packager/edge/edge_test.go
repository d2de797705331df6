package edge_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/cuelight/cuelight/packager/edge"
)

// TestSameAnswers asks an origin and an edge of it the same (ED1).
func TestSameAnswers(t *testing.T) {
	s := seven(t)
	one := httptest.NewServer(s.o)
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL)})
	defer e.Close()
	two := httptest.NewServer(e)
	defer two.Close()
	c := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer c.CloseIdleConnections()
	tag := fetch(t.Context(), c, "GET", one.URL+"/hls/show/video-103.0.mp4").header.Get("ETag")
	list := fetch(t.Context(), c, "GET", one.URL+"/hls/show/video.m3u8").header.Get("ETag")
	for _, tc := range []struct {
		name, method, path string
		headers            []string
	}{
		{"the multivariant playlist", "GET", "index.m3u8", nil},
		{"a playlist", "GET", "video.m3u8", nil},
		{"a playlist, compressed", "GET", "video.m3u8", []string{"Accept-Encoding", "gzip"}},
		{"a playlist that is waited for", "GET", "audio.m3u8?_HLS_msn=104&_HLS_part=1", nil},
		{"in another order", "GET", "audio.m3u8?_HLS_part=1&session=7&_HLS_msn=104", nil},
		{"a delta update", "GET", "video.m3u8?_HLS_msn=104&_HLS_part=1&_HLS_skip=YES", []string{"Accept-Encoding", "gzip, br"}},
		{"a delta update without dates", "GET", "video.m3u8?_HLS_skip=v2", nil},
		{"a skip that is none", "GET", "video.m3u8?_HLS_skip=no", nil},
		{"an unchanged playlist", "GET", "video.m3u8", []string{"If-None-Match", list}},
		{"a playlist's head", "HEAD", "video.m3u8", nil},
		{"a part", "GET", "video-103.0.mp4", nil},
		{"a part's head", "HEAD", "video-103.0.mp4", nil},
		{"an unchanged part", "GET", "video-103.0.mp4", []string{"If-None-Match", `"x", ` + tag}},
		{"a changed part", "GET", "video-103.0.mp4", []string{"If-None-Match", `"x"`}},
		{"the beginning of a part", "GET", "video-103.0.mp4", []string{"Range", "bytes=0-99"}},
		{"the rest of it", "GET", "video-103.0.mp4", []string{"Range", "bytes=100-", "If-Range", tag}},
		{"the end of it", "GET", "video-103.0.mp4", []string{"Range", "bytes=-10"}},
		{"another one", "GET", "video-103.0.mp4", []string{"Range", "bytes=100-", "If-Range", `"x"`}},
		{"behind the end", "GET", "video-103.0.mp4", []string{"Range", "bytes=9999999-"}},
		{"several ranges", "GET", "video-103.0.mp4", []string{"Range", "bytes=0-1,5-6"}},
		{"no range", "GET", "video-103.0.mp4", []string{"Range", "bytes=5-1"}},
		{"a range of a playlist", "GET", "video.m3u8", []string{"Range", "bytes=0-5"}},
		{"a segment", "GET", "audio-102.mp4?token=x", nil},
		{"a segment that is gone", "GET", "video-3.mp4", nil},
		{"a rendition that is not there", "GET", "video5.m3u8", nil},
		{"too far ahead", "GET", "video.m3u8?_HLS_msn=110", nil},
		{"a page of elsewhere", "OPTIONS", "video.m3u8", nil},
	} {
		for _, again := range []bool{false, true} {
			want := fetch(t.Context(), c, tc.method, one.URL+"/hls/show/"+tc.path, tc.headers...)
			have := fetch(t.Context(), c, tc.method, two.URL+"/hls/show/"+tc.path, tc.headers...)
			for _, h := range []http.Header{want.header, have.header} {
				h.Del("Age")
				h.Del("Date")
			}
			if have.status != want.status || !bytes.Equal(have.body, want.body) || !reflect.DeepEqual(have.header, want.header) || have.err != nil {
				t.Errorf("ED1 %s (again: %v): %d, %d bytes, %v\n     the origin: %d, %d bytes, %v", tc.name, again,
					have.status, len(have.body), have.header, want.status, len(want.body), want.header)
			}
		}
	}
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/hls/show/video.m3u8?_HLS_part=1", 400}, {"GET", "/hls/show/video.m3u8?_HLS_msn=x", 400},
		{"GET", "/hls/show/video.m3u8?_HLS_msn=103&_HLS_msn=103", 400}, {"POST", "/hls/show/video.m3u8", 405},
		{"GET", "/hls/show/passwd", 404}, {"GET", "/hls/show", 404}, {"GET", "/hls/sh%2fow/video.m3u8", 404},
		{"GET", "/hls/%2e%2e/video.m3u8", 404}, {"GET", "/hls/show//video.m3u8", 404},
	} {
		if a := fetch(t.Context(), c, tc.method, two.URL+tc.path); a.status != tc.status || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("ED1 %s %s: %d %v", tc.method, tc.path, a.status, a.header)
		}
	}
	if st := e.Stats(); st.Hits < 20 || st.Held != 0 || st.Flights != 0 || st.Bytes == 0 {
		t.Errorf("ED2 %+v", st)
	}
}
