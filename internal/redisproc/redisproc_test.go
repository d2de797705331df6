package redisproc_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/redisproc"
)

func must(t *testing.T, s *redisproc.Server, args ...any) any {
	t.Helper()
	out, err := s.Do(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func start(t *testing.T, opt redisproc.Options) *redisproc.Server {
	t.Helper()
	opt.Dir = t.TempDir()
	s, err := redisproc.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func TestServer(t *testing.T) {
	s := start(t, redisproc.Options{Args: redisproc.Durable()})
	must(t, s, "SET", "a", "1")
	s.Kill()
	if _, err := s.Do(t.Context(), "GET", "a"); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := must(t, s, "GET", "a"); got != "1" {
		t.Errorf("after a restart a = %v", got)
	}
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Do(ctx, "GET", "a"); err == nil {
		t.Error("a frozen server answers")
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	must(t, s, "GET", "a")
	s.Stop()
}

func TestServerThatCannotStart(t *testing.T) {
	_, err := redisproc.Start(t.Context(), redisproc.Options{Dir: t.TempDir(), Args: []string{"--appendfsync", "sometimes"}})
	if err == nil {
		t.Fatal("started")
	}
	t.Log(err)
}

func TestReplica(t *testing.T) {
	primary := start(t, redisproc.Options{})
	replica := start(t, redisproc.Options{ReplicaOf: primary.Addr})
	must(t, primary, "SET", "a", "1")
	if got := must(t, primary, "WAIT", 1, 5000); got != int64(1) {
		t.Errorf("%v replicas", got)
	}
	if got := must(t, replica, "GET", "a"); got != "1" {
		t.Errorf("the replica has %v", got)
	}
}

func TestSentinel(t *testing.T) {
	set, err := redisproc.StartSentinel(t.Context(), redisproc.SentinelOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Stop)
	first, err := set.Primary(t.Context())
	if err != nil || first != set.Servers[0] {
		t.Fatalf("primary %v, %v", first, err)
	}
	first.Kill()
	for deadline := time.Now().Add(20 * time.Second); ; {
		now, err := set.Primary(t.Context())
		if err == nil && now == set.Servers[1] {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no failover: %v, %v", now, err)
		}
	}
}

func TestCluster(t *testing.T) {
	c, err := redisproc.StartCluster(t.Context(), redisproc.ClusterOptions{Dir: t.TempDir(), Primaries: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for i := range 20 {
		key := fmt.Sprint("key", i)
		s, err := c.Owner(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		must(t, s, "SET", key, "1")
	}
}
