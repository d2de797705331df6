package redis_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/interacttest"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/redisproc"
)

// prefixes keep the tests that share a server apart.
var prefixes atomic.Int64

// rooms connects again and again to one server or cluster, each time to an empty
// part of it.
func rooms(t *testing.T, cfg redisstore.Config) func(t *testing.T) *redisstore.Client {
	return func(t *testing.T) *redisstore.Client {
		own := cfg
		own.Prefix = fmt.Sprint("t", prefixes.Add(1))
		return open(t, own)
	}
}

func alone(t *testing.T) func(t *testing.T) *redisstore.Client {
	t.Helper()
	s := serve(t, redisproc.Options{})
	return rooms(t, redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory})
}

func TestBus(t *testing.T) {
	room := alone(t)
	interacttest.TestBus(t, func(t *testing.T) interact.Bus { return room(t).Bus() })
	interacttest.TestBusExpires(t, func(t *testing.T) interacttest.ExpiringBus { return room(t).Bus() })
}

func TestSlate(t *testing.T) {
	room := alone(t)
	interacttest.TestSlate(t, func(t *testing.T) interact.Slate { return room(t).Slate() })
}

func TestStore(t *testing.T) {
	room := alone(t)
	interacttest.TestStore(t, func(t *testing.T) interact.Store { return room(t).Store() })
	t.Run("fenced", func(t *testing.T) {
		interacttest.TestStore(t, func(t *testing.T) interact.Store {
			return room(t).Store().Fenced(func(string) interact.Fence { return 7 })
		})
	})
}

func viewers(data string) interact.Post {
	return interact.Post{Reach: interact.ReachViewers, Data: []byte(data)}
}

func TestTwoNodesOneOrder(t *testing.T) {
	s := serve(t, redisproc.Options{})
	cfg := redisstore.Config{Addresses: []string{s.Addr}, Level: interact.LevelMemory}
	one, two := open(t, cfg).Bus(), open(t, cfg).Bus()
	left, right := hark(t, one, interact.Place{}), hark(t, two, interact.Place{})
	var wg sync.WaitGroup
	for _, b := range []*redisstore.Bus{one, two} {
		wg.Go(func() {
			for i := range 100 {
				if err := b.Post(t.Context(), "show", 1, []interact.Post{viewers(fmt.Sprint(i))}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		a, b := left.next(t), right.next(t)
		if a.N != uint64(i+1) || b.N != a.N || string(a.Data) != string(b.Data) {
			t.Fatalf("BU7 post %d is %d %q on one node and %d %q on the other", i+1, a.N, a.Data, b.N, b.Data)
		}
	}
	wg.Wait()
}
