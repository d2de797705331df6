package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
)

// leader runs the channel's room on one node.
type leader struct {
	room *engine.Room
	// world is what its process can do: nothing, once it is killed.
	world *shaky
	end   func()
}

type shakyStore struct {
	interact.Store
	*shaky
}

func (s *shakyStore) Append(ctx context.Context, records []interact.Record) error {
	return s.do(ctx, func() error { return s.Store.Append(ctx, records) })
}

// lead lets a node lead.
func (h *house) lead(fence interact.Fence) {
	h.Helper()
	l := &leader{world: new(shaky)}
	var room *engine.Room
	herald, err := engine.NewHerald(engine.HeraldConfig{
		Bus: &shakyBus{Bus: h.bus, shaky: l.world}, Channel: "show", Fence: fence,
		Scene:   func(ctx context.Context) (engine.Scene, error) { return room.Scene(ctx) },
		Viewers: func() int { return 100 },
	})
	h.must(err)
	e, err := engine.New(h.Context(), engine.Config{
		Store: &shakyStore{h.store, l.world}, Clock: h.clock, Broadcaster: herald, Nodes: herald.Record,
		Ballots:  &shakyBallots{Ballots: h.ballots, shaky: l.world},
		Channels: []engine.Channel{{Name: "show", Title: "Tonight", Latency: latency}},
	})
	h.must(err)
	room, _ = e.Room("show")
	l.room = room
	ctx, cancel := context.WithCancel(context.Background())
	var own sync.WaitGroup
	own.Go(func() {
		if err := e.Run(ctx); err != nil && !l.world.broken() {
			h.Error(err)
		}
	})
	own.Go(func() {
		if err := herald.Run(ctx); err != nil && !errors.Is(err, interact.ErrFenced) && !l.world.broken() {
			h.Error(err)
		}
	})
	l.end = sync.OnceFunc(func() { cancel(); own.Wait() })
	h.leader = l
	h.Cleanup(l.end)
}

// kill ends a leader as a crash does: nothing that it does from here on has an
// effect.
func (l *leader) kill() {
	l.world.mu.Lock()
	l.world.dice, l.world.rate = rand.New(rand.NewPCG(1, 1)), 1
	l.world.mu.Unlock()
	l.end()
}

func (s *shaky) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate >= 1
}
