package main

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/wire"
)

// hall is a channel's interactions as viewers and producers meet them on this
// node: the engine's room where there is one node, a seat where there are
// several.
type hall interface {
	gateway.Room
	api.Room
	// Latency is the target latency, Told a timeline with it.
	Latency() time.Duration
	Told(wire.Timeline) wire.Timeline
	// UseLink makes a one-time link a participant's.
	UseLink(ctx context.Context, link, participant string) (owner string, err error)
}

// hall returns the hall of a channel.
func (srv *server) hall(name string) (hall, bool) {
	if srv.cluster != nil {
		s, ok := srv.cluster.seats[name]
		return s, ok
	}
	return srv.engine.Room(name)
}

// gatewayRoom and apiRoom are hall, as those who ask know it.
func (srv *server) gatewayRoom(name string) (gateway.Room, bool) { return srv.hall(name) }
func (srv *server) apiRoom(name string) (api.Room, bool)         { return srv.hall(name) }
