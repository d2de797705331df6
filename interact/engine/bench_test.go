package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/sync/clock"
)

// silent reaches nobody.
type silent struct{}

func (silent) Broadcast(string, wire.Audience, wire.Message) {}
func (silent) Viewers(string) int                            { return 0 }
func (silent) Stuck(string) int                              { return 0 }

// BenchmarkAnswers is the engine without sockets: answers of distinct
// participants through check, dedupe, log and tally, at most 20,000 of them
// waiting for their receipts. On the memory store it says what the log costs.
func BenchmarkAnswers(b *testing.B) {
	stores := []struct {
		name string
		open func() interact.Store
	}{
		{"memory", func() interact.Store { return forgetful{} }},
		{"embedded", func() interact.Store {
			s, err := embedded.Open(b.Context(), filepath.Join(b.TempDir(), "interact.db"), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			return s
		}},
	}
	for _, store := range stores {
		for _, changes := range []bool{false, true} {
			for _, producers := range []int{1, 4} {
				name := fmt.Sprintf("%s/changes=%v/producers=%d", store.name, changes, producers)
				b.Run(name, func(b *testing.B) { benchmarkAnswers(b, store.open(), changes, producers) })
			}
		}
	}
}

// forgetful is a log that costs nothing.
type forgetful struct{ interact.Store }

func (forgetful) Append(context.Context, []interact.Record) error { return nil }
func (forgetful) Level() interact.Level                           { return interact.LevelMemory }
func (forgetful) Replay(context.Context, string, func(interact.Record) error) error {
	return nil
}

// turnstile lets a bounded number of answers wait for their receipts.
type turnstile struct {
	free   chan struct{}
	done   sync.WaitGroup
	failed atomic.Int64
}

const atOnce = 256 // answers go in together, so that the turnstile costs little

// Settle counts every receipt.
func (g *turnstile) Settle(r interact.Receipt, err error) {
	if err != nil {
		g.failed.Add(1)
	}
	if r.ID == "last" {
		<-g.free
		g.done.Done()
	}
}

// nameSize is that of participants' names in production.
const nameSize = 17

// namesOf returns n different names, one after the other.
func namesOf(n int) string {
	var all strings.Builder
	all.Grow(n * nameSize)
	for i := range n {
		fmt.Fprintf(&all, "p%016x", i)
	}
	return all.String()
}

func benchmarkAnswers(b *testing.B, store interact.Store, changes bool, producers int) {
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	e, err := engine.New(b.Context(), engine.Config{
		Store: store, Clock: room, Broadcaster: silent{}, Receipts: 1 << 30,
		Channels: []engine.Channel{{Name: "show", Latency: latency}},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer run(b, e)()
	r, _ := e.Room("show")
	c := longPoll(b, r, changes)

	names := namesOf(b.N)
	choices := [][]int{{0}, {1}}
	received := c.Open.Add(time.Second)
	gate := &turnstile{free: make(chan struct{}, 20_000/atOnce)}
	var next atomic.Int64
	runtime.GC()
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for {
				from := int(next.Add(atOnce)) - atOnce
				if from >= b.N {
					return
				}
				gate.free <- struct{}{}
				gate.done.Add(1)
				to := min(from+atOnce, b.N)
				for i := from; i < to; i++ {
					a := interact.Answer{ID: "a", Cue: c.ID, Participant: names[i*nameSize : (i+1)*nameSize], Choice: choices[i&1], Received: received}
					if i == to-1 {
						a.ID = "last"
					}
					r.AnswerTo(a, gate)
				}
			}
		})
	}
	wg.Wait()
	gate.done.Wait()
	counts, err := r.Counts(b.Context()) // all that was judged is settled
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	used := cpu() - before
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/answer")
	b.ReportMetric(float64(b.N)/used.Seconds(), "answers/s/core")
	if err != nil || gate.failed.Load() != 0 || counts.Counted != uint64(b.N) {
		b.Fatalf("%d refused, counts %+v, %v", gate.failed.Load(), counts, err)
	}
	b.ReportMetric(float64(b.N)/float64(counts.Commits), "answers/commit")
}

// BenchmarkJoin is a storm of viewers who come back into an open window in which
// everybody has answered.
func BenchmarkJoin(b *testing.B) {
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	e, err := engine.New(b.Context(), engine.Config{
		Store: new(interacttest.Memory), Clock: room, Broadcaster: silent{},
		Channels: []engine.Channel{{Name: "show", Latency: latency}},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer run(b, e)()
	r, _ := e.Room("show")
	r.SetTimeline(wire.Timeline{Rev: 1, State: "locked", Points: [][2]int64{{0, int64(room.At(time.Now()))}}})
	c := longPoll(b, r, false)
	const people = 10_000
	var wg sync.WaitGroup
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("p%016x", i)
		wg.Add(1)
		r.Answer(interact.Answer{ID: "a", Cue: c.ID, Participant: names[i], Choice: []int{0}, Received: c.Open.Add(time.Second)},
			func(interact.Receipt, error) { wg.Done() })
	}
	wg.Wait()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w, err := r.Join(b.Context(), names[int(next.Add(1))%people], wire.RoleViewer)
			if err != nil || w.Timeline == nil {
				b.Errorf("welcome = %+v, %v", w, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
}

// longPoll puts a poll on air that outlasts the benchmark.
func longPoll(b *testing.B, r *engine.Room, changes bool) wire.Cue {
	q := poll
	q.Changes = changes
	q.Window = interact.MaxWindow
	c, err := r.Prepare(b.Context(), q)
	if err != nil {
		b.Fatal(err)
	}
	if c, err = r.Take(b.Context(), c.ID, ""); err != nil {
		b.Fatal(err)
	}
	return c
}

// cpu is what this process has used so far, in user and kernel mode.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStart is a start on a snapshot of a million receipts: of the most that
// a channel keeps.
func BenchmarkStart(b *testing.B) {
	const people = 1_000_000
	store := new(interacttest.Memory)
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	cfg := engine.Config{Store: store, Clock: room, Broadcaster: silent{}, Channels: []engine.Channel{{Name: "show", Latency: latency}}}
	e, err := engine.New(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	stop := run(b, e)
	r, _ := e.Room("show")
	c := longPoll(b, r, false)
	stop()
	names := namesOf(people)
	for from := 0; from < people; from += interact.MaxBatch {
		var entries []interact.Entry
		for i := from; i < min(from+interact.MaxBatch, people); i++ {
			at := c.Open.Add(time.Second)
			entries = append(entries, interact.Entry{Participant: names[i*nameSize : (i+1)*nameSize], Choice: 1, Credited: at, Received: at})
		}
		rec := interact.Record{Channel: "show", Kind: interact.RecordAnswers, Cue: c.ID, Data: interact.AppendBatch(nil, entries)}
		if err := store.Append(b.Context(), []interact.Record{rec}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		if e, err = engine.New(b.Context(), cfg); err != nil {
			b.Fatal(err)
		}
	}
	r, _ = e.Room("show")
	if w, err := r.Join(b.Context(), names[:nameSize], wire.RoleViewer); err != nil || w.Receipts == nil {
		b.Fatalf("welcome = %+v, %v", w, err)
	}
}
