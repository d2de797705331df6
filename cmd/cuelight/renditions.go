package main

import (
	"errors"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// ladderTrack is the number of the first track that the ladder makes;
	// publishers' are lower.
	ladderTrack = 1 << 20
	noTrack     = -1
	// lagDecay is by how much the lag that is told shrinks with each picture when
	// the pictures' own is less.
	lagDecay = clock.TicksPerSecond / 1000
)

// startLocked begins tracks in the event, and the ladder with them.
func (c *channel) startLocked(event *packager.Channel, tracks []media.Track) error {
	all, leader := tracks, noTrack
	for _, t := range tracks {
		if t.Codec.Kind() == media.Video && c.ladder != nil {
			all = append(all[:len(all):len(all)], c.ladder.Tracks(ladderTrack, t)...)
			leader = t.ID
			break
		}
	}
	if err := event.Begin(all); err != nil {
		return err
	}
	c.tracks = tracks
	c.endLadderLocked()
	if leader != noTrack {
		c.beginLadderLocked(leader)
	}
	return nil
}

func (c *channel) beginLadderLocked(leader int) {
	c.turn++
	turn := c.turn
	c.leader = leader
	for _, t := range c.tracks {
		if t.ID == leader {
			c.ladder.Begin(t, func(rendition int, f media.Frame) { c.derived(turn, rendition, f) })
		}
	}
}

func (c *channel) endLadderLocked() {
	c.leader, c.lag = noTrack, 0
	c.turn++
	if c.ladder != nil {
		c.ladder.End()
	}
}

// derived packages a picture that the ladder made, unless it was made of what
// is over.
func (c *channel) derived(turn, rendition int, f media.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turn != c.turn {
		return
	}
	f.Track = ladderTrack + rendition
	c.lag = max(c.edge-f.PTS, c.lag-lagDecay)
	if err := c.event.Load().Write(f); err != nil && !errors.Is(err, packager.ErrNoSession) {
		c.log.Warn("renditions end: their pictures cannot be packaged", "channel", c.name, "err", err)
		c.endLadderLocked()
	}
}

// ladderHealth is how the transcoder does, nil if the channel has none.
func (c *channel) ladderHealth() *wire.HealthLadder {
	if c.ladder == nil {
		return nil
	}
	h := c.ladder.Health()
	return &wire.HealthLadder{State: string(h.State), CPU: h.CPU, Restarts: h.Restarts, Error: h.Err}
}
