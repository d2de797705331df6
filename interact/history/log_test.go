package history_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

type nobody struct{}

func (nobody) Broadcast(string, wire.Audience, wire.Message) {}
func (nobody) Viewers(string) int                            { return 0 }
func (nobody) Stuck(string) int                              { return 0 }

// rehearse lets a real engine run a cue, and returns its log.
func rehearse(t *testing.T) (records []interact.Record, cue string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := new(memory.Store)
		e, err := engine.New(t.Context(), engine.Config{
			Store: store, Clock: clock.NewRoom(time.Now(), start, 1), Broadcaster: nobody{},
			Channels: []engine.Channel{{Name: "show", Latency: 3 * time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(interact.WithActor(t.Context(), "ann"))
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		room, _ := e.Room("show")
		c, err := room.Prepare(ctx, question(false))
		if err != nil {
			t.Fatal(err)
		}
		cue = c.ID
		if _, err := room.Take(ctx, cue, "press-1"); err != nil {
			t.Fatal(err)
		}
		if err := room.Ban(ctx, "troll", 0, "spam"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := room.Reveal(ctx, cue, "press-2"); err != nil {
			t.Fatal(err)
		}
		if _, err := room.SetLatency(ctx, 4*time.Second); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		err = store.Replay(t.Context(), "show", func(r interact.Record) error {
			records = append(records, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return records, cue
}

// TestLogOfAnEngine reads what an engine really writes.
func TestLogOfAnEngine(t *testing.T) {
	records, cue := rehearse(t)
	onBoth(t, func(t *testing.T, e means) {
		db, v := open(t, e.place(t)), newVenue()
		v.records = records
		recordAll(t, db, v, nil)
		all := deeds(t, db, 0)
		var actions []string
		for _, d := range all {
			actions = append(actions, d.Role+" "+d.Action+" "+d.Key)
			if d.Action == "unreadable" || d.Actor != "ann" || d.Cue != "" && (d.Cue != cue || d.At < start || d.Rev == 0) {
				t.Errorf("HI10 %+v", d)
			}
		}
		const want = "producer prepare ,producer take press-1,producer ban ,producer reveal press-2,producer latency "
		if got := strings.Join(actions, ","); got != want {
			t.Errorf("HI10 %s\nwant %s", got, want)
		}
		rundown, err := db.Rundown(t.Context(), shows(t, db)[0].ID)
		if err != nil || len(rundown) != 1 || rundown[0].Title != question(false).Title || len(rundown[0].Options) != 2 {
			t.Errorf("HI10 rundown %+v, %v", rundown, err)
		}
	})
}
