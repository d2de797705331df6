package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/lease"
	"github.com/cuelight/cuelight/internal/lifecycle"
)

// engineTTL is how long a channel may be without anybody who leads it.
const engineTTL = 2 * time.Second

// engineLease names the lease of who leads a channel.
func engineLease(channel string) string { return "engine:" + channel }

// runEngine leads a channel whenever this node has its lease, until ctx ends.
func (c *cluster) runEngine(ctx context.Context, s *seat) error {
	return lease.Run(ctx, lease.Config{Store: c.leases, Name: engineLease(s.name), Owner: c.id, TTL: engineTTL, Log: c.log},
		func(ctx context.Context, l lease.Lease) error { return c.lead(ctx, s, interact.Fence(l.Fence)) })
}

// lead runs the channel's engine until ctx ends, or another node has taken over.
func (c *cluster) lead(ctx context.Context, s *seat, fence interact.Fence) error {
	var room *engine.Room // set before the herald runs
	herald, err := engine.NewHerald(engine.HeraldConfig{
		Bus: c.bus, Channel: s.name, Fence: fence, Log: c.log,
		Scene:   func(ctx context.Context) (engine.Scene, error) { return room.Scene(ctx) },
		Viewers: func() int { return c.presence(s.name).Viewers },
		Stuck:   func() int { return c.presence(s.name).Stuck },
	})
	if err != nil {
		return err
	}
	ch := c.srv.engineChannel(s.name)
	ch.Stream = s
	eng, err := engine.New(ctx, engine.Config{
		Store: c.redis.Store().Fenced(func(string) interact.Fence { return fence }), Clock: c.srv.room,
		Broadcaster: herald, Ballots: c.ballots, Log: c.log,
		Nodes: func(rec interact.Record) {
			herald.Record(rec)
			if r := s.recorder.Load(); r != nil {
				r.Note(rec)
			}
		},
		Channels: []engine.Channel{ch}, Capacity: c.srv.settings.Capacity.Answers * c.gateways(),
	})
	if err != nil {
		return fmt.Errorf("lead channel %s: %w", s.name, err)
	}
	var ok bool
	if room, ok = eng.Room(s.name); !ok {
		return fmt.Errorf("lead channel %s: the engine has no such room", s.name)
	}
	return c.reign(ctx, s, room, herald, eng)
}

// reign runs the engine and what tells the other nodes of it.
func (c *cluster) reign(ctx context.Context, s *seat, room *engine.Room, herald *engine.Herald, eng *engine.Engine) error {
	var group lifecycle.Group
	group.Add("herald", herald)
	group.Add("engine", eng)
	group.Add("entry", lifecycle.ServiceFunc(func(ctx context.Context) error {
		if t, ok := s.Timeline(); ok {
			room.SetTimeline(t)
		} else {
			room.SetTimeline(c.srv.channels[s.name].timelineMessage(room.Latency()))
		}
		s.leader.Store(room)
		defer s.leader.Store(nil)
		<-ctx.Done()
		return nil
	}))
	if err := c.addRecorder(&group, s, room); err != nil {
		return err
	}
	defer s.recorder.Store(nil)
	err := group.Run(ctx)
	if errors.Is(err, interact.ErrFenced) && ctx.Err() != nil {
		return nil
	}
	return err
}

// presence is who watches a channel, on all nodes.
func (c *cluster) presence(channel string) wire.Presence {
	p := c.srv.gateway.Presence(channel)
	add(&p, c.crowds.of(channel))
	return p
}

// gateways is how many nodes take answers, one at least.
func (c *cluster) gateways() int {
	n := 0
	for _, p := range c.directory.others() {
		if p.has(roleGateway) {
			n++
		}
	}
	if c.srv.settings.Roles.has(roleGateway) {
		n++
	}
	return max(n, 1)
}
