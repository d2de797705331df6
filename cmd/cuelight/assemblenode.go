package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/lifecycle"
	"github.com/cuelight/cuelight/packager/origin"
)

// assembleNode puts every part of a node into the group. They stop in the
// reverse order: viewers are told to come back first, on other nodes; then the
// channels that are led here are handed over; publishers are cut off last.
func (srv *server) assembleNode() error {
	c := srv.cluster
	media := srv.media()
	metrics := newMetrics(srv, media)
	c.able.checks = []check{
		{"redis", c.redisReady}, {"clock", c.clockReady}, {"channels", c.seatsReady}, {"gateway", srv.gatewayReady},
	}
	srv.ready.checks = append(slices.Clone(c.able.checks), check{"node", c.isOpen})
	if srv.open.admin != nil {
		srv.addHTTP("admin", srv.open.admin, adminRoutes(metrics, &srv.ready))
	}
	srv.clock.add(&srv.group)
	srv.group.Add("other nodes", c.directory)
	for name, a := range srv.archives {
		srv.group.Add("archive of "+name, a)
	}
	for _, name := range srv.settings.sortedChannels() {
		srv.addSeat(c.seats[name])
	}
	if srv.settings.Roles.has(roleIngest) {
		srv.addIngest()
	}
	srv.group.Add("clock of all nodes", lifecycle.ServiceFunc(c.runClock))
	srv.group.Add("viewers of other nodes", c.crowds)
	srv.group.Add("removals", lifecycle.ServiceFunc(c.runRemovals))
	srv.addHTTP("nodes", srv.open.node, c.peers.only(srv.nodeRoutes(media)))
	if srv.settings.Roles.has(roleEngine) {
		srv.group.Add("engines", lifecycle.ServiceFunc(c.runEngines))
	}
	srv.addRetention()
	if err := c.openEdge(media); err != nil {
		return err
	}
	routes, err := srv.routes(http.HandlerFunc(c.serveMedia))
	if err != nil {
		return err
	}
	srv.addWeb(c.gated(routes))
	srv.group.Add("opening", lifecycle.ServiceFunc(c.runOpening))
	srv.group.Add("warmer", srv.warmer)
	srv.group.Add("gateway", srv.gateway)
	return nil
}

// addSeat adds what this node does for a channel.
func (srv *server) addSeat(s *seat) {
	srv.group.Add("whispers of "+s.name, s.tell)
	srv.group.Add("replica of "+s.name, s.Replica)
	if s.home == nil {
		return
	}
	srv.group.Add("home of "+s.name, s.home)
	srv.group.Add("channel "+s.name, &feed{
		channel: srv.channels[s.name], latency: s.Latency, sink: s.home,
		health: func(h wire.Health) {
			if s.home.is() {
				s.home.setHealth(h)
				s.health(h)
			}
		},
	})
	if l := srv.channels[s.name].ladder; l != nil {
		srv.group.Add("renditions of "+s.name, l)
	}
}

// runEngines leads the channels that this node has the leases of.
func (c *cluster) runEngines(ctx context.Context) error {
	var all sync.WaitGroup
	for _, s := range c.seats {
		all.Go(func() {
			if err := c.runEngine(ctx, s); err != nil {
				c.log.Error("channel cannot be led here", "channel", s.name, "err", err)
			}
		})
	}
	all.Wait()
	return nil
}

// gatewayReady says that the node is about to stop.
func (srv *server) gatewayReady(context.Context) string {
	if srv.gateway.Draining() {
		return "stopping"
	}
	return ""
}

// nodeRoutes is everything that other nodes ask for: what producers want of who
// leads or has the media, the media themselves, what was recorded, and who
// watches here.
func (srv *server) nodeRoutes(media *origin.Origin) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", srv.api)
	mux.Handle(hlsPath, media)
	mux.HandleFunc("GET "+nodePath+"/channels/{channel}/roster", srv.cluster.serveRoster)
	mux.HandleFunc("GET "+recordingsPath("{channel}"), srv.cluster.serveShelf)
	mux.HandleFunc("DELETE "+recordingsPath("{channel}")+"/{id}", srv.cluster.serveDelete)
	mux.HandleFunc("/vod/{channel}/", func(w http.ResponseWriter, r *http.Request) { srv.recordings.ServeHTTP(w, r) })
	return mux
}

// openingLook is how often a node that starts is looked at.
const openingLook = 50 * time.Millisecond

// runOpening lets viewers in once the node is ready for the first time.
func (c *cluster) runOpening(ctx context.Context) error {
	look := time.NewTicker(openingLook)
	defer look.Stop()
	for !c.opened.Load() {
		if len(c.able.missing(ctx)) == 0 {
			c.opened.Store(true)
			c.log.Info("node is ready", "node", c.id)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
	<-ctx.Done()
	return nil
}

// isOpen says that nobody is let in yet.
func (c *cluster) isOpen(context.Context) string {
	if c.opened.Load() {
		return ""
	}
	return "starting"
}

// gated lets nobody in before the node has been ready: its clock may still be
// set to that of the others.
func (c *cluster) gated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.opened.Load() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "this server is starting: come back in a second", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// withRole serves h if this node has one of the roles.
func (srv *server) withRole(h http.Handler, roles ...string) http.Handler {
	if slices.ContainsFunc(roles, srv.settings.Roles.has) {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if srv.cluster != nil {
			if where := srv.cluster.directory.try(""); where != "" && slices.Contains(roles, roleGateway) {
				w.Header().Set("Cuelight-Try", where)
			}
		}
		http.Error(w, "this server does not do that: another one does", http.StatusMisdirectedRequest)
	})
}
