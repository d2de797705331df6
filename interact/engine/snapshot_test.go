package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// memoryOf is all that can be asked of a room, as a value to compare.
type memoryOf struct {
	cues     []wire.Cue
	tallies  []wire.Tally
	receipts map[string][]wire.Receipt
	bans     []interact.Ban
	links    map[string]string
	latency  time.Duration
	held     int
}

func (s *show) memory(people, links []string) memoryOf {
	s.Helper()
	m := memoryOf{receipts: make(map[string][]wire.Receipt), links: make(map[string]string), latency: s.room.Latency()}
	var err error
	m.cues, m.tallies, err = s.room.Cues(s.Context())
	s.must(err)
	m.bans, err = s.room.Bans(s.Context())
	s.must(err)
	for _, who := range people {
		if w, err := s.room.Join(s.Context(), who, wire.RoleViewer); err == nil {
			m.receipts[who] = w.Receipts
		}
	}
	for _, id := range links {
		m.links[id], err = s.room.UseLink(s.Context(), id, "stranger")
		s.must(err)
	}
	counts, err := s.room.Counts(s.Context())
	s.must(err)
	m.held = counts.Receipts
	return m
}

// copyOf returns a store with the same records.
func copyOf(t *testing.T, from interact.Store) *interacttest.Memory {
	t.Helper()
	to := new(interacttest.Memory)
	err := from.Replay(context.Background(), "show", func(r interact.Record) error {
		return to.Append(context.Background(), []interact.Record{r})
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func lengthOf(t *testing.T, store interact.Store) (records int) {
	t.Helper()
	err := store.Replay(context.Background(), "show", func(interact.Record) error { records++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// compacted starts a room on a copy of the log that compacts it at once, stops
// it, and returns the copy.
func compacted(t *testing.T, from interact.Store, room *clock.Room, receipts int) *interacttest.Memory {
	t.Helper()
	store := copyOf(t, from)
	s := startWith(t, store, room, receipts, 1)
	defer s.stop()
	s.until(s.now().Add(time.Second))
	if counts, err := s.room.Counts(t.Context()); err != nil || counts.Compactions != 1 {
		t.Fatalf("EN29 counts = %+v, %v", counts, err)
	}
	return store
}

// startWith is resume with limits of its own.
func startWith(t *testing.T, store interact.Store, room *clock.Room, receipts, records int) *show {
	t.Helper()
	s := &show{T: t, store: store, clock: room, crowd: &crowd{clock: room, viewers: 100}}
	var err error
	s.engine, err = engine.New(t.Context(), engine.Config{
		Store: store, Clock: room, Broadcaster: s.crowd, Receipts: receipts, CompactRecords: records,
		Channels: []engine.Channel{{Name: "show", Title: "Tonight", Latency: latency}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.room, _ = s.engine.Room("show")
	s.stop = run(t, s.engine)
	t.Cleanup(s.stop)
	return s
}

// TestSnapshotIsTheLog performs a show, then starts from its log as it is and
// from a snapshot of it, and compares everything.
func TestSnapshotIsTheLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			receipts := []int{1000, 12}[r.IntN(2)]
			s := startWith(t, new(interacttest.Memory), clock.NewRoom(time.Now(), 1_795_410_000_000_000, 7), receipts, 1<<30)
			people, links := s.rehearse(r)
			s.until(s.now().Add(time.Minute))
			s.stop()

			short := compacted(t, s.store, s.clock, receipts)
			whole := startWith(t, copyOf(t, s.store), s.clock, receipts, 1<<30)
			again := startWith(t, short, s.clock, receipts, 1<<30)
			want, got := whole.memory(people, links), again.memory(people, links)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("EN29 after the snapshot\n%+v\nwant\n%+v", got, want)
			}
			// What is appended to either leads to the same again.
			for _, s := range []*show{whole, again} {
				s.repeatCommand(t)
				for i := range 8 {
					s.must(s.room.Ban(t.Context(), participant(i), 0, "again"))
					s.must(s.room.Unban(t.Context(), participant(i)))
				}
			}
			want = whole.memory(people, links)
			again.stop()
			third := startWith(t, compacted(t, short, s.clock, receipts), s.clock, receipts, 1<<30)
			if got := third.memory(people, links); !reflect.DeepEqual(got, want) {
				t.Fatalf("EN29 after another snapshot\n%+v\nwant\n%+v", got, want)
			}
		})
	})
}

// rehearse does all that a log can hold, at random, and returns who took part
// and the links that were used.
func (s *show) rehearse(r *rand.Rand) (people, links []string) {
	ctx := s.Context()
	for i := range 8 {
		people = append(people, participant(i))
		s.must(s.room.Ban(ctx, people[i], 0, ""))
		s.must(s.room.Unban(ctx, people[i]))
	}
	for range 2 + r.IntN(3) {
		q := []interact.Question{poll, trivia, changeable()}[r.IntN(3)]
		draft := s.prepare(q)
		if r.IntN(4) == 0 {
			continue
		}
		c, err := s.room.Take(ctx, draft.ID, "take "+draft.ID)
		s.must(err)
		s.until(c.Open.Add(time.Second))
		for range r.IntN(30) {
			s.attempt(c.ID, people[r.IntN(len(people))], fmt.Sprint("a", r.IntN(4)), r.IntN(2))
			time.Sleep(time.Duration(r.IntN(20)) * ms)
		}
		switch r.IntN(4) {
		case 0:
			_, err = s.room.Cancel(ctx, c.ID, "")
		case 1:
			_, err = s.room.CloseNow(ctx, c.ID, "")
		}
		s.must(err)
		s.until(c.Close.Add(time.Second))
		if r.IntN(2) == 0 {
			s.room.Reveal(ctx, c.ID, "reveal") // not of one that is void
		}
		s.must(s.room.Ban(ctx, people[r.IntN(len(people))], 0, "rehearsal"))
		s.must(s.room.Unban(ctx, people[r.IntN(len(people))]))
		id := fmt.Sprint("l", r.IntN(3))
		links = append(links, id)
		_, err = s.room.UseLink(ctx, id, people[r.IntN(len(people))])
		s.must(err)
		if r.IntN(3) == 0 {
			_, err := s.room.SetLatency(ctx, time.Duration(2+r.IntN(4))*time.Second)
			s.must(err)
		}
	}
	return people, links
}

// repeatCommand sends the first taken cue's take again, with its key.
func (s *show) repeatCommand(t *testing.T) {
	t.Helper()
	cues, _, err := s.room.Cues(t.Context())
	s.must(err)
	for _, c := range cues {
		if c.State == wire.StateDraft {
			continue
		}
		got, err := s.room.Take(t.Context(), c.ID, "take "+c.ID)
		if err != nil || got.Rev != c.Rev {
			t.Fatalf("EN8 the same command again: %+v, %v", got, err)
		}
		return
	}
}

func TestCompaction(t *testing.T) {
	run := func(name string, f func(t *testing.T, s *show, store *interacttest.Memory)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(interacttest.Memory)
				s := startWith(t, store, clock.NewRoom(time.Now(), 1_795_410_000_000_000, 7), 1000, 40)
				f(t, s, store)
			})
		})
	}
	run("EN29 a long log becomes a short one", func(t *testing.T, s *show, store *interacttest.Memory) {
		for i := range 300 {
			s.must(s.room.Ban(t.Context(), participant(i%5), 0, ""))
			s.must(s.room.Unban(t.Context(), participant(i%5)))
		}
		s.until(s.now().Add(2 * time.Minute))
		if n := lengthOf(t, store); n > 45 {
			t.Errorf("%d records", n)
		}
		if counts, _ := s.room.Counts(t.Context()); counts.Compactions == 0 || counts.CommitErrors != 0 {
			t.Errorf("counts = %+v", counts)
		}
	})
	run("EN29 not while a cue is on air", func(t *testing.T, s *show, store *interacttest.Memory) {
		c := s.take(poll)
		for i := range 60 {
			s.must(s.room.Ban(t.Context(), "ann", s.now().Add(time.Hour+time.Duration(i)), ""))
		}
		s.until(c.Close)
		if n := lengthOf(t, store); n < 60 {
			t.Errorf("%d records while the window was open", n)
		}
		s.until(c.Close.Add(2 * time.Second))
		if n := lengthOf(t, store); n > 10 {
			t.Errorf("%d records when it is over", n)
		}
	})
	run("EN29 a snapshot that cannot be written leaves the log", func(t *testing.T, s *show, store *interacttest.Memory) {
		var full atomic.Bool
		store.Commit = func([]interact.Record) error {
			if full.Load() {
				return interact.Errorf(interact.CodeUnavailable, "no space left on device")
			}
			return nil
		}
		for i := range 50 {
			full.Store(i == 49) // from here on
			err := s.room.Ban(t.Context(), "ann", s.now().Add(time.Hour+time.Duration(i)), "")
			if i == 49 {
				wantCode(t, "full", err, interact.CodeUnavailable)
			} else {
				s.must(err)
			}
		}
		before := lengthOf(t, store)
		s.until(s.now().Add(3 * time.Second))
		if n := lengthOf(t, store); n != before {
			t.Errorf("%d records, there were %d", n, before)
		}
		full.Store(false)
		s.until(s.now().Add(2 * time.Minute))
		if n := lengthOf(t, store); n > 10 {
			t.Errorf("%d records when there is space again", n)
		}
	})
}

// slowReplace is a store that takes 5 s to compact a log.
type slowReplace struct{ interacttest.Memory }

func (s *slowReplace) Replace(ctx context.Context, channel string, upTo uint64, records []interact.Record) error {
	time.Sleep(5 * time.Second)
	return s.Memory.Replace(ctx, channel, upTo, records)
}

func TestNothingWaitsForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(slowReplace)
		s := startWith(t, store, clock.NewRoom(time.Now(), 1_795_410_000_000_000, 7), 1000, 20)
		for i := range 30 {
			s.must(s.room.Ban(t.Context(), participant(i%3), 0, ""))
		}
		s.until(s.now().Add(time.Second)) // it has begun
		begin := s.now()
		c := s.take(poll)
		s.must(s.room.Unban(t.Context(), participant(0)))
		if took := s.now().Sub(begin); took != 0 {
			t.Errorf("EN29 commands waited %v", took)
		}
		s.at(c, time.Second)
		for i := range 10 {
			s.counted(s.answer(c.ID, "f"+participant(i), i%2))
		}
		if counts, err := s.room.Counts(t.Context()); err != nil || counts.Compactions != 0 {
			t.Fatalf("it is over too early to show anything: %+v, %v", counts, err)
		}
		s.until(begin.Add(6 * time.Second))
		counts, err := s.room.Counts(t.Context())
		if n := lengthOf(t, store); err != nil || counts.Compactions != 1 || n > 20 {
			t.Errorf("EN29 %d records, counts %+v, %v", n, counts, err)
		}
		s.stop()
		back := startWith(t, store, s.clock, 1000, 1<<30)
		back.wantTally(c.ID, 5, 5)
		if bans, _ := back.room.Bans(t.Context()); len(bans) != 2 {
			t.Errorf("EN29 bans = %+v", bans)
		}
	})
}

// FuzzReplay gives a room any record that a log could hold.
func FuzzReplay(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"head":{"records":1,"bytes":9,"alive_us":1,"epoch":1,"keys":[{"key":"k","id":"c1","action":"take"}]}}`,
		`{"v":1,"bans":[{"v":1,"participant":"ann","at_us":1}]}`,
		`{"v":1,"cue":{"v":3,"id":"c1","action":"snapshot","cue":{"rev":2,"window_ns":9,"taken":true},"question":{"kind":"poll"}},"sum":{"counts":[1,2],"total":3}}`,
		`{"v":1,"owners":[["l1","ann"]]}`,
		`{"v":9}`, `{}`, `null`, `{"v":1,"cue":null}`, `{"v":1,"participant":"ann","lifted":true}`,
	} {
		for kind := interact.RecordCue; kind <= interact.RecordLink; kind++ {
			f.Add(uint8(kind), seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data string) {
		if data == "" || len(data) > 4096 || strings.Count(data, "[") > 64 {
			return
		}
		store := new(interacttest.Memory)
		rec := interact.Record{Channel: "show", Kind: interact.RecordKind(kind), Cue: "c1", Data: []byte(data)}
		if err := store.Append(t.Context(), []interact.Record{rec}); err != nil {
			return
		}
		room := clock.NewRoom(time.Now(), 1_795_410_000_000_000, 1)
		_, err := engine.New(t.Context(), engine.Config{
			Store: store, Clock: room, Broadcaster: &crowd{clock: room}, Channels: []engine.Channel{{Name: "show", Latency: latency}},
		})
		if err != nil && !strings.Contains(err.Error(), "channel show") {
			t.Errorf("err = %v", err)
		}
	})
}
