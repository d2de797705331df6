package redis_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestMemoryOfAnswers holds docs/redis.md to what an answer takes.
func TestMemoryOfAnswers(t *testing.T) {
	const people, most = 40_960, 150 // bytes
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	used := func() int {
		text, err := s.Info(t.Context(), "memory", "used_memory")
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before, out := used(), make([]interact.Outcome, interact.MaxCast)
	for from := 0; from < people; from += interact.MaxCast {
		votes := make([]interact.Vote, interact.MaxCast)
		for i := range votes {
			votes[i] = voteOf(fmt.Sprintf("viewer%016d", from+i), i%3, clock.Instant(from+i))
		}
		if err := c.Ballots().Cast(t.Context(), failing, votes, out); err != nil {
			t.Fatal(err)
		}
	}
	each := (used() - before) / people
	t.Logf("%d bytes an answer", each)
	if each < 40 || each > most {
		t.Errorf("BA30 an answer takes %d bytes of Redis, want at most %d", each, most)
	}
}
