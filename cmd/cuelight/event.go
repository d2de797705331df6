package main

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/clock"
)

// A channel has one event after the other. One begins with the first publisher,
// outlives publishers as the channel does, and ends when a producer says so:
// viewers then play to its end.
//
// Whoever publishes at that moment is not cut off. Encoders come back by
// themselves within seconds, and a channel that begins anew because of that
// would put on air what nobody meant to show. So what is sent goes nowhere
// until the encoder has been stopped; the next publisher begins the next event.

// endEvent ends the event. Done again, it returns the same instant.
//
// Errors: *interact.Error when there is no event to end.
func (c *channel) endEvent() (clock.Instant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != 0 {
		return c.ended, nil
	}
	event := c.event.Load()
	if !event.View().Ready() {
		return 0, interact.Errorf(interact.CodeConflict,
			"Nothing has been on air on this channel since the server started: there is no event to end.")
	}
	c.endLadderLocked()
	c.ended, c.unseen, c.waiting = c.room.At(time.Now()), c.on, nil
	if err := event.Finish(); err != nil { // all playlists have their end nevertheless
		c.log.Error("last part lost", "channel", c.name, "err", err)
	}
	c.log.Info("event ended", "channel", c.name)
	return c.ended, nil
}

// hiddenLocked reports whether the media of a publisher that comes now go
// nowhere, because it is the encoder that was there when the event ended: one
// that lost its connection is no new event.
func (c *channel) hiddenLocked(info ingest.Info) bool {
	return c.unseen && info.Returned
}

// renewLocked begins the next event with these tracks. Readers see it when it
// has begun. On an error everything is as before.
func (c *channel) renewLocked(tracks []media.Track) error {
	cfg := c.packaging
	cfg.Before = c.event.Load()
	next, err := packager.New(cfg, startAt(c.room.At(time.Now()), cfg.SegmentTarget))
	if err != nil {
		return fmt.Errorf("begin the next event: %w", err)
	}
	if err := c.startLocked(next, tracks); err != nil {
		return err
	}
	c.event.Store(next)
	c.ended, c.unseen = 0, false
	c.log.Info("event begins", "channel", c.name)
	return nil
}
