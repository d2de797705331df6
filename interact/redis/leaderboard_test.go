package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

func TestLeaderboard(t *testing.T) {
	s := serve(t, redisproc.Options{})
	for _, shards := range []int{1, 3} {
		room := rooms(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: shards})
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) {
			interacttest.TestLeaderboard(t, func(t *testing.T) interact.Leaderboard { return room(t).Leaderboard() })
		})
	}
}

func TestLeaderboardEndsWhole(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 3})
	everybody := make(map[string]int64)
	for i := range 50 {
		everybody[fmt.Sprint("p", i)] = int64(i)
	}
	b := interact.Board{Channel: "show", Show: "s1", Keep: 10 * time.Second}
	if err := c.Leaderboard().Give(t.Context(), b, "c1", everybody); err != nil {
		t.Fatal(err)
	}
	b.Keep = time.Hour // points for one participant keep those of all
	if err := c.Leaderboard().Give(t.Context(), b, "c2", map[string]int64{"p1": 1}); err != nil {
		t.Fatal(err)
	}
	keys, ok := do(t, s, "KEYS", "*board*").([]any)
	given, _ := do(t, s, "KEYS", "*given*").([]any)
	if keys = append(keys, given...); !ok || len(keys) != 6 {
		t.Fatalf("keys %v", keys)
	}
	for _, key := range keys {
		if ms, _ := do(t, s, "PTTL", key).(int64); ms < 3_500_000 || !strings.Contains(fmt.Sprint(key), "{show/s1/") {
			t.Errorf("LB8 %v ends in %d ms", key, ms)
		}
	}
}

func TestLeaderboardIsAway(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 2})
	s.Kill()
	b := interact.Board{Channel: "show", Show: "s1"}
	_, top := c.Leaderboard().Top(t.Context(), b, 1)
	_, _, rank := c.Leaderboard().Rank(t.Context(), b, "ann")
	give := c.Leaderboard().Give(t.Context(), b, "c1", map[string]int64{"ann": 1})
	for i, err := range []error{top, rank, give, c.Leaderboard().Expire(t.Context(), b, 0)} {
		if interact.CodeOf(err) != interact.CodeUnavailable {
			t.Errorf("call %d without a server: %v", i, err)
		}
	}
}
