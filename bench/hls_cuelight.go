package main

import (
	"net/http"
	"time"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/sync/clock"
)

// cuelight is our packager.
type cuelight struct{ ch *packager.Channel }

// newCuelight returns our packager and our origin in front of it.
func newCuelight(clip *demo.Clip) (hlsServer, http.Handler, error) {
	start := clock.InstantOf(time.Now())
	ch, err := packager.New(packager.Config{
		PartTarget:    334 * time.Millisecond, // 333.3 ms, rounded up
		SegmentTarget: segment,
		Window:        listed * segment,
		PDT:           func(t clock.Ticks) clock.Instant { return start.Add(t.Duration()) },
	}, packager.Start{MSN: 1000, Discontinuity: 1})
	if err != nil {
		return nil, nil, err
	}
	if err := ch.Begin(clip.Tracks); err != nil {
		return nil, nil, err
	}
	lookup := func(name string) (*packager.Channel, bool) { return ch, name == channel }
	return &cuelight{ch}, origin.New(lookup, origin.Config{}), nil
}

func (c *cuelight) write(f media.Frame) error { return c.ch.Write(f) }

func (c *cuelight) edge() (position, bool) {
	w := c.ch.View().Window(packager.Video)
	if w == nil {
		return position{}, false
	}
	s := w.Load()
	return position{s.Edge.MSN, s.Edge.Part}, s.Ready()
}
