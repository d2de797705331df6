package ladder_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/ladder"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// video is a source whose parameter sets come with its first picture.
var video = media.Track{Codec: new(media.H264)}

// patience is how long anything here may take.
const patience = 30 * time.Second

// clip encodes seconds of 30 pictures each and returns them from the given
// media time on.
func clip(t *testing.T, seconds int, from clock.Ticks, coding ...string) []media.Frame {
	t.Helper()
	args := append([]string{
		"-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30",
		"-t", strconv.Itoa(seconds), "-muxdelay", "0", "-muxpreload", "0",
	}, coding...)
	cmd := exec.Command("ffmpeg", append(args, "-f", "mpegts", "pipe:1")...)
	cmd.Stderr = t.Output()
	data, err := cmd.Output()
	if err != nil {
		t.Fatalf("encode a clip: %v", err)
	}
	reader := &mpegts.Reader{R: bytes.NewReader(data)}
	if err := reader.Initialize(); err != nil {
		t.Fatal(err)
	}
	var frames []media.Frame
	reader.OnDataH264(reader.Tracks()[0], func(pts, dts int64, units [][]byte) error {
		codec := new(media.H264)
		frames = append(frames, media.Frame{
			PTS: clock.Ticks(pts), DTS: clock.Ticks(dts), Units: units, Key: ingest.IsKey(codec, units),
		})
		return nil
	})
	for err == nil {
		err = reader.Read()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	shift := from - frames[0].DTS
	for i := range frames {
		frames[i].PTS += shift
		frames[i].DTS += shift
	}
	return frames
}

var bframes = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "37", "-bf", "2"}

// made collects what a ladder emits.
type made struct {
	mu     sync.Mutex
	frames [][]media.Frame
	more   chan struct{}
}

func newMade(renditions int) *made {
	return &made{frames: make([][]media.Frame, renditions), more: make(chan struct{}, 1)}
}

func (m *made) emit(rendition int, f media.Frame) {
	m.mu.Lock()
	m.frames[rendition] = append(m.frames[rendition], f)
	m.mu.Unlock()
	select {
	case m.more <- struct{}{}:
	default:
	}
}

// await waits until every rendition has n pictures and returns them.
func (m *made) await(t *testing.T, n int) [][]media.Frame {
	t.Helper()
	timeout := time.After(patience)
	for {
		m.mu.Lock()
		var have []int
		var got [][]media.Frame
		for _, f := range m.frames {
			have = append(have, len(f))
			got = append(got, slices.Clone(f))
		}
		m.mu.Unlock()
		if slices.Min(have) >= n {
			return got
		}
		select {
		case <-m.more:
		case <-timeout:
			t.Fatalf("pictures: %v, want %d of each", have, n)
		}
	}
}

var two = []ladder.Rendition{{Height: 120, Bitrate: 300_000}, {Height: 90, Bitrate: 150_000}}

func start(t *testing.T, cfg ladder.Config) *ladder.Ladder {
	t.Helper()
	l, err := ladder.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("LD6 Run does not return")
		}
	})
	return l
}

func feed(l *ladder.Ladder, frames []media.Frame) {
	for _, f := range frames {
		l.Write(f)
	}
}

// times returns the presentation times, ascending, of all or of key pictures.
func times(frames []media.Frame, keys bool) []clock.Ticks {
	var out []clock.Ticks
	for _, f := range frames {
		if f.Key || !keys {
			out = append(out, f.PTS)
		}
	}
	slices.Sort(out)
	return out
}

func checkSame(t *testing.T, source []media.Frame, renditions [][]media.Frame) {
	t.Helper()
	for i, r := range renditions {
		if got, want := times(r, false), times(source, false); !slices.Equal(got, want[:len(got)]) {
			t.Errorf("LD1 rendition %d: times differ from the source's\n got %v\nwant %v", i, got, want)
		}
		want := times(source, true)
		want = slices.DeleteFunc(want, func(at clock.Ticks) bool { return at > r[len(r)-1].PTS })
		if got := times(r, true); !slices.Equal(got, want) {
			t.Errorf("LD2 rendition %d: key frames at %v, the source's at %v", i, got, want)
		}
	}
}

func TestRenditions(t *testing.T) {
	const wrap = clock.Ticks(1) << 33
	for _, tc := range []struct {
		name   string
		from   clock.Ticks
		coding []string
	}{
		{"with B-frames", 900_000, bframes},
		{"LD1 over a wrap of the transcoder's clock", 3*wrap - 2*clock.TicksPerSecond, bframes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := clip(t, 5, tc.from, tc.coding...)
			l := start(t, ladder.Config{Renditions: two})
			got := newMade(2)
			l.Begin(video, got.emit)
			feed(l, source)
			// The last ones wait for others that may be shown before them.
			checkSame(t, source, got.await(t, len(source)-6))
			if h := l.Health(); h.State != ladder.Running || h.Restarts != 0 || h.Err != "" || h.Dropped != 0 {
				t.Errorf("health %+v", h)
			}
			l.End()
			if h := l.Health(); h.State != ladder.Waiting {
				t.Errorf("health after the end %+v", h)
			}
		})
	}
}

func TestOtherFormatInMidStream(t *testing.T) {
	first := clip(t, 2, 900_000, bframes...)
	wide := append(slices.Clone(bframes), "-vf", "scale=480:180")
	second := clip(t, 2, 900_000+3*clock.TicksPerSecond, wide...)
	l := start(t, ladder.Config{Renditions: two[:1]})
	got := newMade(1)
	l.Begin(video, got.emit)
	feed(l, first)
	got.await(t, 20)
	feed(l, second)
	frames := got.await(t, len(second))[0]
	last := frames[len(frames)-1]
	if last.PTS < second[0].PTS {
		t.Errorf("nothing of the second format came out: last at %d", last.PTS)
	}
	if h := l.Health(); h.Restarts != 0 {
		t.Errorf("a change of format counts as a failure: %+v", h)
	}
}

// wrapped returns a program that writes its process number to a file and then
// becomes ffmpeg.
func wrapped(t *testing.T) (program, pidFile string) {
	t.Helper()
	dir := t.TempDir()
	program, pidFile = filepath.Join(dir, "encoder"), filepath.Join(dir, "pid")
	script := "#!/bin/sh\necho $$ > " + pidFile + "\nexec ffmpeg \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, pidFile
}

func pidOf(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestTranscoderThatDiesIsStartedAgain(t *testing.T) {
	program, pidFile := wrapped(t)
	first := clip(t, 2, 900_000, bframes...)
	l := start(t, ladder.Config{Program: program, Renditions: two[:1]})
	got := newMade(1)
	l.Begin(video, got.emit)
	feed(l, first)
	before := len(got.await(t, 20)[0])
	if err := syscall.Kill(pidOf(t, pidFile), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := clip(t, 4, 900_000+3*clock.TicksPerSecond, bframes...)
	feed(l, second)
	frames := got.await(t, before+60)[0]
	if last := frames[len(frames)-1].PTS; last < second[0].PTS {
		t.Errorf("LD4 nothing new came out: last at %d", last)
	}
	if h := l.Health(); h.State != ladder.Running || h.Restarts != 1 {
		t.Errorf("LD4 health %+v", h)
	}
}

func TestTranscoderThatIsTooSlow(t *testing.T) {
	program := filepath.Join(t.TempDir(), "encoder")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	source := clip(t, 5, 900_000, bframes...)
	l := start(t, ladder.Config{Program: program, Renditions: two})
	l.Begin(video, newMade(2).emit)
	for range 20 {
		feed(l, source)
	}
	if h := l.Health(); h.Dropped == 0 || h.Err == "" {
		t.Errorf("LD3 health %+v", h)
	}
}

func TestWithoutTheProgram(t *testing.T) {
	l := start(t, ladder.Config{Program: "no-such-encoder", Renditions: two})
	l.Begin(video, newMade(2).emit)
	feed(l, []media.Frame{{Key: true}})
	if h := l.Health(); h.State != ladder.Missing || !strings.Contains(h.Err, "no-such-encoder was not found: install") {
		t.Errorf("LD5 health %+v", h)
	}
	if tracks := l.Tracks(1000, video); len(tracks) != 0 {
		t.Errorf("LD5 promises %v", tracks)
	}
}

func TestOnlyWhatIsSmallerThanTheSource(t *testing.T) {
	l, err := ladder.New(ladder.Config{Renditions: []ladder.Rendition{{Height: 360, Bitrate: 1}, {Height: 180, Bitrate: 1}, {Height: 90, Bitrate: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ height, want int }{{0, 3}, {720, 3}, {360, 2}, {180, 1}, {90, 0}} {
		if got := l.Tracks(1, media.Track{Codec: new(media.H264), Height: tc.height}); len(got) != tc.want {
			t.Errorf("of a source of %d lines: %d renditions, want %d", tc.height, len(got), tc.want)
		}
	}
}

func TestProgramThatCannotDoIt(t *testing.T) {
	program := filepath.Join(t.TempDir(), "encoder")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	lines := make(lines, 1)
	l := start(t, ladder.Config{Program: program, Renditions: two, Log: slog.New(slog.NewTextHandler(lines, nil))})
	l.Begin(video, newMade(2).emit)
	feed(l, clip(t, 1, 900_000, bframes...))
	select {
	case line := <-lines:
		if !strings.Contains(line, "Unknown encoder libx264") {
			t.Errorf("LD4 log %q", line)
		}
	case <-time.After(patience):
		t.Fatalf("LD4 no word of it: %+v", l.Health())
	}
}

// lines is a log that hands on what contains "ended".
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "ended") {
		select {
		case l <- string(p):
		default:
		}
	}
	return len(p), nil
}
