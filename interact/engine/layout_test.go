package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestSnapshotOfThisLayout replays a snapshot, a ban and a link as they are
// written today: they must stay readable for ever.
func TestSnapshotOfThisLayout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(interacttest.Memory)
		for _, rec := range []interact.Record{
			{Kind: interact.RecordSnapshot, Data: []byte(`{"v":1,"head":{"records":5,"bytes":1000,"alive_us":1795409000000000,"epoch":7,"keys":[{"key":"k1","id":"c1","action":"take"}]}}`)},
			{Kind: interact.RecordSnapshot, Cue: "c1", Data: []byte(`{"v":1,"cue":{"v":3,"id":"c1","action":"snapshot","question":{"kind":"poll","title":"Tea?","options":["Yes","No"],"correct":-1,"results":"live","window_ms":20000,"policy":"wall","slot":"main","changes":true},` +
				`"cue":{"rev":3,"window_ns":20000000000,"policy":"wall","taken":true,"arm_us":1795400000000000,"o_us":1795400003000000,"c_us":1795400023000000},"note":"closed early","spread_ms":230}}`)},
			{Kind: interact.RecordAnswers, Cue: "c1", Data: interact.AppendBatch(nil, []interact.Entry{
				{Participant: "ann", Choice: 1, Credited: 1795400005000000, Received: 1795400005000000, Attempt: interact.AttemptOf("a1")},
				{Participant: "ann", Choice: 2, Credited: 1795400006000000, Received: 1795400006000000, Attempt: interact.AttemptOf("a2")},
			})},
			{Kind: interact.RecordSnapshot, Cue: "c0", Data: []byte(`{"v":1,"cue":{"v":3,"id":"c0","action":"snapshot","question":{"kind":"poll","title":"Old?","options":["Yes","No"],"correct":-1,"results":"live","window_ms":20000},` +
				`"cue":{"rev":2,"window_ns":20000000000,"taken":true,"arm_us":1795300000000000,"o_us":1795300003000000,"c_us":1795300023000000}},"sum":{"counts":[4,3,0,0,0,0,0,0],"total":7,"changed":2}}`)},
			{Kind: interact.RecordSnapshot, Data: []byte(`{"v":1,"bans":[{"v":1,"participant":"bob","at_us":5,"until_us":1999400000000000,"reason":"insults"}]}`)},
			{Kind: interact.RecordLink, Data: []byte(`{"v":1,"owners":[["l1","ann"]]}`)},
			{Kind: interact.RecordLatency, Data: []byte(`{"v":1,"latency_ms":4000,"configured_ms":3000}`)},
			{Kind: interact.RecordBan, Data: []byte(`{"v":1,"participant":"eve","at_us":6,"reason":"x"}`)},
			{Kind: interact.RecordBan, Data: []byte(`{"v":1,"participant":"eve","at_us":7,"lifted":true}`)},
		} {
			rec.Channel = "show"
			if err := store.Append(t.Context(), []interact.Record{rec}); err != nil {
				t.Fatal(err)
			}
		}
		s := onAir(t, store)
		m := s.memory([]string{"ann", "eve"}, []string{"l1"})
		tallies := []wire.Tally{
			{Cue: "c1", Version: 3, Counts: []uint64{0, 1}, Total: 1, Final: true},
			{Cue: "c0", Version: 10, Counts: []uint64{4, 3}, Total: 7, Final: true},
		}
		if !reflect.DeepEqual(m.tallies, tallies) {
			t.Errorf("EN29 tallies = %+v, want %+v", m.tallies, tallies)
		}
		if c := m.cues[0]; c.ID != "c1" || c.Rev != 3 || c.Note != "closed early" || !c.Changes || c.Spread != 230 || c.State != wire.StateClosed || c.Text.Title != "Tea?" {
			t.Errorf("EN29 cue = %+v", c)
		}
		receipt := wire.Receipt{Cue: "c1", Choice: []int{1}, Seq: 1, At: 1795400006000000, Level: "memory", Changes: 1}
		if got := m.receipts["ann"]; !reflect.DeepEqual(got, []wire.Receipt{receipt}) {
			t.Errorf("EN29 receipts = %+v", got)
		}
		ban := interact.Ban{Participant: "bob", At: 5, Until: 1999400000000000, Reason: "insults"}
		if !reflect.DeepEqual(m.bans, []interact.Ban{ban}) || m.links["l1"] != "ann" || m.latency != 4*time.Second {
			t.Errorf("EN29 bans %+v, links %v, latency %v", m.bans, m.links, m.latency)
		}
		if got, err := s.room.Take(t.Context(), "c1", "k1"); err != nil || got.Rev != 3 {
			t.Errorf("EN8 %+v, %v", got, err)
		}
		first := s.counted(s.attempt("c1", "ann", "a1", 0))
		if first.Choice[0] != 0 || first.Changes != 0 || first.Credited != 1795400005000000 {
			t.Errorf("IN9 a retry of the first: %+v", first)
		}
	})
}

// bell rings when a message is logged.
type bell struct {
	slog.Handler
	message string
	rings   chan struct{}
}

func (b bell) Handle(_ context.Context, r slog.Record) error {
	if r.Message == b.message {
		b.rings <- struct{}{}
	}
	return nil
}

func (b bell) WithAttrs([]slog.Attr) slog.Handler { return b }

func (b bell) Enabled(context.Context, slog.Level) bool { return true }

// TestCompactedOnDisk compacts the real log and starts from it.
func TestCompactedOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	rung := bell{slog.DiscardHandler, "log compacted", make(chan struct{}, 8)}
	life := func(f func(r *engine.Room)) {
		store, err := embedded.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		e, err := engine.New(t.Context(), engine.Config{
			Store: store, Clock: room, Broadcaster: silent{}, Log: slog.New(rung), CompactRecords: 30,
			Channels: []engine.Channel{{Name: "show", Latency: latency}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer run(t, e)()
		r, _ := e.Room("show")
		f(r)
	}
	ban := func(r *engine.Room, from, to int) {
		for i := range 20 {
			if err := r.Ban(t.Context(), participant(from+i%(to-from)), 0, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	life(func(r *engine.Room) {
		ban(r, 0, 2)
		if _, err := r.UseLink(t.Context(), "l1", "ann"); err != nil {
			t.Fatal(err)
		}
		ban(r, 2, 4)
		<-rung.rings
		ban(r, 4, 5)
	})
	life(func(r *engine.Room) {
		bans, err := r.Bans(t.Context())
		if err != nil || len(bans) != 5 {
			t.Errorf("EN29 bans = %+v, %v", bans, err)
		}
		if owner, err := r.UseLink(t.Context(), "l1", "bob"); err != nil || owner != "ann" {
			t.Errorf("EN29 owner %q, %v", owner, err)
		}
	})
}
