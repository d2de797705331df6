package main

import (
	"context"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// warmBefore is how long before a window opens the gateway makes ready what
	// its answers need.
	warmBefore = time.Second
	warmLook   = 100 * time.Millisecond
)

// warmer makes the gateway ready for cues, whose instants are known before.
type warmer struct {
	room *clock.Room
	warm func(channel string, expected int)

	mu  sync.Mutex // protects due
	due map[warmKey]clock.Instant
}

type warmKey struct{ channel, cue string }

// note takes in a cue as viewers are told of it.
func (w *warmer) note(channel string, q wire.Cue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := warmKey{channel, q.ID}
	switch q.State {
	case wire.StateScheduled, wire.StateArmed, wire.StateKeyed:
		if w.due == nil {
			w.due = make(map[warmKey]clock.Instant)
		}
		w.due[key] = q.Open
	default:
		delete(w.due, key)
	}
}

// Run warms until ctx ends.
func (w *warmer) Run(ctx context.Context) error {
	look := time.NewTicker(warmLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			for _, channel := range w.ripe(w.room.At(time.Now())) {
				w.warm(channel, 0)
			}
		}
	}
}

// ripe takes out the cues that open within warmBefore and returns their
// channels.
func (w *warmer) ripe(now clock.Instant) (channels []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, open := range w.due {
		if now < open.Add(-warmBefore) {
			continue
		}
		delete(w.due, key)
		if now < open {
			channels = append(channels, key.channel)
		}
	}
	return channels
}
