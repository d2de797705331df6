package hlstest_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/hlstest"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// TestAnotherServer holds a packager of another make against the rules. What it
// breaks is in docs/probe.md; here stand those that follow from its design.
func TestAnotherServer(t *testing.T) {
	clip := packagertest.Encode(t, 32*time.Second, first)
	synctest.Test(t, func(t *testing.T) {
		picture, sound := clip.Tracks[0].Codec.(*media.H264), clip.Tracks[1].Codec.(*media.AAC)
		video := &gohlslib.Track{Codec: &codecs.H264{SPS: picture.SPS, PPS: picture.PPS}, ClockRate: 90_000}
		audio := &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: sound.Config}, ClockRate: 48_000}
		m := &gohlslib.Muxer{
			Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: 7, SegmentMinDuration: 2 * time.Second,
			PartMinDuration: 333 * time.Millisecond, Tracks: []*gohlslib.Track{video, audio},
		}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			start := time.Now()
			for _, f := range clip.Frames {
				if !sleepUntil(ctx, start.Add((f.DTS - first).Duration())) {
					return
				}
				var err error
				ntp := start.Add((f.PTS - first).Duration())
				if f.Track == packagertest.VideoTrack {
					err = m.WriteH264(video, ntp, int64(f.PTS-first), f.Units)
				} else {
					err = m.WriteMPEG4Audio(audio, ntp, int64(f.PTS-first)*48/90, f.Units)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
		time.Sleep(12 * time.Second) // fake time
		c, err := collect(t, http.HandlerFunc(m.Handle), hlstest.Config{URL: "http://localhost/index.m3u8", For: 18 * time.Second})
		stop()
		<-done
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
		results := hlstest.Check(*c)
		if testing.Verbose() {
			t.Log(describe(results))
		}
		got := broken(results)
		for _, want := range []string{"C2", "C4", "C7", "M1", "B1", "B4", "N2", "N3", "P14", "R1", "S2", "T2"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s was not found among %v", want, got)
			}
		}
	})
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
