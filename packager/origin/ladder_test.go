package origin_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// TestFFmpegReadsALadder lets ffmpeg decode all renditions of a finished
// channel by way of its multivariant playlist.
func TestFFmpegReadsALadder(t *testing.T) {
	s := newStage(t, origin.Config{})
	clip := packagertest.Recipe{
		Duration: 4 * time.Second, Sound: packagertest.Opus,
		Pictures: [][]string{packagertest.Sized(packagertest.X264, "192x108"), packagertest.Sized(packagertest.X265Open, "128x72")},
	}.Encode(t, first)
	if err := s.c.Begin(clip.Tracks); err != nil {
		t.Fatal(err)
	}
	s.write(clip.Frames)
	if err := s.c.Finish(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.o)
	defer server.Close()
	got := ffprobe(t, "-count_frames", "-show_entries", "stream=codec_name,width,nb_read_frames", "-of", "csv=p=0", server.URL+"/hls/show/index.m3u8")
	for _, want := range []string{"h264,192,120", "hevc,128,120", "opus,200"} {
		if !strings.Contains("\n"+got+"\n", "\n"+want+"\n") {
			t.Errorf("ffprobe read\n%s\nwithout %s", got, want)
		}
	}
}

// TestGapsAreNotThere asks for what a follower listed, lost and never had.
func TestGapsAreNotThere(t *testing.T) {
	s := newStage(t, origin.Config{})
	show := packagertest.Show{Start: first, Duration: 13 * time.Second, More: []packagertest.Rendition{
		{Away: [][2]time.Duration{{5 * time.Second, time.Minute}}, Derived: true},
	}}
	s.begin(show)
	s.write(show.Frames())
	// Segments begin at 0, 0.33, 2, 4, 6 and 8 s; the pictures end in the fourth,
	// and what begins before 9 s is given up.
	for target, status := range map[string]int{
		"/hls/show/video2.m3u8":                          200,
		"/hls/show/video2.m3u8?_HLS_msn=103":             200,
		"/hls/show/video2.m3u8?_HLS_msn=104&_HLS_part=2": 200, // B3: the gap is over
		"/hls/show/video2-102.mp4":                       200,
		"/hls/show/video2-103.0.mp4":                     200,
		"/hls/show/video2-103.4.mp4":                     404,
		"/hls/show/video2-103.mp4":                       404,
		"/hls/show/video2-104.mp4":                       404,
		"/hls/show/video2-104.0.mp4":                     404,
		"/hls/show/video3.m3u8":                          404,
		"/hls/show/video9.m3u8":                          404,
	} {
		if w := s.get(target); w.Code != status {
			t.Errorf("G1 G2 %s is %d, want %d", target, w.Code, status)
		}
	}
	p, err := packagertest.Parse(s.get("/hls/show/video2.m3u8").Body.String())
	if err != nil {
		t.Fatal(err)
	}
	gaps := 0
	for _, seg := range p.Segments {
		if seg.Gap {
			gaps++
		}
	}
	if last := p.Segments[len(p.Segments)-1]; gaps != 3 || last.MSN != 105 {
		t.Errorf("G1 %d gaps up to segment %d, want 103 to 105", gaps, last.MSN)
	}
}
