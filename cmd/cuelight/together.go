package main

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// latencyAuto lets a channel's latency be raised while viewers cannot hold it.
type latencyAuto struct {
	Max span `yaml:"max"` // up to here; zero: never
}

func (c channelSettings) validateLatencyAuto() error {
	limit := c.LatencyAuto.Max.Duration
	if limit == 0 {
		return nil
	}
	if limit < c.Latency.Duration || limit > time.Minute {
		return fmt.Errorf("latency_auto.max: %v is not between latency, %v, and 1m", c.LatencyAuto.Max, c.Latency)
	}
	return nil
}

// bufferMargin is what a player needs beyond PART-HOLD-BACK.
const bufferMargin = 500 * time.Millisecond

// minLatency is the shortest target latency that players can hold.
func (c channelSettings) minLatency() time.Duration { return c.PartHoldBack.Duration + bufferMargin }

// latency is a channel's target latency now: a producer may have changed it.
func (srv *server) latency(name string) time.Duration {
	if h, ok := srv.hall(name); ok {
		return h.Latency()
	}
	return srv.settings.Channels[name].Latency.Duration
}

// told is a channel's timeline as everybody is told it. False if there is no
// such channel.
func (srv *server) told(name string) (wire.Timeline, bool) {
	ch := srv.channels[name]
	h, ok := srv.hall(name)
	if ch == nil || !ok {
		return wire.Timeline{}, false
	}
	if srv.cluster != nil {
		return srv.cluster.seats[name].Timeline()
	}
	return h.Told(ch.timelineMessage(h.Latency())), true
}

// MediaAt returns the channel media time that is at P.
func (c *channel) MediaAt(at clock.Instant) clock.Ticks { return c.current.Load().MediaAt(at) }
