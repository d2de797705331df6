package main

import (
	"slices"
	"testing"
)

const full = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-VERSION:6
#EXT-X-MEDIA-SEQUENCE:40
#EXT-X-MAP:URI="video-init-1.mp4"
#EXTINF:2.00000,
video-40.mp4
#EXT-X-PART:DURATION=0.33333,URI="video-41.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33333,URI="video-41.1.mp4"
#EXTINF:2.00000,
video-41.mp4
#EXT-X-PART:DURATION=0.33333,URI="video-42.0.mp4",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-42.1.mp4"
`

const delta = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-MEDIA-SEQUENCE:40
#EXT-X-SKIP:SKIPPED-SEGMENTS=20
#EXTINF:2.00000,
video-60.mp4
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="video-61.0.mp4"
`

func TestTip(t *testing.T) {
	got, err := tipOf([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	parts := []string{"video-41.0.mp4", "video-41.1.mp4", "video-42.0.mp4"}
	if got.msn != 42 || got.part != 1 || got.init != "video-init-1.mp4" || !slices.Equal(got.parts, parts) {
		t.Errorf("%+v", got)
	}
	if d := got.directives(); d != "?_HLS_msn=42&_HLS_part=1&_HLS_skip=YES" {
		t.Error(d)
	}
	if got, err = tipOf([]byte(delta)); err != nil || got.msn != 61 || got.part != 0 {
		t.Errorf("of a delta update: %+v, %v", got, err)
	}
}

func TestTipRefuses(t *testing.T) {
	for _, text := range []string{
		"", "#EXTM3U\n#EXTINF:2,\nx.mp4\n", "#EXT-X-MEDIA-SEQUENCE:x\n", "#EXT-X-MEDIA-SEQUENCE:99999999999999999999\n",
		"#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PART:DURATION=1\n", "#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PART:URI=\"a",
	} {
		if got, err := tipOf([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, got)
		}
	}
}

func TestAfter(t *testing.T) {
	three := tip{parts: []string{"a", "b", "c"}}
	for _, tc := range []struct {
		name, last string
		want       []string
	}{
		{"the next ones", "a", []string{"b", "c"}},
		{"none", "c", nil},
		{"the newest of a player that begins", "", []string{"c"}},
		{"the newest of a player that fell behind", "z", []string{"c"}},
	} {
		if got := three.after(tc.last); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	if got := new(tip).after("a"); len(got) != 0 {
		t.Errorf("of no parts: %v", got)
	}
}
