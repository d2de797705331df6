package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
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
// participants, at most 4000 of them waiting for their receipts.
func BenchmarkAnswers(b *testing.B) {
	stores := map[string]func() interact.Store{
		"memory": func() interact.Store { return new(interacttest.Memory) },
		"embedded": func() interact.Store {
			s, err := embedded.Open(b.Context(), filepath.Join(b.TempDir(), "interact.db"), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			return s
		},
	}
	for name, open := range stores {
		b.Run(name, func(b *testing.B) { benchmarkAnswers(b, open()) })
	}
}

func benchmarkAnswers(b *testing.B, store interact.Store) {
	room := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1)
	e, err := engine.New(b.Context(), engine.Config{
		Store: store, Clock: room, Broadcaster: silent{}, Receipts: 1 << 30,
		Channels: []engine.Channel{{Name: "show", Latency: latency}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	defer func() { cancel(); <-done }()
	r, _ := e.Room("show")
	c := longPoll(b, r)

	answers := make([]interact.Answer, b.N)
	for i := range answers {
		answers[i] = interact.Answer{ID: "a", Cue: c.ID, Participant: fmt.Sprintf("p%024d", i), Choice: []int{i & 1}, Received: c.Open.Add(time.Second)}
	}
	var wg sync.WaitGroup
	var failed atomic.Int64
	window := make(chan struct{}, 4000)
	receipt := func(_ interact.Receipt, err error) {
		if err != nil {
			failed.Add(1)
		}
		<-window
		wg.Done()
	}
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	for _, a := range answers {
		window <- struct{}{}
		wg.Add(1)
		r.Answer(a, receipt)
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N), "cpu-ns/answer")
	counts, err := r.Counts(b.Context())
	if err != nil || failed.Load() != 0 || counts.Counted != uint64(b.N) {
		b.Fatalf("%d refused, counts %+v, %v", failed.Load(), counts, err)
	}
	b.ReportMetric(float64(b.N)/float64(counts.Commits), "answers/commit")
}

// longPoll puts a poll on air that outlasts the benchmark.
func longPoll(b *testing.B, r *engine.Room) wire.Cue {
	q := poll
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
