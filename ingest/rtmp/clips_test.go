package rtmp_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
)

// sample is one access unit that ffmpeg made.
type sample struct {
	pts, dts time.Duration
	units    [][]byte
}

// clip is one track that ffmpeg made.
type clip struct {
	codec   codecs.Codec
	samples []sample
}

// ffmpeg's inputs and codings of one track each.
var (
	hevcClip = []string{"-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25", "-t", "2", "-c:v", "libx265", "-preset", "ultrafast",
		"-x265-params", "log-level=none:keyint=25:bframes=2:b-adapt=0", "-pix_fmt", "yuv420p"}
	av1Clip = []string{"-f", "lavfi", "-i", "testsrc2=size=192x108:rate=25", "-t", "2", "-c:v", "libaom-av1", "-cpu-used", "8",
		"-usage", "realtime", "-g", "25", "-pix_fmt", "yuv420p"}
	opusClip = []string{"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "2", "-c:a", "libopus", "-ac", "2"}
	aacClip  = []string{"-f", "lavfi", "-i", "sine=frequency=880:sample_rate=48000", "-t", "2", "-c:a", "aac", "-ac", "2"}
)

func h264Clip(size string) []string {
	return []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=25", "-t", "2", "-c:v", "libx264", "-preset", "ultrafast",
		"-g", "25", "-pix_fmt", "yuv420p"}
}

// encode runs ffmpeg and returns what it writes in the given format.
func encode(t *testing.T, format string, args []string) []byte {
	t.Helper()
	args = slices.Concat([]string{"-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1"}, args, []string{"-f", format, "-"})
	cmd := exec.CommandContext(t.Context(), "ffmpeg", args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, complaint.String())
	}
	return out
}

// makeTS returns a track of any codec that ffmpeg puts into MPEG-TS.
func makeTS(t *testing.T, args []string) clip {
	t.Helper()
	r := &mpegts.Reader{R: bytes.NewReader(encode(t, "mpegts", args))}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	var c clip
	track := r.Tracks()[0]
	first := int64(-1)
	add := func(pts, dts int64, units [][]byte) error {
		if first < 0 {
			first = dts
		}
		ticks := time.Second / 90000
		c.samples = append(c.samples, sample{time.Duration(pts-first) * ticks, time.Duration(dts-first) * ticks, clone(units)})
		return nil
	}
	switch codec := track.Codec.(type) {
	case *tscodecs.H264:
		r.OnDataH264(track, add)
	case *tscodecs.H265:
		r.OnDataH265(track, add)
	case *tscodecs.Opus:
		c.codec = &codecs.Opus{IDHeader: &opus.IDHeader{Version: 1, ChannelCount: 2, PreSkip: 312, InputSampleRate: 48000}}
		r.OnDataOpus(track, func(pts int64, packets [][]byte) error { return spread(add, pts, packets, 1800) })
	case *tscodecs.MPEG4Audio:
		c.codec = &codecs.MPEG4Audio{Config: &codec.Config}
		r.OnDataMPEG4Audio(track, func(pts int64, units [][]byte) error { return spread(add, pts, units, 1920) })
	}
	for {
		if err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.learn(track.Codec)
	return c
}

func clone(units [][]byte) [][]byte {
	var copies [][]byte
	for _, u := range units {
		copies = append(copies, bytes.Clone(u))
	}
	return copies
}

// spread gives each of several frames of sound its own time.
func spread(add func(pts, dts int64, units [][]byte) error, pts int64, packets [][]byte, step int64) error {
	for i, p := range packets {
		at := pts + int64(i)*step
		if err := add(at, at, [][]byte{p}); err != nil {
			return err
		}
	}
	return nil
}

// learn takes the parameter sets of pictures from the first of them.
func (c *clip) learn(codec tscodecs.Codec) {
	first := c.samples[0].units
	switch codec.(type) {
	case *tscodecs.H264:
		sps, pps := ingest.ParameterSets(first)
		c.codec = &codecs.H264{SPS: sps, PPS: pps}
	case *tscodecs.H265:
		found := new(codecs.H265)
		for _, u := range first {
			switch h265.NALUType(u[0] >> 1 & 0x3f) {
			case h265.NALUType_VPS_NUT:
				found.VPS = u
			case h265.NALUType_SPS_NUT:
				found.SPS = u
			case h265.NALUType_PPS_NUT:
				found.PPS = u
			}
		}
		c.codec = found
	}
}

// makeIVF returns a track of AV1.
func makeIVF(t *testing.T, args []string) clip {
	t.Helper()
	const fileHeader, frameHeader = 32, 12
	data := encode(t, "ivf", args)[fileHeader:]
	c := clip{codec: new(codecs.AV1)}
	for i := 0; len(data) > 0; i++ {
		n := int(binary.LittleEndian.Uint32(data))
		var units av1.Bitstream
		if err := units.Unmarshal(data[frameHeader : frameHeader+n]); err != nil {
			t.Fatal(err)
		}
		at := time.Duration(i) * time.Second / 25
		c.samples = append(c.samples, sample{at, at, units[1:]}) // without the delimiter
		data = data[frameHeader+n:]
	}
	return c
}

// broadcast publishes clips from beginning to end, with an RTMP library's
// writer, and leaves the connection open.
func broadcast(t *testing.T, addr string, clips ...clip) {
	t.Helper()
	conn, err := connect(t, addr, "show:secret-1", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeClips(conn, 0, func(time.Duration) bool { return true }, clips...); err != nil {
		t.Fatal(err)
	}
}

// writeClips sends configurations and then frames in the order of their time,
// shifted by offset. Due is asked before each frame, which may make it wait; it
// reports false to stop.
func writeClips(conn gortmplib.Conn, offset time.Duration, due func(dts time.Duration) bool, clips ...clip) error {
	w := &gortmplib.Writer{Conn: conn}
	type step struct {
		sample
		track *gortmplib.Track
	}
	var steps []step
	for _, c := range clips {
		track := &gortmplib.Track{Codec: c.codec}
		w.Tracks = append(w.Tracks, track)
		for _, s := range c.samples {
			s.pts, s.dts = s.pts+offset, s.dts+offset
			steps = append(steps, step{s, track})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.dts, b.dts) })
	if err := w.Initialize(); err != nil {
		return err
	}
	for _, s := range steps {
		if !due(s.dts) {
			return nil
		}
		if err := writeSample(w, s.track, s.sample); err != nil {
			return err
		}
	}
	return nil
}

func writeSample(w *gortmplib.Writer, track *gortmplib.Track, s sample) error {
	switch track.Codec.(type) {
	case *codecs.H264:
		return w.WriteH264(track, s.pts, s.dts, s.units)
	case *codecs.H265:
		return w.WriteH265(track, s.pts, s.dts, s.units)
	case *codecs.AV1:
		return w.WriteAV1(track, s.pts, s.units)
	case *codecs.Opus:
		return w.WriteOpus(track, s.pts, s.units[0])
	}
	return w.WriteMPEG4Audio(track, s.pts, s.units[0])
}

// all awaits every frame of these clips.
func all(clips ...clip) func(ingesttest.Heard) bool {
	n := 0
	for _, c := range clips {
		n += len(c.samples)
	}
	return func(h ingesttest.Heard) bool { return len(h.Frames) >= n }
}
