package engine_test

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
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

func TestRestart(t *testing.T) {
	bubble(t, "EN3 a killed engine's receipts, window and commands are there again", func(s *show) {
		draft := s.prepare(trivia)
		removed := s.prepare(poll)
		if err := s.room.Remove(s.Context(), removed.ID); err != nil {
			s.Fatal(err)
		}
		p := s.prepare(poll)
		c, err := s.room.Take(s.Context(), p.ID, "k1")
		if err != nil {
			s.Fatal(err)
		}
		s.until(c.Open.Add(time.Second))
		receipts := make([]interact.Receipt, 50)
		for i := range receipts {
			receipts[i] = s.counted(s.answer(c.ID, participant(i), i%2))
		}
		tally, _ := s.room.Tally(s.Context(), c.ID)

		// The first engine is not stopped: the second finds what a kill leaves.
		back := resume(s.T, s.store, s.clock)
		if got, err := back.room.Tally(s.Context(), c.ID); err != nil || !reflect.DeepEqual(got, tally) {
			s.Errorf("tally = %+v, %v, want %+v", got, err, tally)
		}
		for i, want := range receipts {
			if got := back.counted(back.answer(c.ID, participant(i), (i+1)%2)); !reflect.DeepEqual(got, want) {
				s.Errorf("receipt = %+v, want %+v", got, want)
			}
		}
		if got := back.counted(back.answer(c.ID, "new", 0)); got.Seq != 51 {
			s.Errorf("the next receipt has number %d", got.Seq)
		}
		w := back.welcome(participant(3), wire.RoleViewer)
		if len(w.Cues) != 1 || w.Cues[0].State != wire.StateOpen || w.Cues[0].Open != c.Open || w.Cues[0].Close != c.Close || len(w.Receipts) != 1 {
			s.Errorf("welcome = %+v", w)
		}
		if again, err := back.room.Take(s.Context(), p.ID, "k1"); err != nil || again.Rev != c.Rev {
			s.Errorf("EN8 the same command again: %+v, %v", again, err)
		}
		cues, _, err := back.room.Cues(s.Context())
		if err != nil || len(cues) != 2 || cues[0].ID != draft.ID || *cues[0].Correct != 1 || cues[0].Text.Title != trivia.Title {
			s.Errorf("cues = %+v, %v", cues, err)
		}
		back.until(c.Close.Add(500 * ms))
		finals := back.crowd.tallies(wire.Viewers)
		if last := finals[len(finals)-1].message.(*wire.Tally); !last.Final || last.Total != 51 {
			s.Errorf("final tally = %+v", last)
		}
	})
	bubble(t, "EN3 a window that ended meanwhile is final", func(s *show) {
		c := s.take(trivia)
		s.until(c.Open.Add(time.Second))
		receipt := s.counted(s.answer(c.ID, "ann", 1))
		s.stop()
		s.until(c.Close.Add(time.Hour))
		back := resume(s.T, s.store, s.clock)
		if tally, err := back.room.Tally(s.Context(), c.ID); err != nil || !tally.Final || tally.Total != 1 {
			s.Errorf("tally = %+v, %v", tally, err)
		}
		if got := back.counted(back.answer(c.ID, "ann", 0)); !reflect.DeepEqual(got, receipt) {
			s.Errorf("receipt = %+v, want %+v", got, receipt)
		}
		back.wantRefused("another", back.answer(c.ID, "bob", 0), interact.CodeClosed)
		if got, err := back.room.Reveal(s.Context(), c.ID, ""); err != nil || got.State != wire.StateRevealed {
			s.Errorf("revealed = %+v, %v", got, err)
		}
		third := resume(s.T, s.store, s.clock)
		if w := third.welcome("ann", wire.RoleViewer); len(w.Cues) != 1 || w.Cues[0].State != wire.StateRevealed || w.Cues[0].Correct == nil || len(w.Tallies) != 1 {
			s.Errorf("welcome = %+v", w)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Run("EN17 the oldest finished cues are let go", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			first := s.take(poll)
			s.until(first.Close.Add(time.Second))
			for range engine.MaxCues {
				s.prepare(poll)
			}
			cues, _, err := s.room.Cues(t.Context())
			if err != nil || len(cues) != engine.MaxCues || cues[0].ID == first.ID {
				t.Errorf("%d cues, %v", len(cues), err)
			}
			_, err = s.room.Prepare(t.Context(), poll)
			wantCode(t, "only drafts are left", err, interact.CodeConflict)
			back := resume(t, s.store, s.clock)
			again, _, err := back.room.Cues(t.Context())
			if err != nil || !reflect.DeepEqual(again, cues) {
				t.Errorf("after a restart %d cues, %v", len(again), err)
			}
		})
	})
	t.Run("EN17 receipts beyond the limit are forgotten, counts are not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := onAir(t, new(interacttest.Memory))
			room, err := engine.New(t.Context(), engine.Config{
				Store: s.store, Clock: s.clock, Broadcaster: s.crowd, Receipts: 10,
				Channels: []engine.Channel{{Name: "small", Latency: latency}},
			})
			if err != nil {
				t.Fatal(err)
			}
			s.room, _ = room.Room("small")
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- room.Run(ctx) }()
			defer func() { cancel(); <-done }()

			first, second := s.eight(), s.eight()
			if tally, err := s.room.Tally(t.Context(), first); err != nil || tally.Total != 8 {
				t.Errorf("tally = %+v, %v", tally, err)
			}
			s.wantRefused("of the first", s.answer(first, participant(0), 0), interact.CodeClosed)
			if got := s.counted(s.answer(second, participant(0), 0)); got.Seq != 1 {
				t.Errorf("of the second: %+v", got)
			}
		})
	})
}

// eight takes a poll, answers it eight times and returns when it is closed.
func (s *show) eight() string {
	c := s.take(poll)
	s.until(c.Open.Add(time.Second))
	for i := range 8 {
		s.counted(s.answer(c.ID, participant(i), 0))
	}
	s.until(c.Close.Add(time.Second))
	return c.ID
}

func TestNewRefuses(t *testing.T) {
	room := clock.NewRoom(time.Now(), 1_795_410_000_000_000, 1)
	good := engine.Config{Store: new(interacttest.Memory), Clock: room, Broadcaster: &crowd{clock: room}}
	bad := func(name, want string, change func(c *engine.Config)) {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			if _, err := engine.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v, want %q in it", err, want)
			}
		})
	}
	channel := func(name string, l time.Duration) func(*engine.Config) {
		return func(c *engine.Config) { c.Channels = []engine.Channel{{Name: name, Latency: l}} }
	}
	log := func(kind interact.RecordKind, data string) func(*engine.Config) {
		return func(c *engine.Config) {
			channel("show", latency)(c)
			c.Store = new(interacttest.Memory)
			r := interact.Record{Channel: "show", Kind: kind, Cue: "c1", Data: []byte(data)}
			if err := c.Store.Append(t.Context(), []interact.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	bad("EN18 no store", "store", func(c *engine.Config) { c.Store = nil })
	bad("EN18 a channel without a name", "channels[0].name", channel("", latency))
	bad("EN18 a latency that no cue can be taken at", "channels[0].latency", channel("show", 400*ms))
	bad("EN18 a revision that cannot be read", "record 1", log(interact.RecordCue, "{"))
	bad("EN18 less than no capacity", "capacity", func(c *engine.Config) { c.Capacity = -1 })
	bad("EN18 a log shorter than nothing", "compact", func(c *engine.Config) { c.CompactRecords = -1 })
	bad("EN18 a snapshot of a newer program", "newer version", log(interact.RecordSnapshot, `{"v":2,"head":{}}`))
	bad("EN18 a snapshot of nothing", "neither", log(interact.RecordSnapshot, `{"v":1}`))
	bad("EN18 a ban of a newer program", "newer version", log(interact.RecordBan, `{"v":2}`))
	bad("EN18 a link of a newer program", "newer version", log(interact.RecordLink, `{"v":2}`))
	bad("EN18 a revision of a newer program", "newer version", log(interact.RecordCue, `{"v":4}`))
	bad("EN18 a batch that cannot be read", "record 1", log(interact.RecordAnswers, "x"))
}

// TestKilledOnDisk runs on the real log: what was receipted is there again.
func TestKilledOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "interact.db")
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	life := func(t *testing.T, f func(r *engine.Room)) {
		store, err := embedded.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		e, err := engine.New(t.Context(), engine.Config{
			Store: store, Clock: room, Broadcaster: &crowd{clock: room},
			Channels: []engine.Channel{{Name: "show", Latency: latency}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx) }()
		defer func() { cancel(); <-done }()
		r, _ := e.Room("show")
		f(r)
	}
	var c wire.Cue
	told := make([]interact.Receipt, 2000)
	answer := func(r *engine.Room, i int, received clock.Instant) <-chan verdict {
		out := make(chan verdict, 1)
		r.Answer(interact.Answer{Cue: c.ID, Participant: participant(i), Choice: []int{i % 2}, Received: received},
			func(r interact.Receipt, err error) { out <- verdict{r, err} })
		return out
	}
	life(t, func(r *engine.Room) {
		draft, err := r.Prepare(t.Context(), poll)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = r.Take(t.Context(), draft.ID, ""); err != nil {
			t.Fatal(err)
		}
		var all []<-chan verdict
		for i := range told {
			all = append(all, answer(r, i, c.Open.Add(time.Second)))
		}
		for i, v := range all {
			got := <-v
			if got.err != nil {
				t.Fatal(got.err)
			}
			told[i] = got.receipt
		}
	})
	life(t, func(r *engine.Room) {
		for i, want := range told {
			if got := <-answer(r, i, c.Close.Add(time.Hour)); got.err != nil || !reflect.DeepEqual(got.receipt, want) {
				t.Fatalf("IN3 receipt = %+v, %v, want %+v", got.receipt, got.err, want)
			}
		}
		if told[0].Level != interact.LevelLog {
			t.Errorf("level = %s", told[0].Level)
		}
	})
}

// TestLogOfThisLayout replays a log as it is written today: it must stay
// readable for ever.
func TestLogOfThisLayout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := onAir(t, new(interacttest.Memory))
		store := new(interacttest.Memory)
		for _, data := range []string{
			`{"v":1,"id":"c1","action":"prepare","question":{"kind":"trivia","title":"How many?","options":["24","30"],"correct":1,"results":"reveal","window_ms":20000},"cue":{"rev":1,"window_ns":20000000000}}`,
			`{"v":1,"id":"c1","action":"take","key":"k1","cue":{"rev":2,"window_ns":20000000000,"taken":true,"anchored":true,"media":900000,"arm_us":1795400000000000,"o_us":1795400003000000,"c_us":1795400023000000}}`,
			`{"v":1,"id":"c1","action":"extend","cue":{"rev":3,"window_ns":30000000000,"taken":true,"anchored":true,"media":900000,"arm_us":1795400000000000,"o_us":1795400003000000,"c_us":1795400033000000},"note":"extended by 10 s"}`,
		} {
			r := interact.Record{Channel: "show", Kind: interact.RecordCue, Cue: "c1", Data: []byte(data)}
			if err := store.Append(t.Context(), []interact.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		back := resume(t, store, s.clock)
		cues, _, err := back.room.Cues(t.Context())
		one := 1
		want := wire.Cue{
			ID: "c1", Rev: 3, Kind: "trivia", Policy: "wall", State: wire.StateClosed,
			Open: 1795400003000000, Close: 1795400033000000, Media: 900000, Window: 30_000, Choices: 2, Results: "reveal",
			Text: &wire.Text{Title: "How many?", Options: []string{"24", "30"}}, Correct: &one, Note: "extended by 10 s",
		}
		if err != nil || len(cues) != 1 || !reflect.DeepEqual(cues[0], want) {
			t.Errorf("EN3 cues = %+v, %v", cues, err)
		}
	})
}
