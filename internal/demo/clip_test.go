package demo_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	videoFrames = 480
	audioFrames = 750
	loopTicks   = 16 * clock.TicksPerSecond
)

func load(t *testing.T) *demo.Clip {
	t.Helper()
	c, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClipIsWellFormed(t *testing.T) {
	c := load(t)
	if size := len(demo.Embedded); size > 500_000 {
		t.Errorf("the clip adds %d bytes to the program, more than 500000", size)
	}
	if c.Length != loopTicks {
		t.Errorf("length = %d ticks, want %d", c.Length, loopTicks)
	}
	aac, ok := c.Tracks[1].Codec.(*media.AAC)
	if !ok || aac.Config.SampleRate != 48_000 || aac.Config.ChannelCount != 2 {
		t.Errorf("audio = %+v, want AAC at 48000 Hz in stereo", c.Tracks[1].Codec)
	}
	var sps h264.SPS
	if err := sps.Unmarshal(c.Tracks[0].Codec.(*media.H264).SPS); err != nil {
		t.Fatal(err)
	}
	if sps.Width() != 640 || sps.Height() != 360 || sps.FPS() != 30 {
		t.Errorf("video = %d×%d at %v fps, want 640×360 at 30", sps.Width(), sps.Height(), sps.FPS())
	}

	count := [2]int{}
	for n := range int64(c.Len()) {
		f := c.Frame(n)
		i := count[f.Track]
		count[f.Track]++
		if f.Track == 0 {
			wantPicture(t, f, i)
		} else if want := clock.Ticks(i * 1920); f.DTS != want {
			t.Fatalf("audio frame %d at %d ticks, want %d", i, f.DTS, want)
		}
	}
	if count != [2]int{videoFrames, audioFrames} {
		t.Errorf("frames = %v, want %d of video and %d of audio", count, videoFrames, audioFrames)
	}
}

func wantPicture(t *testing.T, f media.Frame, i int) {
	t.Helper()
	if want := clock.Ticks(i * 3000); f.DTS != want || f.PTS != want {
		t.Fatalf("video frame %d at DTS %d, PTS %d, want %d", i, f.DTS, f.PTS, want)
	}
	if key := i%30 == 0; f.Key != key || h264.IsRandomAccess(f.Units) != key {
		t.Fatalf("video frame %d: key = %v, IDR = %v, want %v", i, f.Key, h264.IsRandomAccess(f.Units), key)
	}
}

func TestFrameRunsOnFromLoopToLoop(t *testing.T) {
	c := load(t)
	var last [2]media.Frame
	step := [2]clock.Ticks{3000, 1920}
	seen := [2]bool{}
	previous := clock.Ticks(0)
	for n := range 4 * int64(c.Len()) {
		f := c.Frame(n)
		if f.DTS < previous {
			t.Fatalf("frame %d: DTS %d after %d", n, f.DTS, previous)
		}
		previous = f.DTS
		if seen[f.Track] {
			if d := f.DTS - last[f.Track].DTS; d != step[f.Track] {
				t.Fatalf("frame %d of track %d: DTS steps by %d, want %d", n, f.Track, d, step[f.Track])
			}
			if d := f.PTS - last[f.Track].PTS; d != step[f.Track] {
				t.Fatalf("frame %d of track %d: PTS steps by %d, want %d", n, f.Track, d, step[f.Track])
			}
		}
		seen[f.Track], last[f.Track] = true, f
	}
}

func TestFrameStaysExactForYears(t *testing.T) {
	c := load(t)
	const loops = 10 * 365 * 24 * 3600 / 16
	first, later := c.Frame(7), c.Frame(7+loops*int64(c.Len()))
	if want := first.DTS + loops*c.Length; later.DTS != want {
		t.Errorf("DTS = %d, want %d", later.DTS, want)
	}
	if !bytes.Equal(first.Units[0], later.Units[0]) {
		t.Error("another loop shows another picture")
	}
}

func TestKeyFrom(t *testing.T) {
	c := load(t)
	for _, tc := range []struct {
		name    string
		t, want clock.Ticks
	}{
		{"the beginning", 0, 0},
		{"just after a key frame", 1, 90_000},
		{"exactly at a key frame", 90_000, 90_000},
		{"after the last of the loop", 15*90_000 + 1, loopTicks},
		{"loops later", 5*loopTicks + 89_999, 5*loopTicks + 90_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := c.Frame(c.KeyFrom(tc.t))
			if f.DTS != tc.want || f.Track != 0 || !f.Key {
				t.Errorf("track %d, key %v, DTS %d; want a video key frame at %d", f.Track, f.Key, f.DTS, tc.want)
			}
		})
	}
}

// edited returns the program's clip after change, as a file again.
func edited(t *testing.T, change func(*pmp4.Presentation)) []byte {
	t.Helper()
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(demo.Embedded)); err != nil {
		t.Fatal(err)
	}
	change(&p)
	var b seekablebuffer.Buffer
	if err := p.Marshal(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParseRefuses(t *testing.T) {
	nothing := func(*pmp4.Presentation) {}
	if _, err := demo.Parse(edited(t, nothing)); err != nil {
		t.Fatalf("unchanged clip refused: %v", err)
	}
	for _, tc := range []struct {
		name string
		file []byte
		want error
	}{
		{"nothing", nil, demo.ErrFormat},
		{"something else", []byte("GIF89a, and then a while of nothing"), demo.ErrFormat},
		{"half a file", demo.Embedded[:len(demo.Embedded)/2], demo.ErrFormat},
		{"no sound", edited(t, func(p *pmp4.Presentation) { p.Tracks = p.Tracks[:1] }), demo.ErrTracks},
		{"sound shorter than picture", edited(t, func(p *pmp4.Presentation) {
			p.Tracks[1].Samples = p.Tracks[1].Samples[:audioFrames-1]
		}), demo.ErrLoop},
		{"no key frame at the beginning", edited(t, func(p *pmp4.Presentation) {
			p.Tracks[0].Samples[0].IsNonSyncSample = true
		}), demo.ErrLoop},
		{"reordered pictures", edited(t, func(p *pmp4.Presentation) {
			p.Tracks[0].Samples[1].PTSOffset = 3000
		}), demo.ErrLoop},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := demo.Parse(tc.file); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
}
