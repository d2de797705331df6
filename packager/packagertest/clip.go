package packagertest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Clip is media that ffmpeg encoded: 30 pictures a second with B-frames and a
// key frame every second, and a tone in stereo.
type Clip struct {
	Tracks []media.Track
	Frames []media.Frame // in order of DTS; the first PTS is the given start
}

// Encode makes a clip. It ends the test when ffmpeg is missing.
func Encode(t testing.TB, duration time.Duration, start clock.Ticks) Clip {
	t.Helper()
	ts := run(t, "ffmpeg", "-v", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", fmt.Sprint(duration.Seconds()),
		"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "2", "-b_strategy", "0",
		"-pix_fmt", "yuv420p", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-threads", "1",
		"-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "mpegts", "-")
	c, err := demux(ts)
	if err != nil {
		t.Fatalf("read what ffmpeg encoded: %v", err)
	}
	c.rebase(start)
	return c
}

// run runs a program that the tests need and returns what it wrote to standard
// output. It ends the test when the program is missing or fails.
func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs %s (apt-get install ffmpeg): %v", program, err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

func demux(ts []byte) (Clip, error) {
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		return Clip{}, err
	}
	var c Clip
	video := &media.H264{}
	for _, track := range r.Tracks() {
		switch codec := track.Codec.(type) {
		case *codecs.H264:
			c.Tracks = append(c.Tracks, media.Track{ID: VideoTrack, Codec: video})
			r.OnDataH264(track, func(pts, dts int64, au [][]byte) error {
				c.Frames = append(c.Frames, media.Frame{
					Track: VideoTrack, PTS: clock.Ticks(pts), DTS: clock.Ticks(dts), Key: h264.IsRandomAccess(au), Units: au,
				})
				note(video, au)
				return nil
			})
		case *codecs.MPEG4Audio:
			c.Tracks = append(c.Tracks, media.Track{ID: AudioTrack, Codec: &media.AAC{Config: codec.Config}})
			r.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error {
				for i, au := range aus {
					at := clock.Ticks(pts) + clock.Ticks(i)*1024*clock.TicksPerSecond/clock.Ticks(codec.SampleRate)
					c.Frames = append(c.Frames, media.Frame{Track: AudioTrack, PTS: at, DTS: at, Key: true, Units: [][]byte{au}})
				}
				return nil
			})
		}
	}
	for {
		if err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Clip{}, err
		}
	}
	slices.SortStableFunc(c.Frames, func(a, b media.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return c, nil
}

func note(codec *media.H264, au [][]byte) {
	for _, u := range au {
		switch h264.NALUType(u[0] & 0x1F) {
		case h264.NALUTypeSPS:
			codec.SPS = u
		case h264.NALUTypePPS:
			codec.PPS = u
		}
	}
}

// rebase moves the clip so that its first key frame is shown at start.
func (c *Clip) rebase(start clock.Ticks) {
	i := slices.IndexFunc(c.Frames, func(f media.Frame) bool { return f.Track == VideoTrack && f.Key })
	shift := start - c.Frames[i].PTS
	for i := range c.Frames {
		c.Frames[i].PTS += shift
		c.Frames[i].DTS += shift
	}
}
