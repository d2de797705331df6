//go:build cluster

package redis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// serveCluster starts three primaries with a replica each.
func serveCluster(t *testing.T) *redisproc.Cluster {
	t.Helper()
	c, err := redisproc.StartCluster(t.Context(), redisproc.ClusterOptions{Dir: t.TempDir(), Primaries: 3, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func TestClusterBallots(t *testing.T) {
	s := serveCluster(t)
	for _, level := range []interact.Level{interact.LevelMemory, interact.LevelReplicated} {
		t.Run(string(level), func(t *testing.T) {
			n := 0
			interacttest.TestBallots(t, func(t *testing.T) interact.Ballots {
				n++
				return open(t, redisstore.Config{
					Addresses: s.Addresses()[:1], Cluster: true, Prefix: fmt.Sprint(level, n), Level: level,
				}).Ballots()
			})
		})
	}
}

// TestClusterBallotsSpread wants one cue on every primary.
func TestClusterBallotsSpread(t *testing.T) {
	s := serveCluster(t)
	c := open(t, redisstore.Config{Addresses: s.Addresses(), Cluster: true, Level: interact.LevelMemory})
	votes, out := make([]interact.Vote, 2000), make([]interact.Outcome, 2000)
	for i := range votes {
		votes[i] = voteOf(fmt.Sprint("p", i), i%3, 1)
	}
	if err := c.Ballots().Cast(t.Context(), failing, votes, out); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Servers[:3] {
		if n := do(t, p, "DBSIZE"); n == int64(0) {
			t.Errorf("BA27 nothing is on %s", p.Addr)
		}
	}
	if got, err := c.Ballots().Seal(t.Context(), failing); err != nil || got.Total != 2000 {
		t.Errorf("BA27 sealed as %+v, %v", got, err)
	}
}

// TestClusterBallotsFailover kills a primary while votes are cast.
func TestClusterBallotsFailover(t *testing.T) {
	s := serveCluster(t)
	client := open(t, redisstore.Config{Addresses: s.Addresses(), Cluster: true, Level: interact.LevelReplicated})
	c := newCrowd(t, client.Ballots(), failing)
	key := keyOf(t, s, s.Servers[0])
	during(t, c, func() {
		start := time.Now()
		s.Servers[0].Kill()
		c.await("another owner", func(int, int) bool {
			owner, err := s.Owner(t.Context(), key)
			return err == nil && owner != s.Servers[0]
		})
		if err := s.Servers[0].Restart(); err != nil { // as a replica, for the next primary to wait for
			t.Fatal(err)
		}
		c.await("receipts of every shard", func(int, int) bool { return everyShard(t, client) })
		t.Logf("BA22 receipts of every shard again after %v", time.Since(start).Round(time.Millisecond))
	})
}

// TestClusterMoves moves a shard to another server while it is used.
func TestClusterMoves(t *testing.T) {
	s := serveCluster(t)
	client := open(t, redisstore.Config{Addresses: s.Addresses(), Cluster: true, Level: interact.LevelReplicated})
	c := newCrowd(t, client.Ballots(), failing)
	keys := []any{"cl:{show/c1/3}:tally", "cl:{show/c1/3}:votes"}
	during(t, c, func() {
		from, err := s.Owner(t.Context(), keys[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		to := s.Servers[0]
		if from == to {
			to = s.Servers[1]
		}
		slot, told := do(t, from, "CLUSTER", "KEYSLOT", keys[0]), 0
		fromID, toID := do(t, from, "CLUSTER", "MYID"), do(t, to, "CLUSTER", "MYID")
		do(t, to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
		do(t, from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
		host, port, _ := strings.Cut(to.Addr, ":")
		do(t, from, append([]any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}, keys...)...)
		told, _ = c.count()
		c.await("receipts while it moves", func(now, _ int) bool { return now > told+500 })
		do(t, to, "CLUSTER", "SETSLOT", slot, "NODE", toID)
		do(t, from, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	})
	if _, unknown := c.count(); unknown > 0 {
		t.Errorf("BA27 %d votes were not known to count", unknown)
	}
}

// TestClusterFunctionsAreLoadedAgain takes the functions from every primary.
func TestClusterFunctionsAreLoadedAgain(t *testing.T) {
	s := serveCluster(t)
	client := open(t, redisstore.Config{Addresses: s.Addresses(), Cluster: true, Level: interact.LevelReplicated})
	c := newCrowd(t, client.Ballots(), failing)
	during(t, c, func() {
		for _, p := range s.Servers[:3] {
			do(t, p, "FUNCTION", "FLUSH")
		}
	})
	if _, unknown := c.count(); unknown > 0 {
		t.Errorf("BA25 %d votes were not known to count", unknown)
	}
}

// TestClusterOpens starts nodes while a primary without a replica is gone: one
// that is told no number of shards needs the server that has it.
func TestClusterOpens(t *testing.T) {
	s, err := redisproc.StartCluster(t.Context(), redisproc.ClusterOptions{Dir: t.TempDir(), Primaries: 3, Args: []string{"--cluster-require-full-coverage", "no"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cfg := redisstore.Config{Addresses: s.Addresses(), Cluster: true, Level: interact.LevelMemory}
	told := cfg
	told.Shards = 12
	open(t, told)
	holder, err := s.Owner(t.Context(), "cl:{layout}")
	if err != nil {
		t.Fatal(err)
	}
	others := slices.DeleteFunc(slices.Clone(s.Servers), func(o *redisproc.Server) bool { return o == holder })
	others[0].Kill()
	c := open(t, cfg)
	if everyShard(t, c) {
		t.Error("BA27 the shards of a server that is gone answer")
	}
	do(t, holder, "SET", "cl:{layout}", "13")
	if _, err := redisstore.Open(t.Context(), told); err == nil || !strings.Contains(err.Error(), "shards is 12 here and 13") {
		t.Errorf("BA33 another number of shards: %v", err)
	}
	if err := others[0].Restart(); err != nil {
		t.Fatal(err)
	}
	holder.Kill()
	open(t, told)
	if _, err := redisstore.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "set redis.shards") {
		t.Errorf("BA33 opened without the number of shards: %v", err)
	}
	killAll(others)
	if _, err := redisstore.Open(t.Context(), cfg); err == nil {
		t.Error("BA20 opened a cluster of nobody")
	} else {
		t.Log(err)
	}
}

func killAll(servers []*redisproc.Server) {
	for _, s := range servers {
		s.Kill()
	}
}

// keyOf returns a key that a server owns.
func keyOf(t *testing.T, c *redisproc.Cluster, s *redisproc.Server) string {
	t.Helper()
	for i := 0; ; i++ {
		key := fmt.Sprint("key", i)
		owner, err := c.Owner(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if owner == s {
			return key
		}
	}
}

// everyShard says whether each of many people's votes has a fate.
func everyShard(t *testing.T, c *redisstore.Client) bool {
	t.Helper()
	votes, out := make([]interact.Vote, 200), make([]interact.Outcome, 200)
	for i := range votes {
		votes[i] = voteOf(fmt.Sprint("p", i), i%3, 1)
	}
	p := failing
	p.Cue = "probe"
	if err := c.Ballots().Cast(t.Context(), p, votes, out); err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(out, func(o interact.Outcome) bool { return o.Code != "" })
}

// TestClusterBallotsFrozen freezes a primary: votes for its shards have no fate,
// those for others have their receipts, and soon without waiting.
func TestClusterBallotsFrozen(t *testing.T) {
	c, err := redisproc.StartCluster(t.Context(), redisproc.ClusterOptions{Dir: t.TempDir(), Primaries: 3, Args: []string{"--cluster-require-full-coverage", "no"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	client := open(t, redisstore.Config{
		Addresses: c.Addresses(), Cluster: true, Level: interact.LevelMemory, Timeout: 300 * time.Millisecond, ReplicaTimeout: 100 * time.Millisecond,
	})
	if !everyShard(t, client) {
		t.Fatal("not all shards are there")
	}
	if err := c.Servers[1].Freeze(); err != nil {
		t.Fatal(err)
	}
	if everyShard(t, client) {
		t.Error("BA23 a frozen shard answers")
	}
	votes, out := make([]interact.Vote, 300), make([]interact.Outcome, 300)
	for i := range votes {
		votes[i] = voteOf(fmt.Sprint("q", i), i%3, 1)
	}
	start := time.Now()
	if err := client.Ballots().Cast(t.Context(), failing, votes, out); err != nil {
		t.Fatal(err)
	}
	took, counted := time.Since(start), 0
	for _, o := range out {
		if o.Code == "" {
			counted++
		}
	}
	if counted < 100 || counted > 280 || took > 250*time.Millisecond {
		t.Errorf("BA23 %d of 300 votes counted after %v, want about 200 at once", counted, took)
	}
	if err := c.Servers[1].Thaw(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !everyShard(t, client); {
		if time.Now().After(deadline) {
			t.Fatal("the shard does not come back")
		}
	}
}
