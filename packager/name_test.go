package packager_test

import (
	"testing"

	"github.com/cuelight/cuelight/packager"
)

func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"index.m3u8", "video.m3u8", "audio-1.mp4", "video-12.3.mp4", "video-init-0123abcd.mp4",
		"video-01.mp4", "video-1..mp4", "video-1.2.3.mp4", "audio-999999999999999999999.mp4", "video-init-ABCDEF01.mp4", "video2-1.0.mp4", "video1.m3u8", "video", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := packager.ParseName(s)
		if ok && n.String() != s {
			t.Errorf("P14 %q is also %q", s, n)
		}
	})
}

func TestParseName(t *testing.T) {
	for s, want := range map[string]packager.Name{
		"index.m3u8":               {Kind: packager.NameIndex},
		"video2.m3u8":              {Kind: packager.NamePlaylist, Rendition: "video2"},
		"video8-12.3.mp4":          {Kind: packager.NamePart, Rendition: "video8", MSN: 12, Part: 3},
		"video3-init-00ff00ff.mp4": {Kind: packager.NameInit, Rendition: "video3", Hash: "00ff00ff"},
		"audio.m3u8":               {Kind: packager.NamePlaylist, Rendition: packager.Audio},
		"video-12.mp4":             {Kind: packager.NameSegment, Rendition: packager.Video, MSN: 12},
		"video-12.0.mp4":           {Kind: packager.NamePart, Rendition: packager.Video, MSN: 12},
		"audio-init-00ff00ff.mp4":  {Kind: packager.NameInit, Rendition: packager.Audio, Hash: "00ff00ff"},
	} {
		if got, ok := packager.ParseName(s); !ok || got != want {
			t.Errorf("%q: %+v %v", s, got, ok)
		}
	}
	for _, s := range []string{"video-012.mp4", "video-1.00.mp4", "videox.m3u8", "video1.m3u8", "video0.m3u8", "video9.m3u8", "video02.m3u8", "video22.m3u8", "audio2.m3u8", "video2", "video-.mp4", "video--1.mp4", "video-1.mp4 ", "subtitle.m3u8", "video-init-00FF00FF.mp4"} {
		if n, ok := packager.ParseName(s); ok {
			t.Errorf("%q was taken for %+v", s, n)
		}
	}
}
