package redis_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// TestLeaderboard gives few people points for few cues, again and again, and wants
// what their sums say.
func TestLeaderboard(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 3})
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		board, given := c.Leaderboard("show", fmt.Sprint("run", runs), time.Minute), make(map[[2]string]int64)
		for range rapid.IntRange(1, 4).Draw(rt, "adds") {
			cue := rapid.StringMatching("[xyz]").Draw(rt, "cue")
			points := rapid.MapOfN(rapid.StringMatching("[a-f]"), rapid.Int64Range(-5, 5), 0, 6).Draw(rt, "points")
			if err := board.Add(t.Context(), cue, points); err != nil {
				rt.Fatal(err)
			}
			for who, n := range points {
				given[[2]string{who, cue}] = n
			}
		}
		want := standings(given)
		n := rapid.IntRange(1, 8).Draw(rt, "top")
		got, err := board.Top(t.Context(), n)
		if err != nil || !slices.Equal(got, want[:min(n, len(want))]) {
			rt.Fatalf("top %d is %+v, %v, want of %+v", n, got, err, want)
		}
		for _, w := range want {
			if got, ok, err := board.Rank(t.Context(), w.Participant); err != nil || !ok || got != w {
				rt.Fatalf("rank %+v, %v, %v, want %+v", got, ok, err, w)
			}
		}
		if got, ok, err := board.Rank(t.Context(), "nobody"); err != nil || ok {
			rt.Fatalf("nobody has %+v, %v", got, err)
		}
	})
}

// standings sums up what was given.
func standings(given map[[2]string]int64) []redisstore.Standing {
	sums := make(map[string]int64)
	for k, n := range given {
		sums[k[0]] += n
	}
	var all []redisstore.Standing
	for who, n := range sums {
		s := redisstore.Standing{Participant: who, Points: n, Rank: 1}
		for _, other := range sums {
			if other > n {
				s.Rank++
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b redisstore.Standing) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Participant, b.Participant))
	})
	return all
}

func TestLeaderboardOfMany(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 2})
	points := make(map[string]int64)
	for i := range 3000 { // more than a call holds
		points[fmt.Sprint("p", i)] = int64(i)
	}
	board := c.Leaderboard("show", "s1", 0)
	for range 2 {
		if err := board.Add(t.Context(), "c1", points); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, err := board.Rank(t.Context(), "p10"); err != nil || !ok || got.Rank != 2990 || got.Points != 10 {
		t.Errorf("rank %+v, %v", got, err)
	}
	if err := board.Add(t.Context(), "c1", map[string]int64{"p1": redisstore.MaxPoints + 1}); interact.CodeOf(err) != interact.CodeInvalid {
		t.Errorf("too many points: %v", err)
	}
}
