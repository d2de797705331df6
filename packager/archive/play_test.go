package archive_test

import (
	"context"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// address is where a recording is served.
func address(t testing.TB, dir string) string {
	t.Helper()
	v, err := archive.NewVOD(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(v)
	t.Cleanup(func() {
		server.Close()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	path := strings.Split(only(t, dir), "/")
	return server.URL + "/vod/show/" + path[len(path)-1] + "/index.m3u8"
}

// count lets ffprobe decode a stream of the recording. What the decoder
// complains about fails the test.
func count(t *testing.T, stream, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-count_frames", "-select_streams", stream,
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", address)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("RC5 ffprobe (apt-get install ffmpeg): %v\n%s", err, stderr.String())
	}
	frames, _, _ := strings.Cut(string(out), "\n")
	return frames
}

// TestOthersPlay lets ffmpeg and gohlslib play a recording of two sessions.
func TestOthersPlay(t *testing.T) {
	dir := t.TempDir()
	var clips []packagertest.Clip
	for i := range clock.Ticks(2) {
		clips = append(clips, packagertest.Encode(t, 5*time.Second, first+i*30*clock.TicksPerSecond))
	}
	bubble(t, func(t *testing.T) {
		s := newSet(t, dir, archive.Config{Record: true}, packager.Config{})
		for _, clip := range clips {
			s.publish(clip)
		}
		s.finish()
		s.stop()
	})
	at := address(t, dir)
	if got := count(t, "v:0", at); got != "300" {
		t.Errorf("RC5 ffprobe decoded %s pictures, want 300", got)
	}
	if got := count(t, "a:0", at); got != "470" {
		t.Errorf("RC5 ffprobe decoded %s frames of sound, want 470", got)
	}
	pictures, sounds := make(chan int64, 1000), make(chan int64, 1000)
	client := &gohlslib.Client{URI: at}
	client.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			switch track.Codec.(type) {
			case *codecs.H264:
				client.OnDataH26x(track, func(_, dts int64, _ [][]byte) { pictures <- dts })
			case *codecs.MPEG4Audio:
				client.OnDataMPEG4Audio(track, func(pts int64, _ [][]byte) { sounds <- pts })
			}
		}
		return nil
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, stamps := range []<-chan int64{pictures, sounds} {
		last := int64(-1)
		for range 100 {
			select {
			case ts := <-stamps:
				if ts <= last {
					t.Errorf("RC5 timestamp %d after %d", ts, last)
				}
				last = ts
			case err := <-client.Wait():
				t.Fatalf("the client gave up: %v", err)
			case <-time.After(30 * time.Second):
				t.Fatal("no media for 30 s")
			}
		}
	}
}
