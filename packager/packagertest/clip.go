package packagertest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// Clip is media that ffmpeg encoded.
type Clip struct {
	Tracks []media.Track
	Frames []media.Frame // in order of DTS; every track is shown from the given start
}

// Recipe says how a clip is encoded: with so many pictures a second of a moving
// test card, and a tone of 48 kHz.
type Recipe struct {
	Duration time.Duration
	FPS      int // default 30
	// Pictures are ffmpeg's encoder arguments for each rendition, best first.
	Pictures [][]string
	// Sound are those for the sound; nil leaves it out.
	Sound []string
}

// Encoder arguments for a Recipe. Key frames come every second.
var (
	X264 = []string{"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-bf", "2", "-b_strategy", "0",
		"-g", "30", "-keyint_min", "30", "-sc_threshold", "0"}
	// X265 has closed GOPs; X265Open has open ones, as the encoder likes it.
	X265     = []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=30:min-keyint=30:scenecut=0:open-gop=0:bframes=3"}
	X265Open = []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=4:b-adapt=0"}
	SVTAV1   = []string{"-c:v", "libsvtav1", "-preset", "12", "-g", "30"}
	AOMAV1   = []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "30", "-keyint_min", "30", "-lag-in-frames", "0"}
	AACLC    = []string{"-c:a", "aac", "-b:a", "96k", "-ac", "2"}
	Opus     = []string{"-c:a", "libopus", "-b:a", "64k", "-ac", "2"}
)

// Sized returns the arguments with a picture size such as "320x180" added.
func Sized(args []string, size string) []string {
	return append(slices.Clone(args), "-s", size)
}

// Encode makes a clip of H.264 with B-frames and a key frame every second, and
// of a tone in stereo. It ends the test when ffmpeg is missing.
func Encode(t testing.TB, duration time.Duration, start clock.Ticks) Clip {
	t.Helper()
	return Recipe{Duration: duration, Pictures: [][]string{X264}, Sound: AACLC}.Encode(t, start)
}

// Encode makes the clip. Tracks of pictures are numbered from VideoTrack on,
// leaving out AudioTrack. It ends the test when ffmpeg is missing.
func (r Recipe) Encode(t testing.TB, start clock.Ticks) Clip {
	t.Helper()
	var c Clip
	for i, args := range r.Pictures {
		if err := c.add(r.pictures(t, args), videoID(i), start); err != nil {
			t.Fatalf("read what ffmpeg encoded with %v: %v", args, err)
		}
	}
	if r.Sound != nil {
		ts := run(t, "ffmpeg", slices.Concat([]string{
			"-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
			"-t", fmt.Sprint(r.Duration.Seconds()),
		}, r.Sound, []string{"-f", "mpegts", "-"})...)
		if err := c.add(ts, AudioTrack, start); err != nil {
			t.Fatalf("read what ffmpeg encoded with %v: %v", r.Sound, err)
		}
	}
	slices.SortStableFunc(c.Frames, func(a, b media.Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return c
}

// videoID numbers the renditions of the pictures.
func videoID(i int) int {
	if i > 0 {
		return AudioTrack + i
	}
	return VideoTrack
}

func (r Recipe) pictures(t testing.TB, args []string) []byte {
	t.Helper()
	format := "mpegts"
	if slices.Contains(args, "libsvtav1") || slices.Contains(args, "libaom-av1") {
		format = "ivf" // ffmpeg puts no AV1 into MPEG-TS
	}
	return run(t, "ffmpeg", slices.Concat([]string{
		"-v", "error", "-nostdin", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=320x180:rate=%d", cmp.Or(r.FPS, 30)),
		"-t", fmt.Sprint(r.Duration.Seconds()), "-pix_fmt", "yuv420p", "-threads", "1",
	}, args, []string{"-f", format, "-"})...)
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
	cmd.Env = append(cmd.Environ(), "SVT_LOG=1") // errors only
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// add demuxes one track and has it begin at start.
func (c *Clip) add(data []byte, id int, start clock.Ticks) error {
	demux := demuxTS
	if bytes.HasPrefix(data, []byte("DKIF")) {
		demux = demuxIVF
	}
	codec, frames, err := demux(data)
	if err != nil {
		return err
	}
	first := slices.IndexFunc(frames, func(f media.Frame) bool { return f.Key })
	if codec == nil || first < 0 {
		return errors.New("no track, or no key frame")
	}
	shift := start - frames[first].PTS
	for _, f := range frames {
		f.Track, f.PTS, f.DTS = id, f.PTS+shift, f.DTS+shift
		c.Frames = append(c.Frames, f)
	}
	c.Tracks = append(c.Tracks, media.Track{ID: id, Codec: codec})
	return nil
}

// demuxTS reads the one track of a transport stream.
func demuxTS(ts []byte) (codec media.Codec, frames []media.Frame, err error) {
	r := &mpegts.Reader{R: bytes.NewReader(ts)}
	if err := r.Initialize(); err != nil {
		return nil, nil, err
	}
	sound := func(pts int64, unit []byte) {
		frames = append(frames, media.Frame{PTS: clock.Ticks(pts), DTS: clock.Ticks(pts), Key: true, Units: [][]byte{unit}})
	}
	track := r.Tracks()[0]
	switch c := track.Codec.(type) {
	case *codecs.H264:
		sets := &media.H264{}
		codec = sets
		r.OnDataH264(track, func(pts, dts int64, au [][]byte) error {
			frames = append(frames, media.Frame{PTS: clock.Ticks(pts), DTS: clock.Ticks(dts), Key: h264.IsRandomAccess(au), Units: au})
			noteH264(sets, au)
			return nil
		})
	case *codecs.H265:
		sets := &media.HEVC{}
		codec = sets
		r.OnDataH265(track, func(pts, dts int64, au [][]byte) error {
			frames = append(frames, media.Frame{PTS: clock.Ticks(pts), DTS: clock.Ticks(dts), Key: h265.IsRandomAccess(au), Units: au})
			noteHEVC(sets, au)
			return nil
		})
	case *codecs.MPEG4Audio:
		codec = &media.AAC{Config: c.Config}
		r.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error {
			for i, au := range aus {
				sound(pts+int64(i)*1024*clock.TicksPerSecond/int64(c.SampleRate), au)
			}
			return nil
		})
	case *codecs.Opus:
		codec = &media.Opus{Channels: c.ChannelCount, PreSkip: 312}
		r.OnDataOpus(track, func(pts int64, packets [][]byte) error {
			for _, p := range packets {
				sound(pts, p)
				pts += opusTicks(p)
			}
			return nil
		})
	}
	for {
		if err := r.Read(); errors.Is(err, io.EOF) {
			return codec, frames, nil
		} else if err != nil {
			return nil, nil, err
		}
	}
}

func noteH264(codec *media.H264, au [][]byte) {
	for _, u := range au {
		switch h264.NALUType(u[0] & 0x1F) {
		case h264.NALUTypeSPS:
			codec.SPS = u
		case h264.NALUTypePPS:
			codec.PPS = u
		}
	}
}

func noteHEVC(codec *media.HEVC, au [][]byte) {
	for _, u := range au {
		switch h265.NALUType(u[0] >> 1 & 0x3F) {
		case h265.NALUType_VPS_NUT:
			codec.VPS = u
		case h265.NALUType_SPS_NUT:
			codec.SPS = u
		case h265.NALUType_PPS_NUT:
			codec.PPS = u
		}
	}
}

// demuxIVF reads AV1 out of the simple file format of the encoders' authors: a
// head with the time base, then temporal units with their size and time.
func demuxIVF(data []byte) (media.Codec, []media.Frame, error) {
	head := int(binary.LittleEndian.Uint16(data[6:]))
	rate, scale := int64(binary.LittleEndian.Uint32(data[16:])), int64(binary.LittleEndian.Uint32(data[20:]))
	codec := &media.AV1{}
	var frames []media.Frame
	for data = data[head:]; len(data) > 12; {
		size := int(binary.LittleEndian.Uint32(data))
		pts := int64(binary.LittleEndian.Uint64(data[4:])) * clock.TicksPerSecond * scale / rate
		var units av1.Bitstream
		if err := units.Unmarshal(data[12 : 12+size]); err != nil {
			return nil, nil, err
		}
		data = data[12+size:]
		f := media.Frame{PTS: clock.Ticks(pts), DTS: clock.Ticks(pts)}
		for _, u := range units {
			switch av1.OBUType(u[0] >> 3 & 0xF) {
			case av1.OBUTypeTemporalDelimiter:
				continue
			case av1.OBUTypeSequenceHeader:
				f.Key, codec.SequenceHeader = true, u
			}
			f.Units = append(f.Units, u)
		}
		frames = append(frames, f)
	}
	return codec, frames, nil
}
