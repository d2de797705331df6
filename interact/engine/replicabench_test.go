package engine_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/interacttest"
	"github.com/cuelight/cuelight/interact/memory"
	"github.com/cuelight/cuelight/sync/clock"
)

// takesAll are ballots that cost nothing: every vote counts.
type takesAll struct {
	interact.Ballots
	seq atomic.Uint32
}

func (b *takesAll) Cast(_ context.Context, _ interact.Poll, votes []interact.Vote, outcomes []interact.Outcome) error {
	first := b.seq.Add(uint32(len(votes))) - uint32(len(votes))
	for i := range votes {
		outcomes[i] = interact.Outcome{Mark: interact.Mark{Seq: first + uint32(i) + 1, Choice: votes[i].Choice, Credited: votes[i].Credited}, Fresh: true}
	}
	return nil
}

func (b *takesAll) Level() interact.Level { return interact.LevelMemory }

// BenchmarkReplicaAnswers is a replica without sockets and without a server:
// answers of distinct participants through judging, casting and receipts, at most
// 20,000 of them waiting.
func BenchmarkReplicaAnswers(b *testing.B) {
	for _, feeders := range []int{1, 4} {
		b.Run(fmt.Sprint("producers=", feeders), func(b *testing.B) { benchmarkReplica(b, feeders) })
	}
}

func benchmarkReplica(b *testing.B, feeders int) {
	r, cue, received := benchReplica(b)
	names, choices := namesOf(b.N), [][]int{{0}, {1}}
	gate := &turnstile{free: make(chan struct{}, 20_000/atOnce)}
	var next atomic.Int64
	runtime.GC()
	b.ReportAllocs()
	before := cpu()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range feeders {
		wg.Go(func() {
			for from := int(next.Add(atOnce)) - atOnce; from < b.N; from = int(next.Add(atOnce)) - atOnce {
				gate.free <- struct{}{}
				gate.done.Add(1)
				to := min(from+atOnce, b.N)
				for i := from; i < to; i++ {
					a := interact.Answer{ID: "a", Cue: cue, Participant: names[i*nameSize : (i+1)*nameSize], Choice: choices[i&1], Received: received}
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
	for r.Stats().Waiting > 0 {
		runtime.Gosched()
	}
	b.StopTimer()
	used := cpu() - before
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/answer")
	stats := r.Stats()
	if gate.failed.Load() != 0 || stats.Counted != uint64(b.N) {
		b.Fatalf("%d refused, %+v", gate.failed.Load(), stats)
	}
	b.ReportMetric(float64(b.N)/float64(stats.Casts), "answers/cast")
}

// benchReplica runs a replica of a channel with a long poll on air, and returns
// the poll and an instant inside its window.
func benchReplica(b *testing.B) (r *engine.Replica, cue string, inside clock.Instant) {
	b.Helper()
	room, store := clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1), new(interacttest.Memory)
	e, err := engine.New(b.Context(), engine.Config{
		Store: store, Clock: room, Broadcaster: silent{}, Ballots: new(memory.Ballots),
		Channels: []engine.Channel{{Name: "show", Latency: latency}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(run(b, e))
	leader, _ := e.Room("show")
	c := longPoll(b, leader, false)
	r, err = engine.NewReplica(engine.ReplicaConfig{
		Channel: engine.Channel{Name: "show", Latency: latency}, Node: "a", Clock: room, Bus: new(memory.Bus),
		Store: store, Ballots: new(takesAll), Sockets: new(lounge), Receipts: 1 << 30,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var own sync.WaitGroup
	own.Go(func() { r.Run(ctx) })
	b.Cleanup(func() { cancel(); own.Wait() })
	<-r.Ready()
	return r, c.ID, c.Open.Add(time.Second)
}
