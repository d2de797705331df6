package packager_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// BenchmarkWrite packages one second of 30 pictures and sound into a full
// window.
func BenchmarkWrite(b *testing.B) { benchmarkWrite(b, nil) }

// BenchmarkWriteLadder does it with four renditions of the pictures.
func BenchmarkWriteLadder(b *testing.B) { benchmarkWrite(b, make([]packagertest.Rendition, 3)) }

func benchmarkWrite(b *testing.B, more []packagertest.Rendition) {
	b.Helper()
	show := packagertest.Show{Start: first, Duration: 70 * time.Second, More: more}
	c := full(b, show, show.Frames())
	at := show.Start + 70*90_000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		frames := packagertest.Show{Start: at, Duration: time.Second, GOP: 30, More: more}.Frames()
		b.StartTimer()
		for _, f := range frames {
			if err := c.Write(f); err != nil {
				b.Fatal(err)
			}
		}
		at += 90_000
	}
}

// BenchmarkMemory tells what a minute of window costs besides the media
// themselves: the window is a minute, and as much is kept behind it.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 1})
		if err != nil {
			b.Fatal(err)
		}
		show := packagertest.Show{Start: first, Duration: time.Second}
		if err := c.Begin(show.Tracks()); err != nil {
			b.Fatal(err)
		}
		bytes := 0
		for range 130 {
			for _, f := range show.Frames() {
				if err := c.Write(f); err != nil {
					b.Fatal(err)
				}
				bytes += f.Size()
			}
			show.Start += clock.TicksPerSecond
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := float64(after.HeapAlloc) - float64(before.HeapAlloc)
		media := float64(bytes) / 130 * 60
		b.ReportMetric(held/2, "B/min")
		b.ReportMetric(held/2-media, "overhead-B/min")
		runtime.KeepAlive(c)
	}
}

// BenchmarkCue announces a cue on a channel with a full window and four
// renditions of the pictures.
func BenchmarkCue(b *testing.B) {
	show := packagertest.Show{Start: first, Duration: 70 * time.Second, More: make([]packagertest.Rendition, 3)}
	frames := show.Frames()
	var c *packager.Channel
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%50 == 0 {
			b.StopTimer()
			c = full(b, show, frames)
			b.StartTimer()
		}
		q := cueAt(75 * time.Second)
		q.ID = fmt.Sprint("q", n%50)
		if err := c.SetCue(q); err != nil {
			b.Fatal(err)
		}
	}
}

// full is a channel to which all of a show was written.
func full(b *testing.B, show packagertest.Show, frames []media.Frame) *packager.Channel {
	b.Helper()
	c, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 1})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Begin(show.Tracks()); err != nil {
		b.Fatal(err)
	}
	for _, f := range frames {
		if err := c.Write(f); err != nil {
			b.Fatal(err)
		}
	}
	return c
}
