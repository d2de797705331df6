package ingesttest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Codings of a small live picture with a tone.
var (
	h264       = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"}
	h264WithB  = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-b_strategy", "0", "-pix_fmt", "yuv420p"}
	aac        = []string{"-c:a", "aac", "-b:a", "64k", "-ac", "2"}
	opus       = []string{"-c:a", "libopus", "-b:a", "64k", "-ac", "2"}
	picture    = []string{"-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25"}
	tone       = []string{"-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"}
	everything = join(picture, tone, h264, aac)
)

// Everything returns ffmpeg's inputs and codings of a small picture with a tone.
func Everything() []string { return slices.Clone(everything) }

func join(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Sources for Protocol.Unsupported and Protocol.Carries: ffmpeg's inputs and
// codings.
var (
	WithMP3   = join(picture, tone, h264, []string{"-c:a", "libmp3lame", "-ar", "44100"})
	WithFLV1  = join(picture, tone, []string{"-c:v", "flv"}, aac)
	WithMPEG2 = join(picture, tone, []string{"-c:v", "mpeg2video"}, aac)
	WithH265  = join(picture, tone, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25"}, aac)
	WithAV1   = join(picture, tone, []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "25", "-pix_fmt", "yuv420p"}, aac)
	WithOpus  = join(picture, tone, h264, opus)
)

// TwoRenditions is one picture in two sizes, the smaller one first, and a tone.
var TwoRenditions = join(picture, tone,
	[]string{"-filter_complex", "[0:v]split=2[low][in];[in]scale=320:180[high]", "-map", "[low]", "-map", "[high]", "-map", "1:a"}, h264, aac)

// WithJump is a stream whose timestamps go ahead by an hour after 2 s.
var WithJump = join(everything, []string{
	"-fps_mode", "passthrough", // or ffmpeg fills the hour with pictures
	"-vf", `setpts=PTS+gte(N\,50)*3600/TB`, "-af", `asetpts=PTS+gte(T\,2)*3600/TB`,
})

// freezing is a stream that ends after 2 s while its encoder stays.
func (p Protocol) freezing() []string {
	return join(p.everything(), []string{"-vf", `select=lt(n\,50)`, "-af", `aselect=lt(n\,94)`})
}

// Frozen is an encoder that never sends anything, though it connects where the
// protocol does so before there are media.
var Frozen = join(everything, []string{"-vf", "select=0", "-af", "aselect=0"})

// Shrinking makes a stream of two seconds at 320×180 and then six at 160×90.
func Shrinking(t *testing.T) []string {
	t.Helper()
	var all []byte
	for _, part := range []struct{ size, from, length string }{{"320x180", "0", "2"}, {"160x90", "2", "6"}} {
		file := filepath.Join(t.TempDir(), part.size+".ts")
		args := join([]string{"-f", "lavfi", "-i", "testsrc2=rate=25:size=" + part.size, "-t", part.length}, h264,
			[]string{"-output_ts_offset", part.from, "-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts", file})
		if code, output := Start(t, args...).Wait(t); code != 0 {
			t.Fatalf("ffmpeg: %s", output)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	file := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-re", "-i", file, "-c", "copy"}
}
