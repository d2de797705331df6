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
// text but a sealed one, and never the key: media can be loaded long before the
// window opens.
type inBand struct {
	ID        string        `json:"id"`
	Rev       int           `json:"rev"`
	Kind      string        `json:"kind"`
	Policy    string        `json:"policy"`
	Slot      string        `json:"slot,omitempty"`
	State     wire.State    `json:"state"`
	Media     clock.Ticks   `json:"media,omitempty"`
	MaxLag    int64         `json:"max_lag_ms,omitempty"`
	Open      clock.Instant `json:"o_us"`
	Close     clock.Instant `json:"c_us"`
	Pause     clock.Instant `json:"pause_us,omitempty"`
	Resume    clock.Instant `json:"resume_us,omitempty"`
	Remaining int64         `json:"remaining_ms,omitempty"`
	Choices   int           `json:"choices"`
	Results   string        `json:"results"`
	Seal      *wire.Seal    `json:"seal,omitempty"`
	// Keys is the path at which the key can be fetched from κ before O on.
	Keys string `json:"keys,omitempty"`
}

// maxInBand is what the packager takes with a cue, in bytes.
const maxInBand = 4 << 10

// describe packs what players without a socket need. A seal that does not fit is
// left out: they see that there is a question, and not which.
func (c *channel) describe(q wire.Cue) ([]byte, error) {
	in := inBand{
		ID: q.ID, Rev: q.Rev, Kind: q.Kind, Policy: q.Policy, Slot: q.Slot, State: q.State, Media: q.Media, MaxLag: q.MaxLag,
		Open: q.Open, Close: q.Close, Pause: q.Pause, Resume: q.Resume, Remaining: q.Remaining,
		Choices: q.Choices, Results: q.Results, Seal: q.Seal,
	}
	if q.Seal != nil {
		in.Keys = "/api/v1/channels/" + c.name + "/keys/" + q.Seal.KeyID
	}
	data, err := json.Marshal(in)
	if err == nil && len(data) > maxInBand {
		in.Seal = nil
		data, err = json.Marshal(in)
	}
	if err != nil {
		return nil, fmt.Errorf("describe cue %s: %w", q.ID, err)
	}
	return data, nil
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
	data, err := c.describe(q)
	if err != nil {
		return err
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
