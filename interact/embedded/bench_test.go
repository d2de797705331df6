package embedded_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/embedded"
)

// batch is a record of so many answers.
func batch(answers int) []interact.Record {
	entries := make([]interact.Entry, answers)
	for i := range entries {
		entries[i] = interact.Entry{Participant: fmt.Sprintf("p%024d", i), Choice: 1, Credited: 1795410003250000, Received: 1795410003270000}
	}
	return []interact.Record{{Channel: "show", Kind: interact.RecordAnswers, Cue: "c1", Data: interact.AppendBatch(nil, entries)}}
}

// times are how long appends took.
type times []time.Duration

func (d times) report(b *testing.B) {
	slices.Sort(d)
	b.ReportMetric(float64(d[len(d)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(d[len(d)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(d[len(d)-1].Microseconds())/1000, "max-ms")
}

// timed appends the records and notes how long that took.
func (d *times) timed(b *testing.B, s *embedded.Store, records []interact.Record) {
	began := time.Now()
	if err := s.Append(b.Context(), records); err != nil {
		b.Error(err)
	}
	*d = append(*d, time.Since(began))
}

func BenchmarkAppend(b *testing.B) {
	for _, answers := range []int{1, 100, 1000, 8192, interact.MaxBatch} {
		b.Run(fmt.Sprint(answers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "interact.db"))
			records, took := batch(answers), times{}
			b.ReportAllocs()
			for b.Loop() {
				took.timed(b, s, records)
			}
			took.report(b)
			b.ReportMetric(float64(answers)*float64(b.N)/b.Elapsed().Seconds(), "answers/s")
		})
	}
}

// BenchmarkAppendBesideReplace is how long appends wait while 64 MiB of the log
// are replaced by 16 MiB.
func BenchmarkAppendBesideReplace(b *testing.B) {
	small, big := batch(100), batch(8192)
	took := times{}
	for b.Loop() {
		s := open(b, filepath.Join(b.TempDir(), "interact.db"))
		for size := 0; size < 64<<20; size += len(big[0].Data) {
			if err := s.Append(b.Context(), big); err != nil {
				b.Fatal(err)
			}
		}
		var snapshot []interact.Record
		for size := 0; size < 16<<20; size += len(big[0].Data) {
			snapshot = append(snapshot, big[0])
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() {
			defer close(done)
			if err := s.Replace(b.Context(), "show", big[0].Seq, snapshot); err != nil {
				b.Error(err)
			}
		})
		for running := true; running; {
			took.timed(b, s, small)
			select {
			case <-done:
				running = false
			default:
			}
		}
		wg.Wait()
		b.ReportMetric(time.Since(began).Seconds(), "s/replace")
	}
	took.report(b)
}
