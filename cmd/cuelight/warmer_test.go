package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestWarmer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		room := clock.NewRoom(began, clock.InstantOf(began), 1)
		var warmed []time.Duration
		w := &warmer{room: room, warm: func(channel string, _ int) {
			if channel != "show" {
				t.Errorf("warmed %s", channel)
			}
			warmed = append(warmed, time.Since(began))
		}}
		cue := func(id string, in time.Duration, s wire.State) wire.Cue {
			return wire.Cue{ID: id, Open: room.At(began.Add(in)), State: s}
		}
		w.note("show", cue("a", 5*time.Second, wire.StateScheduled))
		w.note("show", cue("a", 8*time.Second, wire.StateScheduled)) // it was moved
		w.note("other", cue("b", 5*time.Second, wire.StateArmed))
		w.note("other", cue("b", 5*time.Second, wire.StateCancelled))
		w.note("other", cue("c", -time.Second, wire.StateArmed)) // heard of too late
		w.note("other", cue("d", 0, wire.StateDraft))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(warmed) != 1 || warmed[0] < 7*time.Second || warmed[0] > 7*time.Second+2*warmLook {
			t.Errorf("warmed at %v, want once, a second before it opens", warmed)
		}
	})
}
