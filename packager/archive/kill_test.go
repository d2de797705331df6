package archive_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// childDir tells this program to be the process that is killed.
const childDir = "CUELIGHT_TEST_ARCHIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// reel is a clip as it is passed to the child.
type reel struct {
	SPS, PPS []byte
	Sound    mpeg4audio.AudioSpecificConfig
	Frames   []media.Frame
}

func (r *reel) tracks() []media.Track {
	return []media.Track{
		{ID: packagertest.VideoTrack, Codec: &media.H264{SPS: r.SPS, PPS: r.PPS}},
		{ID: packagertest.AudioTrack, Codec: &media.AAC{Config: r.Sound}},
	}
}

// child records one session after the other until it is killed, and tells what
// it has written.
func child(dir string) error {
	f, err := os.Open(filepath.Join(dir, "reel"))
	if err != nil {
		return err
	}
	var r reel
	if err := gob.NewDecoder(f).Decode(&r); err != nil {
		return err
	}
	a, err := archive.Open(archive.Config{Dir: filepath.Join(dir, "show"), Record: true})
	if err != nil {
		return err
	}
	go a.Run(context.Background())
	c, err := packager.New(packager.Config{PDT: onR, Archive: a}, packager.Start{MSN: 1000, Discontinuity: 7})
	if err != nil {
		return err
	}
	pace := time.NewTicker(500 * time.Microsecond)
	length := r.Frames[len(r.Frames)-1].DTS - r.Frames[0].DTS + clock.TicksPerSecond
	for shift := clock.Ticks(0); ; shift += length {
		if err := c.Begin(r.tracks()); err != nil {
			return err
		}
		for _, f := range r.Frames {
			f.PTS, f.DTS = f.PTS+shift, f.DTS+shift
			if err := c.Write(f); err != nil {
				return err
			}
			fmt.Println(a.Stats().Segments)
			<-pace.C
		}
	}
}

// TestKilled kills a recording process at random moments. What it had written
// plays.
func TestKilled(t *testing.T) {
	clip := packagertest.Encode(t, 4*time.Second, first)
	var r reel
	for _, track := range clip.Tracks {
		switch c := track.Codec.(type) {
		case *media.H264:
			r.SPS, r.PPS = c.SPS, c.PPS
		case *media.AAC:
			r.Sound = c.Config
		}
	}
	r.Frames = clip.Frames
	for i := range 6 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := t.TempDir()
			f, err := os.Create(filepath.Join(dir, "reel"))
			if err != nil {
				t.Fatal(err)
			}
			if err := gob.NewEncoder(f).Encode(&r); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			wait := time.Duration(rand.Int64N(int64(1200 * time.Millisecond)))
			written := runAndKill(t, dir, wait)
			a, err := archive.Open(archive.Config{Dir: filepath.Join(dir, "show"), Record: true})
			if err != nil {
				t.Fatal(err)
			}
			all, err := a.Recordings()
			if err != nil || len(all) != 1 || all[0].Open {
				t.Fatalf("RC6 recordings %+v, %v; want one that is closed", all, err)
			}
			rec := only(t, dir)
			listed := 0
			for _, name := range []string{"video.m3u8", "audio.m3u8"} {
				text := read(t, rec, name)
				if !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") || !strings.Contains(text, "PLAYLIST-TYPE:VOD\n") {
					t.Errorf("RC6 %s is not closed:\n%s", name, text)
				}
				listed += strings.Count(text, "#EXTINF") - strings.Count(text, "#EXT-X-GAP")
			}
			if listed < written {
				t.Errorf("RC6 %d segments are listed, %d were written when it was killed after %v", listed, written, wait)
			}
			at := address(t, dir)
			if n, err := strconv.Atoi(count(t, "v:0", at)); err != nil || n == 0 {
				t.Errorf("RC6 ffprobe decoded %d pictures, %v", n, err)
			}
			if drafts, _ := filepath.Glob(filepath.Join(rec, ".*")); len(drafts) > 0 {
				t.Errorf("RC6 half written files are left: %v", drafts)
			}
		})
	}
}

// runAndKill runs the child until so long after its first two segments, and
// returns how many it said it had written.
func runAndKill(t *testing.T, dir string, wait time.Duration) (written int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Errorf("the child says %q", lines.Text())
		}
		if written < 2 && n >= 2 {
			kill.Reset(wait)
		}
		written = max(written, n)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
	if written < 2 {
		t.Fatal("the child wrote nothing in a minute")
	}
	return written
}
