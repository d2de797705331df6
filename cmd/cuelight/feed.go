package main

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// timelineSink takes a channel's timeline when it changes.
type timelineSink interface {
	SetTimeline(wire.Timeline)
}

// feed tells the room of a channel about its timeline and its producers about
// its health.
type feed struct {
	channel *channel
	latency func() time.Duration
	sink    timelineSink
	health  func(wire.Health)

	sent     bool // anything at all
	sentRev  int
	sentLive bool
}

// How often the packager is told the time, the timeline is looked at, and
// health is sent.
const (
	tickPeriod     = 100 * time.Millisecond
	timelinePeriod = 250 * time.Millisecond
	healthPeriod   = time.Second
)

// Run feeds until ctx ends.
func (f *feed) Run(ctx context.Context) error {
	ticks, lines, health := time.NewTicker(tickPeriod), time.NewTicker(timelinePeriod), time.NewTicker(healthPeriod)
	defer ticks.Stop()
	defer lines.Stop()
	defer health.Stop()
	f.sendTimeline()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			f.channel.tick()
		case <-lines.C:
			f.sendTimeline()
		case <-health.C:
			f.health(f.channel.health(f.latency()))
		}
	}
}

func (f *feed) sendTimeline() {
	t := f.channel.timelineMessage(f.latency())
	if f.sent && t.Rev == f.sentRev && t.Live == f.sentLive {
		return
	}
	f.sent, f.sentRev, f.sentLive = true, t.Rev, t.Live
	f.sink.SetTimeline(t)
}

// timelineMessage is the channel's timeline as clients are told it.
func (c *channel) timelineMessage(latency time.Duration) wire.Timeline {
	c.mu.Lock()
	now := c.room.At(time.Now())
	c.timeline.Tick(now)
	c.publishMap()
	live := c.liveLocked(now)
	c.mu.Unlock()
	return wireTimeline(*c.current.Load(), latency, live)
}

func wireTimeline(m timeline.Map, latency time.Duration, live bool) wire.Timeline {
	points := make([][2]int64, len(m.Points))
	for i, p := range m.Points {
		points[i] = [2]int64{int64(p.Media), int64(p.P)}
	}
	return wire.Timeline{
		Epoch:   m.Epoch,
		Rev:     m.Rev,
		State:   m.State.String(),
		Scale:   clock.TicksPerSecond,
		Points:  points,
		Latency: latency.Milliseconds(),
		Live:    live,
	}
}
