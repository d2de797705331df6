package main

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/ingest/rtmp"
	"github.com/cuelight/cuelight/ingest/rtsp"
	"github.com/cuelight/cuelight/ingest/srt"
	"github.com/cuelight/cuelight/interact/wire"
)

// assemble puts every part into the group, in the order in which they start.
// They stop in the reverse order: viewers are told to come back first, the
// engine writes its last answers at the end.
func (srv *server) assemble(context.Context) error {
	if srv.cluster != nil {
		return srv.assembleNode()
	}
	srv.clock.add(&srv.group)
	srv.group.Add("engine", srv.engine)
	srv.group.Add("warmer", srv.warmer)
	for name, a := range srv.archives {
		srv.group.Add("archive of "+name, a)
	}
	for _, name := range srv.settings.sortedChannels() {
		room, _ := srv.engine.Room(name)
		srv.group.Add("channel "+name, &feed{
			channel: srv.channels[name],
			latency: func() time.Duration { return srv.latency(name) },
			sink:    room,
			health: func(h wire.Health) {
				h = srv.advise(h)
				srv.gateway.Broadcast(name, wire.Producers, &h)
			},
		})
	}
	for _, name := range srv.settings.sortedChannels() {
		if l := srv.channels[name].ladder; l != nil {
			srv.group.Add("renditions of "+name, l)
		}
	}
	if err := srv.addRecorders(); err != nil {
		return err
	}
	srv.addRetention()
	srv.addIngest()
	media := srv.media()
	metrics := newMetrics(srv, media)
	routes, err := srv.routes(media)
	if err != nil {
		return err
	}
	srv.addWeb(routes)
	srv.group.Add("gateway", srv.gateway)
	if srv.open.admin != nil {
		srv.addHTTP("admin", srv.open.admin, adminRoutes(metrics, &srv.ready))
	}
	return nil
}

func (srv *server) addIngest() {
	if srv.open.rtmp != nil {
		srv.group.Add("rtmp", &rtmp.Server{Listener: srv.open.rtmp, Registry: srv.registry, Log: srv.log})
	}
	if srv.open.rtmps != nil {
		srv.group.Add("rtmps", &rtmp.Server{Listener: srv.open.rtmps, TLS: srv.certs.TLS(), Registry: srv.registry, Log: srv.log})
	}
	if srv.open.srt != nil {
		srv.group.Add("srt", &srt.Server{Listener: srv.open.srt, Registry: srv.registry, Log: srv.log})
	}
	if srv.open.rtsp != nil {
		srv.group.Add("rtsp", &rtsp.Server{Listener: srv.open.rtsp, Registry: srv.registry, Log: srv.log})
	}
	if srv.whip != nil {
		srv.group.Add("whip", srv.whip)
	}
	for name, p := range srv.pullers {
		srv.group.Add("source of "+name, p)
	}
}
