package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// redisSlots is how many cues are on air at once, so that a viewer has that many
// answers to give in one burst.
const redisSlots = 8

// venue is a channel on several nodes in this process, that have nothing in
// common but a redis-server, and its viewers.
type venue struct {
	clock   *clock.Room
	leader  *engine.Room
	nodes   []*venueNode
	viewers []*feeder
	level   interact.Level
	crowd   tellers

	clients []*redisstore.Client
	dirs    []string
	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// venueNode is one gateway with its replica.
type venueNode struct {
	gateway *gateway.Gateway
	replica *engine.Replica
}

func openVenue(ctx context.Context, addr string, level interact.Level, gateways, viewers int) (*venue, error) {
	s := &venue{clock: clock.NewRoom(time.Now(), clock.InstantOf(time.Now()), 1), level: level, failed: make(chan error, 64)}
	ctx, s.cancel = context.WithCancel(ctx)
	err := s.lead(ctx, addr)
	for range gateways {
		if err == nil {
			err = s.join(ctx, addr)
		}
	}
	for i := 0; i < viewers && err == nil; i++ {
		err = s.seat(ctx, s.nodes[i%gateways])
	}
	if err == nil {
		err = s.crowd.welcomed(ctx, viewers)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *venue) client(ctx context.Context, addr string) (*redisstore.Client, error) {
	c, err := redisstore.Open(ctx, redisstore.Config{Addresses: []string{addr}, Level: s.level})
	if err == nil {
		s.clients = append(s.clients, c)
	}
	return c, err
}

// run runs a service until the venue is closed.
func (s *venue) run(ctx context.Context, service func(context.Context) error) {
	s.running.Go(func() {
		if err := service(ctx); err != nil && ctx.Err() == nil {
			s.failed <- err
		}
	})
}

// lead runs the channel's room.
func (s *venue) lead(ctx context.Context, addr string) error {
	c, err := s.client(ctx, addr)
	if err != nil {
		return err
	}
	herald, err := engine.NewHerald(engine.HeraldConfig{
		Bus: c.Bus(), Channel: channel, Fence: 1,
		Scene:   func(ctx context.Context) (engine.Scene, error) { return s.leader.Scene(ctx) },
		Viewers: func() int { return redisViewers },
	})
	if err != nil {
		return err
	}
	e, err := engine.New(ctx, engine.Config{
		Store: c.Store().Fenced(func(string) interact.Fence { return 1 }), Clock: s.clock, Broadcaster: herald,
		Ballots: c.Ballots(), Nodes: herald.Record, Capacity: 1 << 30,
		Channels: []engine.Channel{{Name: channel, Latency: time.Second}},
	})
	if err != nil {
		return err
	}
	s.leader, _ = e.Room(channel)
	s.run(ctx, e.Run)
	s.run(ctx, herald.Run)
	return nil
}

// join adds a gateway.
func (s *venue) join(ctx context.Context, addr string) error {
	c, err := s.client(ctx, addr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cuelight-bench-keys")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	s.dirs = append(s.dirs, dir)
	keys, err := token.Open(dir)
	if err != nil {
		return err
	}
	n := new(venueNode)
	n.gateway, err = gateway.New(gateway.Config{
		Rooms: func(string) (gateway.Room, bool) { return n.replica, true }, Clock: s.clock, Tokens: keys, SharedLog: true,
		Limits: gateway.Limits{
			Handshakes: 1 << 20, Joining: 1 << 20, MessageRate: 1 << 20, MessageBurst: 1 << 20, AnswerRate: 1 << 20, AnswerBurst: 1 << 20,
		},
	})
	if err != nil {
		return err
	}
	n.replica, err = engine.NewReplica(engine.ReplicaConfig{
		Channel: engine.Channel{Name: channel, Latency: time.Second}, Node: fmt.Sprint("gateway-", len(s.nodes)), Clock: s.clock,
		Bus: c.Bus(), Store: c.Store(), Ballots: c.Ballots(), Sockets: n.gateway,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	s.nodes = append(s.nodes, n)
	s.run(ctx, n.replica.Run)
	s.run(ctx, n.gateway.Run)
	select {
	case <-n.replica.Ready():
		return nil
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take puts a poll on air in every slot and waits until a person could have
// answered.
func (s *venue) take(ctx context.Context) ([]wire.Cue, error) {
	cues := make([]wire.Cue, redisSlots)
	for i := range cues {
		c, err := s.leader.Prepare(ctx, interact.Question{
			Kind: interact.KindPoll, Title: "Tea or coffee?", Options: []string{"Tea", "Coffee"},
			Results: interact.ResultsReveal, Window: interact.MaxWindow, Slot: fmt.Sprint("s", i),
		})
		if err == nil {
			cues[i], err = s.leader.Take(ctx, c.ID, "")
		}
		if err != nil {
			return nil, fmt.Errorf("take a cue: %w", err)
		}
	}
	last := cues[redisSlots-1].Open.Add(500 * time.Millisecond)
	return cues, pause(ctx, time.Until(s.clock.TimeAt(last)))
}

// audit holds what viewers were told against what is counted, and takes the cues
// off the air.
func (s *venue) audit(ctx context.Context, cues []wire.Cue, n int) error {
	told, err := s.receipts(cues)
	if err != nil {
		return err
	}
	if told != n {
		return fmt.Errorf("%d receipts for %d answers", told, n)
	}
	for i, c := range cues {
		t, err := s.nodes[i%len(s.nodes)].replica.Tally(ctx, c.ID)
		if err != nil {
			return err
		}
		half := uint64(len(s.viewers) / 2)
		if t.Total != uint64(len(s.viewers)) || t.Counts[1] != half || t.Counts[0] != t.Total-half {
			return fmt.Errorf("tally %+v of %d answers", t, len(s.viewers))
		}
		if _, err := s.leader.Cancel(ctx, c.ID, ""); err != nil {
			return fmt.Errorf("cancel a cue: %w", err)
		}
	}
	return nil
}

// close ends everything.
func (s *venue) close() error {
	s.cancel()
	for _, v := range s.viewers {
		v.conn.Close()
	}
	s.running.Wait()
	var errs []error
	for _, c := range s.clients {
		errs = append(errs, c.Close())
	}
	for _, dir := range s.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	select {
	case err := <-s.failed:
		errs = append(errs, err)
	default:
	}
	return errors.Join(errs...)
}
