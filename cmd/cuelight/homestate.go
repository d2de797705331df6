package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/timeline"
)

const (
	// homeSlate is where a channel's state is written, homeSlateTTL how long it
	// waits for the next home.
	homeSlate    = "timeline"
	homeSlateTTL = 24 * time.Hour
	homeVersion  = 1
)

// homeState is all that the next home has to know.
type homeState struct {
	Version int    `json:"v"`
	Node    string `json:"node"`
	Boot    string `json:"boot"`
	// Numbers are how far its playlists have counted.
	Numbers  packager.Numbers `json:"numbers"`
	Timeline timeline.Saved   `json:"timeline"`
}

// save writes where the channel stands.
func (h *home) save(ctx context.Context, fence interact.Fence) error {
	state := h.state()
	state.Node, state.Boot = h.node, h.boot
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("save the state of %s: %w", h.name, err)
	}
	return h.slate.Write(ctx, h.name, homeSlate, fence, data, homeSlateTTL)
}

// inherit goes on where the home before stood.
func (h *home) inherit(ctx context.Context) error {
	data, err := h.slate.Read(ctx, h.name, homeSlate)
	if err != nil || data == nil {
		return err
	}
	var state homeState
	if err := json.Unmarshal(data, &state); err != nil {
		h.log.Warn("state of the channel's home before is not readable: it begins anew", "channel", h.name, "err", err)
		return nil
	}
	if state.Boot == h.boot { // nobody else was it meanwhile
		return nil
	}
	if err := h.restore(state); err != nil {
		h.log.Warn("state of the channel's home before is not usable: it begins anew", "channel", h.name, "err", err)
	}
	return nil
}

// state is where the channel stands now.
func (c *channel) state() homeState {
	c.mu.Lock()
	saved := c.timeline.Save(c.room.At(time.Now()))
	c.mu.Unlock()
	return homeState{Version: homeVersion, Numbers: c.event.Load().Numbers(), Timeline: saved}
}

// restore goes on with a timeline from elsewhere, in an event of its own.
//
// Errors: a state that is none, or of another layout.
func (c *channel) restore(s homeState) error {
	if s.Version != homeVersion {
		return fmt.Errorf("layout %d of the state is not %d", s.Version, homeVersion)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.room.At(time.Now())
	line, err := timeline.Restore(now, s.Timeline, c.timing)
	if err != nil {
		return fmt.Errorf("go on with the timeline: %w", err)
	}
	start, err := s.Numbers.Resume(startAt(now, c.packaging.SegmentTarget))
	if err != nil {
		return fmt.Errorf("go on with the media: %w", err)
	}
	event, err := packager.New(c.packaging, start)
	if err != nil {
		return fmt.Errorf("go on with the media: %w", err)
	}
	if err := c.event.Load().Finish(); err != nil { // it is of an earlier time as a home
		c.log.Error("last part lost", "channel", c.name, "err", err)
	}
	c.timeline, c.ended, c.unseen, c.waiting = line, 0, false, nil
	c.publishMap()
	c.event.Store(event)
	c.band.forget()
	return nil
}
