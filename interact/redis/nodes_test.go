package redis_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/interact"
	redisstore "github.com/cuelight/cuelight/interact/redis"
)

func listed(t *testing.T, n *redisstore.Nodes) []redisstore.Node {
	t.Helper()
	nodes, err := n.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func TestNodes(t *testing.T) {
	n := alone(t)(t).Nodes()
	if got := listed(t, n); len(got) != 0 {
		t.Errorf("before anything: %v", got)
	}
	b := redisstore.Node{
		ID: "b", URL: "http://10.0.0.2:8080", Public: "https://b.example", Roles: []string{"gateway", "origin"},
		Clock: "10.0.0.2:7000", Version: 1, Load: json.RawMessage(`{"load":0.5}`),
	}
	for _, node := range []redisstore.Node{b, {ID: "a", Version: 2}, b} {
		if err := n.Announce(t.Context(), node, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := listed(t, n), []redisstore.Node{{ID: "a", Version: 2}, b}; !reflect.DeepEqual(got, want) {
		t.Errorf("listed %+v, want %+v", got, want)
	}
	if err := n.Leave(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := n.Announce(t.Context(), b, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); len(listed(t, n)) > 0; {
		if time.Since(began) > patience {
			t.Fatalf("%v do not go", listed(t, n))
		}
	}
}

func TestNodesThatDoNotFit(t *testing.T) {
	n := alone(t)(t).Nodes()
	for name, bad := range map[string]struct {
		node redisstore.Node
		ttl  time.Duration
	}{
		"no name":   {redisstore.Node{}, time.Second},
		"long name": {redisstore.Node{ID: strings.Repeat("x", 65)}, time.Second},
		"no time":   {redisstore.Node{ID: "a"}, 0},
		"for ever":  {redisstore.Node{ID: "a"}, 2 * time.Hour},
		"too much":  {redisstore.Node{ID: "a", URL: strings.Repeat("x", 20000)}, time.Second},
		"no JSON":   {redisstore.Node{ID: "a", Load: json.RawMessage("{")}, time.Second},
	} {
		if err := n.Announce(t.Context(), bad.node, bad.ttl); interact.CodeOf(err) != interact.CodeInvalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if got := listed(t, n); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

func TestPresence(t *testing.T) {
	c := alone(t)(t)
	s := c.Slate()
	write := func(channel, name, data string, ttl time.Duration) {
		t.Helper()
		if err := s.Write(t.Context(), channel, name, 0, []byte(data), ttl); err != nil {
			t.Fatal(err)
		}
	}
	write("show", "presence:a", "1", time.Minute)
	write("show", "presence:b", "2", 30*time.Millisecond)
	write("show", "timeline", "x", time.Minute)
	write("other", "presence:c", "3", time.Minute)
	want := map[string][]byte{"a": []byte("1")}
	for began := time.Now(); ; {
		before := c.Stats().Trips
		got, err := c.Presence(t.Context(), "show")
		if err != nil {
			t.Fatal(err)
		}
		if trips := c.Stats().Trips - before; trips != 1 {
			t.Fatalf("%d round trips", trips)
		}
		if reflect.DeepEqual(got, want) {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("presence is %q", got)
		}
	}
	if err := s.Clear(t.Context(), "show"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Presence(t.Context(), "show"); err != nil || len(got) != 0 {
		t.Errorf("after clearing: %q, %v", got, err)
	}
}
