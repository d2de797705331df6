package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	hlscodecs "github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/sync/clock"
)

// windowLengths are how far back viewers can go.
var windowLengths = []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute}

// windowFigures are what a channel with a full window takes.
type windowFigures struct {
	heap  float64       // bytes of a minute of window, after a collection
	media float64       // bytes of a minute of pictures
	cpu   time.Duration // of packaging a second
}

// measureWindows fills windows faster than time, in this process, with nobody
// watching, and looks at the heap.
func measureWindows(ctx context.Context, s settings, w io.Writer) error {
	st, err := newStager(ctx, settings{program: "none"})
	if err != nil {
		return err
	}
	defer st.clean()
	f, err := readFootage(st.clip)
	if err != nil {
		return err
	}
	t := table{
		title: "Window: memory of one channel, 640x360 at 1.5 Mbit/s, fed faster than time, after a collection",
		ours:  "cuelight", base: baseName,
	}
	for _, length := range windowLengths {
		base, err := fillBaseWindow(ctx, f, length)
		if err != nil {
			return fmt.Errorf("gohlslib: %w", err)
		}
		for _, disk := range []string{"", st.dir} {
			ours, err := fillWindow(ctx, f, length, disk)
			if err != nil {
				return fmt.Errorf("cuelight: %w", err)
			}
			prefix := fmt.Sprintf("%d min in memory: ", length/time.Minute)
			if disk != "" {
				prefix = fmt.Sprintf("%d min with a disk: ", length/time.Minute)
				base = &windowFigures{heap: math.NaN(), media: math.NaN()}
			}
			t.add(prefix+"heap of a minute of window", kib, ours.heap, base.heap)
			t.add(prefix+"heap, times the media", decimals, ours.heap/ours.media, base.heap/base.media)
			t.tell(prefix+"media of a minute", kib, ours.media, base.media)
			t.tell(prefix+"CPU of packaging a second", precise, float64(ours.cpu), ifNumber(base.heap, float64(base.cpu)))
		}
	}
	t.print(w)
	return nil
}

// ifNumber is v unless there is no figure.
func ifNumber(figure, v float64) float64 {
	if math.IsNaN(figure) {
		return figure
	}
	return v
}

// fillWindow packages until nothing grows any more: files stay for a window and
// a little more after they left the playlist. With a folder there is a disk.
func fillWindow(ctx context.Context, f *footage, length time.Duration, disk string) (_ *windowFigures, err error) {
	start := clock.InstantOf(time.Now())
	cfg := packager.Config{
		SegmentTarget: segment, Window: length,
		PDT: func(t clock.Ticks) clock.Instant { return start.Add(t.Duration()) },
	}
	waits := func() bool { return false }
	heap := heapNow()
	if disk != "" {
		dir, err := os.MkdirTemp(disk, "window-")
		if err != nil {
			return nil, err
		}
		a, err := archive.Open(archive.Config{Dir: dir, KeepFree: -1})
		if err != nil {
			return nil, err
		}
		writing, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- a.Run(writing) }()
		defer func() {
			stop()
			err = errors.Join(err, <-done)
		}()
		cfg.Archive = a
		const backlog = 1 << 20
		waits = func() bool { return a.Stats().Waiting > backlog }
	}
	ch, err := packager.New(cfg, packager.Start{MSN: 1000, Discontinuity: 1})
	if err != nil {
		return nil, err
	}
	if err := ch.Begin([]media.Track{{Codec: &media.H264{SPS: f.sps, PPS: f.pps}}}); err != nil {
		return nil, err
	}
	figures, err := fill(ctx, f, length, func(n int64, units [][]byte, key bool) error {
		for waits() {
			if err := pause(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		at := clock.Ticks(n) * clock.TicksPerSecond / pictureRate
		return ch.Write(media.Frame{PTS: at, DTS: at, Key: key, Units: units})
	})
	if err != nil {
		return nil, err
	}
	figures.heap = float64(heapNow()-heap) / length.Minutes()
	runtime.KeepAlive(ch)
	return figures, nil
}

// fillBaseWindow does the same with the baseline, which keeps nothing behind
// its playlist.
func fillBaseWindow(ctx context.Context, f *footage, length time.Duration) (*windowFigures, error) {
	heap := heapNow()
	track := &gohlslib.Track{Codec: &hlscodecs.H264{SPS: f.sps, PPS: f.pps}, ClockRate: 90_000}
	muxer := &gohlslib.Muxer{
		Tracks: []*gohlslib.Track{track}, Variant: gohlslib.MuxerVariantLowLatency,
		SegmentCount: int(length / segment), SegmentMinDuration: segment, PartMinDuration: longPartBase,
	}
	if err := muxer.Start(); err != nil {
		return nil, err
	}
	defer muxer.Close()
	start := time.Now()
	figures, err := fill(ctx, f, length, func(n int64, units [][]byte, key bool) error {
		if key { // its timestamps need the parameter sets in the stream
			units = append([][]byte{f.sps, f.pps}, units...)
		}
		at := time.Duration(n) * time.Second / pictureRate
		return muxer.WriteH264(track, start.Add(at), n*90_000/pictureRate, units)
	})
	if err != nil {
		return nil, err
	}
	figures.heap = float64(heapNow()-heap) / length.Minutes()
	runtime.KeepAlive(muxer)
	return figures, nil
}

// fill writes twice the window and a minute.
func fill(ctx context.Context, f *footage, length time.Duration, write func(n int64, units [][]byte, key bool) error) (*windowFigures, error) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	total, size := 2*length+time.Minute, 0
	for n := range int64(total / time.Second * pictureRate) {
		if n%pictureRate == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		units, key, _ := f.at(n)
		for _, u := range units {
			size += len(u)
		}
		if err := write(n, units, key); err != nil {
			return nil, err
		}
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	return &windowFigures{
		media: float64(size) / total.Minutes(),
		cpu:   time.Duration(float64(after-before) / total.Seconds()),
	}, nil
}

// heapNow is what is in use after a collection. Units: bytes.
func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one only made unreachable
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
