package main

import (
	"context"
	"fmt"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

// sockets are this node's gateway as a replica needs it.
type sockets struct{ *gateway.Gateway }

// aside stands for the epoch of what has no place in a log.
const aside = "aside"

// Broadcast sends m to those who are connected now.
func (s sockets) Broadcast(channel string, to wire.Audience, m wire.Message) {
	if to&wire.Viewers != 0 {
		s.Relay(channel, aside, 0, m)
	}
	if to&wire.Producers != 0 {
		s.Gateway.Broadcast(channel, wire.Producers, m)
	}
}

// shareGateway makes the gateway one of several.
func (c *cluster) shareGateway(cfg *gateway.Config) {
	c.crowds = &crowds{
		node: c.id, channels: c.srv.settings.sortedChannels(), slate: c.slate, read: c.redis.Presence, log: c.log,
		here:      func(channel string) wire.Presence { return c.srv.gateway.Presence(channel) },
		elsewhere: make(map[string]wire.Presence),
	}
	cfg.SharedLog = true
	cfg.Elsewhere, cfg.WholeRoster = c.crowds.of, c.rosters
	cfg.Try = c.directory.try
	cfg.Limits.Notice = c.srv.settings.Node.Drain.Duration
	cfg.Limits.Capacity = c.srv.settings.Capacity.Answers
}

// openSeats makes what this node knows of each channel.
func (c *cluster) openSeats() error {
	for _, name := range c.srv.settings.sortedChannels() {
		s, err := c.openSeat(name)
		if err != nil {
			return fmt.Errorf("channels.%s: %w", name, err)
		}
		c.seats[name] = s
	}
	return nil
}

func (c *cluster) openSeat(name string) (_ *seat, err error) {
	srv := c.srv
	s := &seat{
		name: name, far: &farEdge{room: srv.room}, tell: newWhisperer(name, c.id, c.bus, c.log), log: c.log,
		remove: func(participant string, code wire.CloseCode) { srv.gateway.Remove(name, participant, code) },
		health: func(h wire.Health) { srv.gateway.Broadcast(name, wire.Producers, &h) },
		link: func(ctx context.Context, link, participant string) (string, error) {
			return c.redis.UseLink(ctx, name, link, participant)
		},
	}
	if srv.settings.Roles.has(roleIngest) {
		s.home = &home{
			channel: srv.channels[name], node: c.id, boot: c.boot, takeover: srv.settings.Channels[name].Takeover,
			leases: c.leases, slate: c.slate, whisper: s.tell.say, log: c.log, turn: make(chan struct{}, 1), saved: make(chan struct{}, 1), yields: make(chan struct{}, 1), ready: c.opened.Load,
			taken: s.carryAll,
		}
	}
	s.Replica, err = engine.NewReplica(engine.ReplicaConfig{
		Channel: srv.engineChannel(name), Node: c.id, Clock: srv.room, Bus: c.bus, Store: c.redis.Store(), Ballots: c.ballots,
		Sockets: sockets{srv.gateway}, Whispered: s.whispered, Log: c.log,
		OnCue: func(q wire.Cue) {
			srv.warmer.note(name, q)
			s.heardCue(q)
		},
	})
	return s, err
}

// stream is a channel's picture, wherever it is.
func (srv *server) stream(name string) engine.Stream {
	if srv.cluster != nil {
		return srv.cluster.seats[name]
	}
	return srv.channels[name]
}

// output takes what is published to a channel.
func (srv *server) output(name string) ingest.Output {
	if srv.cluster != nil && srv.cluster.seats[name].home != nil {
		return srv.cluster.seats[name].home
	}
	return srv.channels[name]
}

// health is how a channel does, wherever its media are.
func (c *cluster) health(name string) wire.Health {
	s := c.seats[name]
	if s.home != nil && s.home.is() {
		return c.srv.channels[name].health(s.Latency())
	}
	return s.far.lastHealth(s.Latency())
}

// Remove closes the sockets of a participant on all nodes, and returns how many
// there were here.
func (c *cluster) Remove(channel, participant string, code wire.CloseCode) int {
	if s := c.seats[channel]; s != nil {
		s.tell.say(whisperRemove, removal{participant, code})
		s.removed.note(removal{participant, code})
	}
	return c.srv.gateway.Remove(channel, participant, code)
}

// Roster returns a random sample of a channel's viewers, on all nodes.
func (c *cluster) Roster(channel string, n int) *wire.Roster {
	return c.rosters(context.Background(), channel, n)
}

// homeNode is the node that has the channel's media, empty if none is known.
func (s *seat) homeNode(own string) string {
	if s.home != nil && s.home.is() {
		return own
	}
	return s.far.homeNode()
}

// forget lets every revision be told again: in media of another node.
func (b *band) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = nil
}
