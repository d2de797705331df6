package rtmp_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// checkClip compares what the output heard of a track with what was sent.
// Timestamps are whole milliseconds on the way.
func checkClip(t *testing.T, h ingesttest.Heard, id int, sent clip) {
	t.Helper()
	var got []media.Frame
	for _, f := range h.Frames {
		if f.Track == id {
			got = append(got, f)
		}
	}
	if len(got) != len(sent.samples) {
		t.Fatalf("track %d: %d frames, sent %d", id, len(got), len(sent.samples))
	}
	base := got[0].DTS - clock.TicksOf(sent.samples[0].dts)
	for i, f := range got {
		s := sent.samples[i]
		dts, pts := f.DTS-base-clock.TicksOf(s.dts), f.PTS-base-clock.TicksOf(s.pts)
		if max(dts, -dts) > 180 || max(pts, -pts) > 180 {
			t.Errorf("IG8 frame %d of track %d is %d, %d ticks off", i, id, dts, pts)
		}
		if !reflect.DeepEqual(f.Units, s.units) {
			t.Errorf("IG61 frame %d of track %d differs: %d units of %d bytes, sent %d", i, id, len(f.Units), f.Size(), len(s.units))
		}
	}
}

func TestHEVCAndOpus(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	hevc, opus := makeTS(t, hevcClip), makeTS(t, opusClip)
	broadcast(t, addr, hevc, opus)
	h := out.Await(t, "all frames", all(hevc, opus))
	if len(h.Tracks) != 2 || len(h.Changes) != 0 {
		t.Fatalf("IG61 tracks %v, changes %v", h.Tracks, h.Changes)
	}
	sets, ok := h.Tracks[0].Codec.(*media.HEVC)
	if want := hevc.codec.(*codecs.H265); !ok || !bytes.Equal(sets.SPS, want.SPS) || !bytes.Equal(sets.PPS, want.PPS) || !bytes.Equal(sets.VPS, want.VPS) {
		t.Errorf("IG61 %+v, want %+v", h.Tracks[0].Codec, want)
	}
	if c, ok := h.Tracks[1].Codec.(*media.Opus); !ok || c.Channels != 2 || c.PreSkip != 312 {
		t.Errorf("IG61 %+v", h.Tracks[1].Codec)
	}
	checkClip(t, h, h.Tracks[0].ID, hevc)
	checkClip(t, h, h.Tracks[1].ID, opus)
	if f := h.Of(media.Video)[0]; !f.Key || f.PTS == f.DTS {
		t.Errorf("IG14 first picture %+v", f)
	}
}

func TestAV1AndAAC(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	av1, sound := makeIVF(t, av1Clip), makeTS(t, aacClip)
	broadcast(t, addr, av1, sound)
	h := out.Await(t, "all frames", all(av1, sound))
	width, height := ingest.PictureSize(h.Tracks[0])
	if h.Tracks[0].Codec.Name() != "AV1" || width != 192 || height != 108 {
		t.Errorf("IG61 %d tracks, the first %s of %dx%d", len(h.Tracks), h.Tracks[0].Codec.Name(), width, height)
	}
	checkClip(t, h, h.Tracks[0].ID, av1)
	checkClip(t, h, h.Tracks[1].ID, sound)
}

func TestRenditions(t *testing.T) {
	addr, out, _ := start(t, ingest.Config{})
	small, large, middle := makeTS(t, h264Clip("160x90")), makeTS(t, h264Clip("640x360")), makeTS(t, h264Clip("320x180"))
	sound, second := makeTS(t, aacClip), makeTS(t, opusClip)
	broadcast(t, addr, small, large, middle, sound, second)
	h := out.Await(t, "all frames", all(small, large, middle, sound, second))
	if len(h.Tracks) != 5 {
		t.Fatalf("IG62 %d tracks, want 5", len(h.Tracks))
	}
	for i, want := range []int{640, 320, 160} {
		if width, _ := ingest.PictureSize(h.Tracks[i]); width != want {
			t.Errorf("IG45 rendition %d is %d wide, want %d", i, width, want)
		}
	}
	if h.Tracks[3].Codec.Name() != "AAC" || h.Tracks[4].Codec.Name() != "Opus" {
		t.Errorf("IG62 sound is %s, then %s", h.Tracks[3].Codec.Name(), h.Tracks[4].Codec.Name())
	}
	for i, c := range []clip{large, middle, small, sound, second} {
		checkClip(t, h, h.Tracks[i].ID, c)
	}
}
