package redis_test

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
	"github.com/cuelight/cuelight/sync/clock"
)

// BenchmarkCast casts votes of different people in batches, one at a time, and
// says what a vote costs here and in Redis.
func BenchmarkCast(b *testing.B) {
	for _, level := range []interact.Level{interact.LevelMemory, interact.LevelLog} {
		for _, size := range []int{300, 1000, interact.MaxCast} {
			b.Run(fmt.Sprintf("%s/%d", level, size), func(b *testing.B) { benchmarkCast(b, level, size, 0) })
		}
	}
}

// BenchmarkShards says what it costs one server that the answers to a cue are kept
// in several parts.
func BenchmarkShards(b *testing.B) {
	for _, size := range []int{50, 300, interact.MaxCast} {
		for _, shards := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%d/%d", size, shards), func(b *testing.B) { benchmarkCast(b, interact.LevelLog, size, shards) })
		}
	}
}

func benchmarkCast(b *testing.B, level interact.Level, size, shards int) {
	opt := redisproc.Options{Dir: b.TempDir()}
	if level == interact.LevelLog {
		opt.Args = redisproc.Durable()
	}
	s, err := redisproc.Start(b.Context(), opt)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Kill()
	c, err := redisstore.Open(b.Context(), redisstore.Config{Addresses: []string{s.Addr}, Level: level, Shards: shards})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ballots, votes, out := c.Ballots(), make([]interact.Vote, size), make([]interact.Outcome, size)
	p := interact.Poll{Channel: "show", Cue: "c1", Options: 4}
	name, before, own := 0, spent(b, s), ours(b)
	b.ReportAllocs()
	for b.Loop() {
		for i := range votes {
			name++
			votes[i] = voteOf("p"+strconv.Itoa(1_000_000_000_000+name), i%4, clock.Instant(name))
		}
		if err := ballots.Cast(b.Context(), p, votes, out); err != nil || out[0].Code != "" || !out[size-1].Fresh {
			b.Fatal(err, out[0])
		}
	}
	all := float64(b.N * size)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/all, "ns/vote")
	b.ReportMetric((spent(b, s)-before)*1e9/all, "redis-ns/vote")
	b.ReportMetric((ours(b)-own)*1e9/all, "own-ns/vote")
	b.ReportMetric(all/b.Elapsed().Seconds(), "votes/s")
	b.ReportMetric(float64(c.Stats().Calls)/all, "calls/vote")
}

// ours is how many seconds of processor this process has used.
func ours(b *testing.B) float64 {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

// spent is how many seconds of processor a server has used.
func spent(b *testing.B, s *redisproc.Server) (sum float64) {
	b.Helper()
	for _, kind := range []string{"used_cpu_user", "used_cpu_sys"} {
		text, err := s.Info(b.Context(), "cpu", kind)
		if err != nil {
			b.Fatal(err)
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return sum
}

// voteOf returns somebody's vote for an option.
func voteOf(who string, option int, at clock.Instant) interact.Vote {
	return interact.Vote{Entry: interact.Entry{Participant: who, Choice: 1 << option, Credited: at, Received: at + 40_000}}
}
