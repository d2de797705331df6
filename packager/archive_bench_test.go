package packager_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// BenchmarkPartOfLongWindow is what a part costs when the playlist lists hours.
func BenchmarkPartOfLongWindow(b *testing.B) {
	for _, window := range []time.Duration{time.Minute, time.Hour, 3 * time.Hour} {
		b.Run(window.String(), func(b *testing.B) {
			s := newStage(b, packager.Config{Window: window, Archive: newShelf()})
			show := packagertest.Show{Start: first, Duration: time.Minute, FPSNum: 3, GOP: 6, NoAudio: true}
			s.begin(show.Tracks())
			frames := show.Frames()
			i := 0
			next := func() {
				f := frames[i%len(frames)]
				shift := clock.Ticks(i/len(frames)) * 60 * clock.TicksPerSecond
				f.PTS, f.DTS = f.PTS+shift, f.DTS+shift
				if err := s.c.Write(f); err != nil {
					b.Fatal(err)
				}
				i++
			}
			for i < int(window/time.Minute)*len(frames) {
				next()
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
		})
	}
}
