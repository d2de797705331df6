package redis_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// TestReplicated takes the replica away: nothing is receipted, and the same vote
// gets its receipt when it is back.
func TestReplicated(t *testing.T) {
	for _, tc := range []struct {
		name       string
		away, back func(*redisproc.Server) error
	}{
		{"BA22 a replica that is killed", func(s *redisproc.Server) error { s.Kill(); return nil }, (*redisproc.Server).Restart},
		{"BA22 a replica that is frozen", (*redisproc.Server).Freeze, (*redisproc.Server).Thaw},
	} {
		t.Run(tc.name, func(t *testing.T) {
			primary := serve(t, redisproc.Options{})
			replica := serve(t, redisproc.Options{ReplicaOf: primary.Addr})
			c := open(t, redisstore.Config{
				Addresses: []string{primary.Addr}, Level: interact.LevelReplicated, Timeout: time.Second, ReplicaTimeout: 100 * time.Millisecond,
			})
			castUntilTold(t, c, voteOf("ann", 1, 1))
			if err := tc.away(replica); err != nil {
				t.Fatal(err)
			}
			wantNothing(t, c)
			if err := tc.back(replica); err != nil {
				t.Fatal(err)
			}
			wantAll(t, c)
		})
	}
}

// wantNothing wants nothing to be told that is not on a replica.
func wantNothing(t *testing.T, c *redisstore.Client) {
	t.Helper()
	for range 2 {
		if got := cast(t, c, failing, voteOf("bob", 1, 1)); got.Code != interact.CodeUnavailable {
			t.Errorf("a vote is receipted: %+v", got)
		}
	}
	late := voteOf("cid", 1, 1)
	late.Refused = interact.CodeLate
	if got := cast(t, c, failing, late); got.Code != interact.CodeLate {
		t.Errorf("a refusal needs no replica: %+v", got)
	}
	if got, err := c.Ballots().Receipts(t.Context(), []interact.Poll{failing}, "bob"); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("receipts %+v, %v", got, err)
	}
	if got, err := c.Ballots().Tally(t.Context(), failing); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("tally %+v, %v", got, err)
	}
	if _, err := c.UseLink(t.Context(), "show", "link", "ann"); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Errorf("a link: %v", err)
	}
	if got := c.Stats(); got.FewReplicas == 0 || got.Down != 0 {
		t.Errorf("stats %+v", got)
	}
}

// wantAll wants what was cast to count, as soon as the replica has it.
func wantAll(t *testing.T, c *redisstore.Client) {
	t.Helper()
	if got := castUntilTold(t, c, voteOf("bob", 2, 1)); got.Fresh || got.Mark.Choice != 1<<1 {
		t.Errorf("the vote that was not receipted came out as %+v, want it counted then", got)
	}
	if got, err := c.Ballots().Seal(t.Context(), failing); err != nil || got.Total != 2 {
		t.Errorf("sealed as %+v, %v", got, err)
	}
	if owner, err := c.UseLink(t.Context(), "show", "link", "bob"); owner != "ann" || err != nil {
		t.Errorf("owner %q, %v", owner, err)
	}
}

// castUntilTold casts a vote until its fate is known.
func castUntilTold(t *testing.T, c *redisstore.Client, v interact.Vote) interact.Outcome {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if got := cast(t, c, failing, v); got.Code == "" {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatal("there is no replica")
		}
	}
}

// TestSentinel kills the primary while votes are cast: everybody who has a receipt
// is counted by the one that takes over.
func TestSentinel(t *testing.T) {
	set, err := redisproc.StartSentinel(t.Context(), redisproc.SentinelOptions{Dir: t.TempDir(), Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Stop)
	client := open(t, redisstore.Config{Addresses: set.Addresses(), Master: set.Name, Level: interact.LevelReplicated})
	c := newCrowd(t, client.Ballots(), failing)
	var took time.Duration
	during(t, c, func() {
		primary, err := set.Primary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		primary.Kill()
		_, before := c.count()
		c.await("votes without a fate", func(_, unknown int) bool { return unknown > before })
		told, _ := c.count()
		c.await("receipts of the next primary", func(now, _ int) bool { return now > told+200 })
		took = time.Since(start)
	})
	told, unknown := c.count()
	t.Logf("BA22 %d people told, %d votes were cast again, receipts again after %v", told, unknown, took.Round(time.Millisecond))
}
