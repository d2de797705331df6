package main

import (
	"io"
	"maps"
	"strings"
	"testing"
	"time"
)

const log = `GET /hls/show/index.m3u8 MISS 200
GET /hls/show/video.m3u8 MISS 200
GET /hls/show/video.m3u8 EXPIRED 200
GET /hls/show/video.m3u8?_HLS_msn=7&_HLS_part=0 MISS 200
GET /hls/show/video-7.0.mp4 MISS 502, 200
GET /watch/show - 200
OPTIONS /hls/show/video-7.0.mp4 - 204
`

func TestAskedCountsWhatReachedTheOrigin(t *testing.T) {
	got, err := countAsked(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := asked{
		"/hls/show/index.m3u8": 1, "/hls/show/video.m3u8": 2, "/hls/show/video.m3u8?_HLS_msn=7&_HLS_part=0": 1, "/hls/show/video-7.0.mp4": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := countAsked(strings.NewReader("GET /hls\n")); err == nil {
		t.Error("a line without a status was taken")
	}
}

func TestSinceLeavesOutWhatWasAskedBefore(t *testing.T) {
	got := asked{"/a": 3, "/b": 1, "/c": 2}.since(asked{"/a": 1, "/b": 1})
	if want := (asked{"/a": 2, "/c": 2}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNothingIsAskedForTwice(t *testing.T) {
	once := asked{"/hls/show/video.m3u8?_HLS_msn=7": 1, "/hls/show/video-7.0.mp4": 1, "/hls/show/video.m3u8": 12}
	for _, tc := range []struct {
		name, object string
		n            int
		ok           bool
	}{
		{"all once", "/hls/show/video-init-1.mp4", 1, true},
		{"a part twice", "/hls/show/video-7.0.mp4", 2, false},
		{"a reload twice", "/hls/show/video.m3u8?_HLS_msn=7", 2, false},
		{"a segment twice", "/hls/show/video-7.mp4", 2, false},
		{"a playlist as it is, once a second", "/hls/show/audio.m3u8", 12, true},
		{"a playlist as it is, too often", "/hls/show/audio.m3u8", 13, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := maps.Clone(once)
			a[tc.object] = tc.n
			if err := a.print(io.Discard, 10*time.Second); (err == nil) != tc.ok {
				t.Error(err)
			}
		})
	}
	if err := (asked{}).print(io.Discard, time.Second); err == nil {
		t.Error("a run that asked for nothing has passed")
	}
}

func TestKinds(t *testing.T) {
	for object, want := range map[string]kind{
		"/hls/show/index.m3u8":                      polled,
		"/hls/show/timeline.json":                   polled,
		"/hls/show/video.m3u8?_HLS_skip=YES":        polled,
		"/hls/show/video.m3u8?_HLS_msn=7":           blocking,
		"/hls/show/video2-7.0.mp4":                  parts,
		"/hls/show/audio-7.mp4":                     whole,
		"/hls/show/video-init-0123456789abcdef.mp4": whole,
	} {
		if got := kindOf(object); got != want {
			t.Errorf("%s is one of the %s", object, kindNames[got])
		}
	}
}
