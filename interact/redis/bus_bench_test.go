package redis_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// BenchmarkPost posts 400 bytes at a time and waits until a follower on another
// connection has heard it.
func BenchmarkPost(b *testing.B) {
	s, err := redisproc.Start(b.Context(), redisproc.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Kill)
	c, err := redisstore.Open(b.Context(), redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	ctx, cancel := context.WithCancel(b.Context())
	e, done := &ear{ctx: ctx, posts: make(chan interact.Post), whispers: make(chan interact.Whisper, 1)}, make(chan error)
	go func() { done <- c.Bus().Follow(ctx, "show", interact.Place{}, e) }()
	p := []interact.Post{{Reach: interact.ReachViewers, Data: make([]byte, 400)}}
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		began := time.Now()
		if err := c.Bus().Post(b.Context(), "show", 1, p, nil); err != nil {
			b.Fatal(err)
		}
		<-e.posts
		took = append(took, time.Since(began))
	}
	cancel()
	<-done
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
