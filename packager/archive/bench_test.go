package archive_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// BenchmarkChannel packages ten minutes of 2 Mbit/s with two renditions and
// reports the memory that a minute of window takes, and the processor time that
// a second of the show takes.
func BenchmarkChannel(b *testing.B) {
	const length = 10 * time.Minute
	for _, kind := range []struct {
		name           string
		disk, recorded bool
	}{{"in memory", false, false}, {"window on disk", true, false}, {"recorded", true, true}} {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				cfg := packager.Config{PDT: onR, Window: length}
				var a *archive.Archive
				if kind.disk {
					var err error
					if a, err = archive.Open(archive.Config{Dir: b.TempDir(), Record: kind.recorded}); err != nil {
						b.Fatal(err)
					}
					cfg.Archive = a
					ctx, stop := context.WithCancel(b.Context())
					done := make(chan error, 1)
					go func() { done <- a.Run(ctx) }()
					defer func() { stop(); <-done }()
				}
				c, err := packager.New(cfg, packager.Start{MSN: 1000, Discontinuity: 7})
				if err != nil {
					b.Fatal(err)
				}
				heap, cpu := heapNow(), cpuNow()
				broadcast(b, c, a, length)
				b.ReportMetric((cpuNow()-cpu).Seconds()*1000/length.Seconds(), "cpu-ms/s")
				b.ReportMetric(float64(heapNow()-heap)/length.Minutes()/1024, "KiB/min")
				runtime.KeepAlive(c)
			}
		})
	}
}

// broadcast writes pictures of 8 kB, minute by minute, so that the media itself
// does not count. It waits for the disk, as time would.
func broadcast(b *testing.B, c *packager.Channel, a *archive.Archive, length time.Duration) {
	if err := c.Begin(packagertest.Show{}.Tracks()); err != nil {
		b.Fatal(err)
	}
	for minute := range clock.Ticks(length / time.Minute) {
		show := packagertest.Show{Start: first + minute*60*clock.TicksPerSecond, Duration: time.Minute}
		for _, f := range show.Frames() {
			if f.Track == packagertest.VideoTrack {
				last := len(f.Units) - 1
				f.Units[last] = append(f.Units[last][:len(f.Units[last]):len(f.Units[last])], make([]byte, 8000)...)
			}
			if err := c.Write(f); err != nil {
				b.Fatal(err)
			}
			for a != nil && a.Stats().Waiting > 1<<20 {
				runtime.Gosched()
			}
		}
	}
}

func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func cpuNow() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
