package packager_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// BenchmarkWrite packages one second of 30 pictures and sound into a full
// window.
func BenchmarkWrite(b *testing.B) { benchmarkWrite(b, nil) }

// BenchmarkWriteLadder does it with four renditions of the pictures.
func BenchmarkWriteLadder(b *testing.B) { benchmarkWrite(b, make([]packagertest.Rendition, 3)) }

func benchmarkWrite(b *testing.B, more []packagertest.Rendition) {
	b.Helper()
	c, err := packager.New(packager.Config{PDT: onR}, packager.Start{MSN: 1})
	if err != nil {
		b.Fatal(err)
	}
	show := packagertest.Show{Start: first, Duration: 70 * time.Second, More: more}
	if err := c.Begin(show.Tracks()); err != nil {
		b.Fatal(err)
	}
	for _, f := range show.Frames() {
		if err := c.Write(f); err != nil {
			b.Fatal(err)
		}
	}
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
