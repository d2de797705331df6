package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

var failing = interact.Poll{Channel: "show", Cue: "c1", Options: 3}

// during runs a crowd while do happens, and then checks every receipt.
func during(t *testing.T, c *crowd, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, 3)
	}()
	c.await("the first receipts", func(told, _ int) bool { return told > 500 })
	do()
	told, _ := c.count()
	c.await("receipts afterwards", func(now, _ int) bool { return now > told+500 })
	cancel()
	<-done
	c.check()
}

// TestKilled kills a server that syncs its log, again and again: what was
// receipted is there.
func TestKilled(t *testing.T) {
	s := serve(t, redisproc.Options{Args: redisproc.Durable()})
	client := open(t, redisstore.Config{Addresses: []string{s.Addr}})
	c := newCrowd(t, client.Ballots(), failing)
	during(t, c, func() {
		for range 3 {
			_, before := c.count()
			s.Kill()
			c.await("votes without a fate", func(_, unknown int) bool { return unknown > before })
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			told, _ := c.count()
			c.await("receipts again", func(now, _ int) bool { return now > told })
		}
	})
	if got := client.Stats(); got.Down != 0 || got.Lost == 0 || got.Refused == 0 {
		t.Errorf("BA26 stats %+v", got)
	}
}

// TestFunctionsAreLoadedAgain takes the functions away.
func TestFunctionsAreLoadedAgain(t *testing.T) {
	s := serve(t, redisproc.Options{Args: redisproc.Durable()})
	client := open(t, redisstore.Config{Addresses: []string{s.Addr}})
	c := newCrowd(t, client.Ballots(), failing)
	during(t, c, func() { do(t, s, "FUNCTION", "FLUSH") })
	if _, unknown := c.count(); unknown != 0 {
		t.Errorf("BA25 %d votes were not known to count", unknown)
	}
}

// TestConnectionsAreCut cuts all connections, again and again.
func TestConnectionsAreCut(t *testing.T) {
	s := serve(t, redisproc.Options{})
	client := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	c := newCrowd(t, client.Ballots(), failing)
	during(t, c, func() {
		for range 30 {
			do(t, s, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			told, _ := c.count()
			c.await("receipts again", func(now, _ int) bool { return now > told })
		}
	})
	if got := client.Stats(); got.Again == 0 {
		t.Errorf("BA26 nothing was sent again: %+v", got)
	}
}

func cast(t *testing.T, c *redisstore.Client, p interact.Poll, v interact.Vote) interact.Outcome {
	t.Helper()
	out := make([]interact.Outcome, 1)
	if err := c.Ballots().Cast(t.Context(), p, []interact.Vote{v}, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestMemoryIsFull fills a server's memory.
func TestMemoryIsFull(t *testing.T) {
	for _, level := range []interact.Level{interact.LevelMemory, interact.LevelLog} {
		t.Run(string(level), func(t *testing.T) {
			s := serve(t, redisproc.Options{Args: redisproc.Durable()})
			c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: level})
			first := cast(t, c, failing, voteOf("ann", 1, 1))
			do(t, s, "CONFIG", "SET", "maxmemory", "1mb")
			out := make([]interact.Outcome, 2)
			if err := c.Ballots().Cast(t.Context(), failing, []interact.Vote{voteOf("ann", 2, 1), voteOf("bob", 1, 1)}, out); err != nil ||
				out[0].Code != interact.CodeUnavailable || out[1].Code != interact.CodeUnavailable {
				t.Errorf("BA24 came out as %+v, %v", out, err)
			}
			receipts, err := c.Ballots().Receipts(t.Context(), []interact.Poll{failing}, "ann")
			if err != nil || len(receipts) != 1 || receipts[0].Seq != uint64(first.Mark.Seq) {
				t.Errorf("BA24 receipts %+v, %v", receipts, err)
			}
			do(t, s, "CONFIG", "SET", "maxmemory", "0")
			if got := cast(t, c, failing, voteOf("bob", 1, 1)); got.Code != "" || !got.Fresh {
				t.Errorf("BA24 afterwards %+v", got)
			}
			do(t, s, "CONFIG", "SET", "maxmemory", "1mb")
			if tally, err := c.Ballots().Seal(t.Context(), failing); err != nil || tally.Total != 2 || !tally.Final {
				t.Errorf("BA24 sealed as %+v, %v", tally, err)
			}
		})
	}
}

// TestMemoryIsFullForNodes wants nobody to lose a lease because of it, who follows
// to go on, and what is let go to go.
func TestMemoryIsFullForNodes(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory, Shards: 2})
	leftAlone(t, c)
	l := acquire(t, c.Leases(), "node", time.Minute)
	do(t, s, "CONFIG", "SET", "maxmemory", "1mb")
	ctx, board := t.Context(), interact.Board{Channel: "show", Show: "s1"}
	if err := c.Leaderboard().Give(ctx, board, "c9", map[string]int64{"bob": 1}); interact.CodeOf(err) != interact.CodeUnavailable {
		t.Fatalf("there is room: %v", err)
	}
	_, snapshot := c.Bus().Snapshot(ctx, "show")
	_, top := c.Leaderboard().Top(ctx, board, 1)
	heard := listen(t, c.Bus(), interact.Place{}) // it looks, and keeps the channel
	for i, err := range []error{
		c.Leases().Renew(ctx, l, time.Minute), c.Nodes().Announce(ctx, redisstore.Node{ID: "n"}, time.Minute), snapshot, top,
		c.Store().Replay(ctx, "show", func(interact.Record) error { return nil }), c.Leaderboard().Expire(ctx, board, 0),
		c.Store().Expire(ctx, "show", 0), c.Bus().Expire(ctx, "show", 0), c.Leases().Release(ctx, l),
	} {
		if err != nil {
			t.Errorf("BA24 call %d: %v", i, err)
		}
	}
	heard.wantLost(t)
}

// TestFrozen freezes a server: votes come back without a fate, soon at once, and
// when it goes on, so does everything.
func TestFrozen(t *testing.T) {
	s := serve(t, redisproc.Options{})
	client := open(t, redisstore.Config{
		Addresses: []string{s.Addr}, Level: interact.LevelMemory, Timeout: 300 * time.Millisecond, ReplicaTimeout: 100 * time.Millisecond,
	})
	c := newCrowd(t, client.Ballots(), failing)
	during(t, c, func() {
		if err := s.Freeze(); err != nil {
			t.Fatal(err)
		}
		c.await("votes without a fate", func(_, unknown int) bool { return unknown > 0 })
		start := time.Now()
		if got := cast(t, client, failing, voteOf("ann", 1, 1)); got.Code != interact.CodeUnavailable {
			t.Errorf("BA23 %+v", got)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("BA23 waited %v for a server that is known not to answer", d)
		}
		if err := s.Thaw(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestEndedWhileWaiting ends the caller's context while the server does not
// answer.
func TestEndedWhileWaiting(t *testing.T) {
	s := serve(t, redisproc.Options{})
	c := open(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
	cast(t, c, failing, voteOf("ann", 1, 1))
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	out := make([]interact.Outcome, 1)
	if err := c.Ballots().Cast(ctx, failing, []interact.Vote{voteOf("bob", 1, 1)}, out); err != context.DeadlineExceeded {
		t.Errorf("BA13 err = %v", err)
	}
	if got := c.Stats(); got.Down != 0 {
		t.Errorf("BA23 the server is taken for gone because a caller did not wait: %+v", got)
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	if got := cast(t, c, failing, voteOf("ann", 2, 1)); got.Code != "" {
		t.Errorf("afterwards %+v", got)
	}
}
