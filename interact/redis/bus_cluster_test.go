//go:build cluster

package redis_test

import (
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// clusterOf starts three primaries, each with so many replicas.
func clusterOf(t *testing.T, replicas int, args ...string) *redisproc.Cluster {
	t.Helper()
	c, err := redisproc.StartCluster(t.Context(), redisproc.ClusterOptions{Dir: t.TempDir(), Replicas: replicas, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func TestClusterContracts(t *testing.T) {
	room := rooms(t, redisstore.Config{Addresses: clusterOf(t, 0).Addresses(), Cluster: true, Level: interact.LevelMemory})
	interacttest.TestBus(t, func(t *testing.T) interact.Bus { return room(t).Bus() })
	interacttest.TestBusExpires(t, func(t *testing.T) interacttest.ExpiringBus { return room(t).Bus() })
	interacttest.TestSlate(t, func(t *testing.T) interact.Slate { return room(t).Slate() })
	interacttest.TestStore(t, func(t *testing.T) interact.Store { return room(t).Store() })
	interacttest.TestLeaderboard(t, func(t *testing.T) interact.Leaderboard { return room(t).Leaderboard() })
	leftAlone(t, room(t))
	leases := room(t).Leases()
	a := acquire(t, leases, "a", time.Hour)
	wantHolder(t, leases, "a")
	if err := leases.Release(t.Context(), a); err != nil {
		t.Error(err)
	}
	nodes := room(t).Nodes()
	if err := nodes.Announce(t.Context(), redisstore.Node{ID: "a"}, time.Minute); err != nil || len(listed(t, nodes)) != 1 {
		t.Errorf("nodes %v, %v", listed(t, nodes), err)
	}
}

// TestClusterFailover kills the primary of a channel while posts and records
// flow.
func TestClusterFailover(t *testing.T) {
	cluster := clusterOf(t, 1, redisproc.Durable()...)
	cfg := redisstore.Config{Addresses: cluster.Addresses(), Cluster: true, Level: interact.LevelReplicated}
	c, follower := open(t, cfg), open(t, cfg)
	heard := &hearing{ear: listen(t, follower.Bus(), interact.Place{}), bus: follower.Bus()}
	posting, writing := startFlow(t, c.Bus()), startWriting(t, c.Store())
	heard.upTo(t, 200)
	primary, err := cluster.Owner(t.Context(), c.Key("show", "bus"))
	if err != nil {
		t.Fatal(err)
	}
	primary.Kill()
	killed := time.Now()
	for began := time.Now(); ; {
		now, err := cluster.Owner(t.Context(), c.Key("show", "bus"))
		if err == nil && now != primary {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("no failover: %v", err)
		}
	}
	// The new primary is alone, and nobody copies what it writes: nothing is
	// acknowledged until the old one is back.
	if err := primary.Restart(); err != nil {
		t.Fatal(err)
	}
	heard.upTo(t, 600)
	t.Logf("400 posts more, %v after the kill; lost its place %d times", time.Since(killed), heard.lost)
	posted, written := heard.drain(t, posting), writing.end()
	for i := range posted {
		if !heard.seen[i] {
			t.Fatalf("BU14 acknowledged post %d was not heard", i)
		}
	}
	wantLog(t, c.Store(), written...)
}
