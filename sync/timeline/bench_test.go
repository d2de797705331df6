package timeline_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
	"github.com/cuelight/cuelight/sync/timeline/timelinetest"
)

// running is a channel with a full window.
func running(b *testing.B) (*timeline.Channel, timelinetest.Emitted) {
	b.Helper()
	c := timeline.New(t0, timeline.Config{})
	out := play(c, timelinetest.Sender{PPM: 40, Jitter: 10 * time.Millisecond, Length: 10 * time.Minute}, false)
	return c, out[len(out)-1]
}

func BenchmarkObserve(b *testing.B) {
	c, last := running(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		c.Observe(timeline.Sample{DTS: last.DTS + clock.Ticks(i)*1170, Arrival: last.Arrives.Add(time.Duration(i) * 13 * time.Millisecond)})
	}
}

func BenchmarkAt(b *testing.B) {
	c, last := running(b)
	m := c.Map()
	b.ReportAllocs()
	for b.Loop() {
		m.At(last.Media)
	}
}
