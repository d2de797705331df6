package readers_test

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
)

// What each reader has to play: 8 s.
const (
	pictures = 8 * 30
	sounds   = 8 * 48000 / 1024
)

// reorder is by how many pictures one may be decoded later than it is shown, as
// the times are written: the first of a session is decoded when it is shown.
const reorder = 2

// millisecond is what RTMP rounds timestamps to, in ticks of the pictures.
const millisecond = 90

// patience is how long a reader may take for that. Each begins some seconds
// behind the live edge.
const patience = 40 * time.Second

func TestReaders(t *testing.T) {
	index := broadcast(t)
	for _, reader := range []struct {
		name string
		play func(*testing.T, string)
	}{
		{"gohlslib", playGohlslib},
		{"ffmpeg", playFFmpeg},
		{"GStreamer hlsdemux2", playGStreamer},
	} {
		t.Run(reader.name, func(t *testing.T) {
			t.Parallel()
			reader.play(t, index)
		})
	}
}

// playGohlslib follows the playlists with gohlslib's client, which reads parts.
func playGohlslib(t *testing.T, index string) {
	type stamp struct{ pts, dts int64 }
	video, audio := make(chan stamp, pictures), make(chan stamp, sounds)
	client := &gohlslib.Client{URI: index}
	offer := func(to chan<- stamp, s stamp) {
		select {
		case to <- s:
		default: // enough, or the test has ended
		}
	}
	client.OnTracks = func(tracks []*gohlslib.Track) error {
		for _, track := range tracks {
			switch track.Codec.(type) {
			case *codecs.H264:
				client.OnDataH26x(track, func(pts, dts int64, _ [][]byte) { offer(video, stamp{pts, dts}) })
			case *codecs.MPEG4Audio:
				client.OnDataMPEG4Audio(track, func(pts int64, _ [][]byte) { offer(audio, stamp{pts, pts}) })
			}
		}
		return nil
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	follow := func(what string, from <-chan stamp, n int, step int64) {
		t.Helper()
		last := stamp{dts: -1}
		shown := map[int64]bool{}
		for i := range n {
			var s stamp
			select {
			case s = <-from:
			case err := <-client.Wait():
				t.Fatalf("the client gave up: %v", err)
			case <-deadline.C:
				t.Fatalf("%d of %d %s in time", i, n, what)
			}
			most := step
			if i <= reorder { // gohlslib leaves out what is shown before the first is decoded
				most += reorder * step
			}
			if i > 0 && (s.dts-last.dts < step-millisecond || s.dts-last.dts > most+millisecond) {
				t.Fatalf("M3 %s: DTS %d after %d, want %d more", what, s.dts, last.dts, step)
			}
			if s.pts < s.dts-reorder*step || shown[s.pts] {
				t.Fatalf("%s: PTS %d at DTS %d, or twice", what, s.pts, s.dts)
			}
			shown[s.pts], last = true, s
		}
	}
	follow("pictures", video, pictures, 3000)
	follow("frames of sound", audio, sounds, 1024)
}

// playFFmpeg decodes 8 s of pictures and sound and wants no error. Warnings do
// not count: ffmpeg warns of init sections that it loads again by itself with
// every reload of a playlist.
func playFFmpeg(t *testing.T, index string) {
	out := command(t, "ffmpeg", "-hide_banner", "-v", "error", "-nostats", "-progress", "pipe:1", "-i", index, "-t", "8",
		"-map", "0:v:0", "-map", "0:a:0", "-fps_mode", "passthrough", "-f", "null", "-")
	if said := strings.TrimSpace(out.stderr.String()); said != "" {
		t.Errorf("ffmpeg complained:\n%s", said)
	}
	frames := 0
	lines := bufio.NewScanner(&out.stdout)
	for lines.Scan() {
		if n, ok := strings.CutPrefix(lines.Text(), "frame="); ok {
			frames, _ = strconv.Atoi(strings.TrimSpace(n)) // 0 is found out below
		}
	}
	if frames < pictures-3 || frames > pictures+3 {
		t.Errorf("M7 ffmpeg decoded %d pictures of 8 s, want %d", frames, pictures)
	}
}

// playGStreamer decodes and shows 8 s in real time. The pipeline ends by
// itself when both branches have had that much.
func playGStreamer(t *testing.T, index string) {
	branch := func(n int) []string {
		return []string{"!", "identity", "eos-after=" + strconv.Itoa(n), "!", "fakesink", "sync=true"}
	}
	args := []string{"-v", "uridecodebin3", "name=d", "uri=" + index, "d.", "!", "queue", "!", "videoconvert"}
	args = append(args, branch(pictures)...)
	args = append(args, "d.", "!", "queue", "!", "audioconvert")
	args = append(args, branch(sounds)...)
	out := command(t, "gst-launch-1.0", args...)
	said := out.stdout.String() + out.stderr.String()
	for _, bad := range []string{"ERROR", "WARN"} {
		if strings.Contains(said, bad) {
			t.Errorf("GStreamer complained:\n%s", said)
		}
	}
	if !strings.Contains(said, "hlsdemux2") {
		t.Errorf("another element read the playlist:\n%.2000s", said)
	}
}

// spoken is what a command said.
type spoken struct{ stdout, stderr bytes.Buffer }

// command runs a reader to its end, within patience.
func command(t *testing.T, name string, args ...string) *spoken {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out := new(spoken)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = &out.stdout, &out.stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s (make tools installs it): %v\n%s%s", name, err, out.stdout.String(), out.stderr.String())
	}
	return out
}
