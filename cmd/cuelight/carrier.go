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
	mu   sync.Mutex     // protects told
	told map[string]int // revision last told, of cues that are not over
}

// inBand is the JSON object that travels with a revision of a cue. It holds no
// text: media can be loaded before the window opens.
type inBand struct {
	ID      string        `json:"id"`
	Rev     int           `json:"rev"`
	Kind    string        `json:"kind"`
	Open    clock.Instant `json:"o_us"`
	Close   clock.Instant `json:"c_us"`
	Choices int           `json:"choices"`
}

// carry puts a cue into the channel's media, once for each revision.
func (c *channel) carry(q wire.Cue, latency time.Duration, log *slog.Logger) {
	if q.Open == 0 || !c.band.news(q) { // a draft is nobody's business
		return
	}
	if err := c.setCue(q, latency); err != nil && !errors.Is(err, packager.ErrEnded) {
		log.Warn("cue does not travel in band", "channel", c.name, "cue", q.ID, "err", err)
	}
}

// news reports whether this revision has not been told, and remembers it.
func (b *band) news(q wire.Cue) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told == nil {
		b.told = make(map[string]int)
	}
	fresh := q.Rev > b.told[q.ID]
	b.told[q.ID] = max(q.Rev, b.told[q.ID])
	if over(q) {
		delete(b.told, q.ID)
	}
	return fresh
}

// over says that no further revision follows.
func over(q wire.Cue) bool { return q.State == wire.StateRevealed || withdrawn(q) }

func withdrawn(q wire.Cue) bool { return q.State == wire.StateCancelled || q.State == wire.StateVoid }

// setCue lays a cue at the media that is on the screens when its window opens.
func (c *channel) setCue(q wire.Cue, latency time.Duration) error {
	data, err := json.Marshal(inBand{ID: q.ID, Rev: q.Rev, Kind: q.Kind, Open: q.Open, Close: q.Close, Choices: q.Choices})
	if err != nil {
		return fmt.Errorf("describe cue %s: %w", q.ID, err)
	}
	m := c.current.Load()
	in := packager.Cue{
		ID: q.ID, Revision: q.Rev, At: m.MediaAt(q.Open.Add(-latency)), Duration: q.Close.Sub(q.Open), Data: data,
		Cancelled: withdrawn(q),
	}
	if q.State == wire.StateRevealed {
		end := max(in.At, m.MediaAt(q.Close.Add(-latency)))
		in.End = &end
	}
	return c.event.Load().SetCue(in)
}
