package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

// carrier hands what the engine tells on to the sockets, and cues into the
// media as well: players without a socket, and recordings, find them there.
type carrier struct {
	engine.Broadcaster
	carry func(channel string, c wire.Cue)
}

// Broadcast sends m to the sockets of a channel.
func (c *carrier) Broadcast(channel string, to wire.Audience, m wire.Message) {
	c.Broadcaster.Broadcast(channel, to, m)
	if changed, ok := m.(*wire.CueChanged); ok && to == wire.Viewers {
		c.carry(channel, changed.Cue)
	}
}

// band is the way of one channel's cues into its media.
type band struct {
	mu   sync.Mutex // protects what follows
	told map[string]toldCue
}

// toldCue is what was last said in band of a cue.
type toldCue struct {
	data     string
	revision int
	at       clock.Ticks
}

// inBand is the JSON object that travels with a cue. It holds no text: media
// can be loaded before the window opens.
type inBand struct {
	ID      string        `json:"id"`
	Rev     int           `json:"rev"`
	Kind    string        `json:"kind"`
	State   wire.State    `json:"state"`
	Open    clock.Instant `json:"o_us"`
	Close   clock.Instant `json:"c_us"`
	Choices int           `json:"choices"`
}

// carry puts a cue into the channel's media. Its place is the media that is on
// the screens when its window opens.
func (c *channel) carry(q wire.Cue, latency time.Duration, log *slog.Logger) {
	if q.Open == 0 { // a draft is nobody's business
		return
	}
	if err := c.setCue(q, latency); err != nil && !errors.Is(err, packager.ErrEnded) {
		log.Warn("cue does not travel in band", "channel", c.name, "cue", q.ID, "err", err)
	}
}

func (c *channel) setCue(q wire.Cue, latency time.Duration) error {
	data, err := json.Marshal(inBand{ID: q.ID, Rev: q.Rev, Kind: q.Kind, State: q.State, Open: q.Open, Close: q.Close, Choices: q.Choices})
	if err != nil {
		return fmt.Errorf("describe cue %s: %w", q.ID, err)
	}
	m := c.current.Load()
	c.band.mu.Lock()
	defer c.band.mu.Unlock()
	told, known := c.band.told[q.ID]
	if told.data == string(data) {
		return nil
	}
	if !known {
		told.at = m.MediaAt(q.Open.Add(-latency))
	}
	told.data, told.revision = string(data), told.revision+1
	in := packager.Cue{
		ID: q.ID, Revision: told.revision, At: told.at, Duration: q.Close.Sub(q.Open), Data: data,
		Cancelled: q.State == wire.StateCancelled || q.State == wire.StateVoid,
	}
	if q.State == wire.StateClosed || q.State == wire.StateRevealed {
		end := max(told.at, m.MediaAt(q.Close.Add(-latency)))
		in.End = &end
	}
	if err := c.packager.SetCue(in); err != nil {
		return err
	}
	if c.band.told == nil {
		c.band.told = make(map[string]toldCue)
	}
	c.band.told[q.ID] = told
	return nil
}
