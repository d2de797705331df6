package ingest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// coded are 25 pictures of 160×90 with a key frame at each tenth.
var coded = []struct {
	name  string
	codec func() media.Codec
	args  []string
	keys  []int
}{
	{"H.264", func() media.Codec { return new(media.H264) },
		[]string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-sc_threshold", "0"}, []int{0, 10, 20}},
	{"H.264 with B-frames", func() media.Codec { return new(media.H264) },
		[]string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-b_strategy", "0", "-x264-params", "keyint=10:scenecut=0:open-gop=0"}, []int{0, 10, 20}},
	{"H.264 in slices", func() media.Codec { return new(media.H264) },
		[]string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-sc_threshold", "0", "-slices", "4"}, []int{0, 10, 20}},
	{"HEVC", func() media.Codec { return new(media.HEVC) },
		[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=10:min-keyint=10:scenecut=0:open-gop=0:repeat-headers=1"}, []int{0, 10, 20}},
	{"HEVC with open groups", func() media.Codec { return new(media.HEVC) },
		[]string{"-c:v", "libx265", "-preset", "ultrafast", "-bf", "0", "-x265-params", "log-level=none:keyint=10:min-keyint=10:scenecut=0:open-gop=1:bframes=0:repeat-headers=1"}, []int{0, 10, 20}},
	{"AV1 of libaom", func() media.Codec { return new(media.AV1) },
		[]string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "10", "-keyint_min", "10"}, []int{0, 10, 20}},
	{"AV1 of SVT", func() media.Codec { return new(media.AV1) },
		[]string{"-c:v", "libsvtav1", "-preset", "12", "-g", "10", "-svtav1-params", "scd=0"}, []int{0, 10, 20}},
}

func pictures(t testing.TB, codec media.Codec, args []string) [][][]byte {
	t.Helper()
	args = append([]string{"-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-frames:v", "25", "-pix_fmt", "yuv420p"}, args...)
	if _, ok := codec.(*media.AV1); ok {
		return temporalUnits(t, args...)
	}
	return accessUnits(t, args...)
}

func TestPicturesOfRealEncoders(t *testing.T) {
	for _, tc := range coded {
		t.Run("IG14 "+tc.name, func(t *testing.T) {
			t.Parallel()
			codec := tc.codec()
			units := pictures(t, codec, tc.args)
			if len(units) != 25 {
				t.Fatalf("%d access units, want 25", len(units))
			}
			var keys []int
			for i, u := range units {
				if !ingest.HasPicture(codec, u) {
					t.Errorf("access unit %d holds no picture", i)
				}
				if ingest.IsKey(codec, u) {
					keys = append(keys, i)
				}
			}
			if !slices.Equal(keys, tc.keys) {
				t.Errorf("key frames at %v, want %v", keys, tc.keys)
			}
			checkLearn(t, codec, units)
		})
	}
}

func checkLearn(t *testing.T, codec media.Codec, units [][][]byte) {
	t.Helper()
	if ingest.Learn(codec, units[1]) {
		t.Error("IG1 all is known from a picture that is no key frame")
	}
	if !ingest.Learn(codec, units[0]) {
		t.Error("IG1 the first key frame does not tell everything")
	}
	if w, h := ingest.PictureSize(media.Track{Codec: codec}); w != 160 || h != 90 {
		t.Errorf("IG44 pictures of %d×%d, want 160×90", w, h)
	}
	for _, u := range units[0] { // the access unit's bytes are not kept
		for i := range u {
			u[i] = 0
		}
	}
	if w, _ := ingest.PictureSize(media.Track{Codec: codec}); w != 160 {
		t.Error("IG33 what was learned is not a copy")
	}
	s, _, _ := admitted(t, ingest.Config{})
	defer s.Close(nil)
	if err := s.Begin([]media.Track{{ID: 1, Codec: codec}}); err != nil {
		t.Errorf("IG5 not taken: %v", err)
	}
}

func TestPicturesThatAreNone(t *testing.T) {
	for _, tc := range []struct {
		name    string
		codec   media.Codec
		units   [][]byte
		picture bool
	}{
		{"H.264 parameter sets", new(media.H264), [][]byte{sps, pps}, false},
		{"H.264 delimiter and SEI", new(media.H264), [][]byte{{9, 0xf0}, {6, 5, 1}}, false},
		{"H.264 a slice", new(media.H264), [][]byte{{0x41, 0x9a}}, true},
		{"HEVC parameter sets", new(media.HEVC), [][]byte{{0x40, 1, 1}, {0x42, 1, 1}, {0x44, 1, 1}}, false},
		{"HEVC a header alone", new(media.HEVC), [][]byte{{0x26, 1}}, false},
		{"HEVC a slice", new(media.HEVC), [][]byte{{0x02, 1, 0xd0}}, true},
		{"AV1 sequence header", new(media.AV1), [][]byte{{0x08, 0, 0, 0}}, false},
		{"AV1 a frame", new(media.AV1), [][]byte{{0x30, 0x10}}, true},
		{"empty units", new(media.AV1), [][]byte{nil, {}}, false},
		{"sound", new(media.AAC), [][]byte{{0x65}}, false},
	} {
		t.Run("IG14 "+tc.name, func(t *testing.T) {
			if got := ingest.HasPicture(tc.codec, tc.units); got != tc.picture {
				t.Errorf("has a picture = %v, want %v", got, tc.picture)
			}
			if ingest.IsKey(tc.codec, tc.units) {
				t.Error("is a key frame")
			}
		})
	}
}

func FuzzPictures(f *testing.F) {
	f.Add(byte(0), sps, pps)
	f.Add(byte(0), []byte{0x65}, []byte{})
	f.Add(byte(1), []byte{0x26, 1, 0xaf}, []byte{0x42, 1, 1, 1, 0x60})
	f.Add(byte(2), []byte{0x0a, 0x0b, 0, 0, 0, 0x24, 0xc4, 0xff, 0xdf, 0x3f, 0xfe}, []byte{0x34, 0, 0x10})
	f.Add(byte(2), []byte{0x0c, 0, 0, 0, 0, 0x24, 0xc4, 0xff}, []byte{0x32})
	f.Fuzz(func(t *testing.T, kind byte, first, second []byte) {
		codec := []media.Codec{new(media.H264), new(media.HEVC), new(media.AV1)}[kind%3]
		units := [][]byte{first, second}
		before := bytes.Join(units, []byte{0})
		if ingest.IsKey(codec, units) && !ingest.HasPicture(codec, units) {
			t.Error("a key frame without a picture")
		}
		ingest.Learn(codec, units)
		if w, h := ingest.PictureSize(media.Track{Codec: codec}); w < 0 || h < 0 || w > 1<<16 || h > 1<<16 {
			t.Errorf("pictures of %d×%d", w, h)
		}
		s, _ := fuzzed.Admit(from("show", ""))
		defer s.Close(nil)
		if s.Begin([]media.Track{{ID: 1, Codec: codec}}) == nil {
			_ = s.Write(media.Frame{Track: 1, Key: true, Units: [][]byte{second, first}})
		}
		if !bytes.Equal(bytes.Join(units, []byte{0}), before) {
			t.Error("the access unit was changed")
		}
	})
}

var fuzzed, _ = ingest.NewRegistry([]ingest.Channel{{Name: "show", Open: true, Output: deaf{}}}, ingest.Config{})
