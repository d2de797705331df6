package redis_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

func TestUseLink(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	t.Run("EN28 the first one owns it", func(t *testing.T) {
		const people = 8
		owners := make([]string, people)
		var wg sync.WaitGroup
		for i := range owners {
			wg.Go(func() {
				owner, err := c.UseLink(t.Context(), "show", "link", fmt.Sprint("p", i))
				if err != nil {
					t.Error(err)
				}
				owners[i] = owner
			})
		}
		wg.Wait()
		for _, o := range owners {
			if o != owners[0] || o == "" {
				t.Errorf("owners %q", owners)
			}
		}
	})
	t.Run("EN28 of its channel", func(t *testing.T) {
		if owner, err := c.UseLink(t.Context(), "other", "link", "bob"); owner != "bob" || err != nil {
			t.Errorf("owner %q, %v", owner, err)
		}
	})
	t.Run("EN28 no link, nobody", func(t *testing.T) {
		for _, tc := range [][3]string{{"", "l", "p"}, {"c", "", "p"}, {"c", "l", ""}, {"c", string(make([]byte, 65)), "p"}, {"c", "l", string(make([]byte, 65))}} {
			if _, err := c.UseLink(t.Context(), tc[0], tc[1], tc[2]); interact.CodeOf(err) != interact.CodeInvalid {
				t.Errorf("%q: %v", tc, err)
			}
		}
	})
}

// TestManyComeBack looks up the receipts of a crowd at once.
func TestManyComeBack(t *testing.T) {
	const people = 2000
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Connections: 4})
	votes, out := make([]interact.Vote, people), make([]interact.Outcome, people)
	for i := range votes {
		votes[i] = voteOf(fmt.Sprint("p", i), i%3, 1)
	}
	if err := c.Ballots().Cast(t.Context(), failing, votes, out); err != nil {
		t.Fatal(err)
	}
	none := failing
	none.Cue = "c2"
	before := c.Stats().Trips
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			got, err := c.Ballots().Receipts(t.Context(), []interact.Poll{none, failing}, votes[i].Participant)
			if err != nil || len(got) != 1 || got[0].Seq != uint64(out[i].Mark.Seq) {
				t.Errorf("BA9 receipts of %s: %+v, %v", votes[i].Participant, got, err)
			}
		})
	}
	wg.Wait()
	if trips := c.Stats().Trips - before; trips > people/2 {
		t.Errorf("BA29 %d trips for %d people", trips, people)
	} else {
		t.Logf("BA29 %d trips for %d people", trips, people)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Ballots().Receipts(t.Context(), []interact.Poll{failing}, "p1"); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
}
