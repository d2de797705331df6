package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/hlspull"
	"github.com/cuelight/cuelight/ingest/whip"
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/admission"
	"github.com/cuelight/cuelight/interact/api"
	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/fallback"
	"github.com/cuelight/cuelight/interact/gateway"
	"github.com/cuelight/cuelight/interact/history"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/certs"
	"github.com/cuelight/cuelight/internal/ladder"
	"github.com/cuelight/cuelight/internal/lifecycle"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/archive"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/sync/clock"
	"github.com/cuelight/cuelight/sync/timeline"
)

// server is one process: every part, joined.
type server struct {
	settings   settings
	log        *slog.Logger
	clock      *roomClock
	room       *clock.Room // the clock's
	tokens     *token.Keys
	store      interact.Store
	storage    io.Closer         // behind the store: the log, or the lock of its folder
	quotas     map[string]*quota // by tenant
	warmer     *warmer
	history    *history.DB // nil where none is kept
	recorders  map[string]*history.Recorder
	cluster    *cluster // nil where there is one node
	channels   map[string]*channel
	keys       map[string]string // stream keys by channel
	engine     *engine.Engine    // nil where there are several nodes
	desk       *admission.Desk
	gateway    *gateway.Gateway
	api        *api.API
	streams    *fallback.Streams
	registry   *ingest.Registry
	whip       *whip.Server                // nil when off
	pullers    map[string]*hlspull.Puller  // of channels with a source
	archives   map[string]*archive.Archive // of channels that keep media on disk
	recordings *archive.VOD
	certs      *certs.Certificates // nil without TLS
	delivery   origin.Config
	open       listeners
	ready      readiness
	group      lifecycle.Group
}

// newServer opens every port and builds every part. Nothing runs yet. On an
// error nothing stays open.
func newServer(ctx context.Context, s settings, log *slog.Logger) (_ *server, err error) {
	srv := &server{settings: s, log: log, channels: map[string]*channel{}, keys: map[string]string{}, pullers: map[string]*hlspull.Puller{}, archives: map[string]*archive.Archive{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, srv.close())
		}
	}()
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	// Ports first: one that is taken must not stop a show that has begun.
	if srv.open, err = listen(s); err != nil {
		return nil, err
	}
	if srv.tokens, err = s.openKeys(); err != nil {
		return nil, err
	}
	// The store holds the folder's lock, so it is opened before the clock.
	if err := srv.openStore(ctx); err != nil {
		return nil, err
	}
	if srv.clock, err = srv.openClock(); err != nil {
		return nil, err
	}
	srv.room = srv.clock.kept.Room()
	for _, build := range []func(context.Context) error{
		srv.openCluster, srv.openHistory, srv.openDelivery, srv.openArchives, srv.buildChannels, srv.openDesk, srv.buildInteraction, srv.buildIngest, srv.assemble,
	} {
		if err := build(ctx); err != nil {
			return nil, err
		}
	}
	return srv, nil
}

func (srv *server) buildChannels(context.Context) error {
	var errs []error
	for name, c := range srv.settings.Channels {
		key, err := streamKey(srv.settings, name)
		errs = append(errs, err)
		srv.keys[name] = key
		ch, err := srv.buildChannel(name, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("channels.%s: %w", name, err))
			continue
		}
		srv.channels[name] = ch
	}
	return errors.Join(errs...)
}

func (srv *server) buildChannel(name string, c channelSettings) (*channel, error) {
	made := channelConfig{
		name: name, room: srv.room, log: srv.log,
		packager: packager.Config{
			PartTarget:    c.Part.Duration,
			SegmentTarget: c.Segment.Duration,
			Window:        c.Window.Duration,
			HoldBack:      c.HoldBack.Duration,
			PartHoldBack:  c.PartHoldBack.Duration,
			Memory:        c.Archive.Memory.Duration,
			MemoryBytes:   int(c.Archive.MemoryBytes),
		},
		timeline: timeline.Config{TrustEncoder: c.TrustEncoder},
	}
	if c.Source != "" { // its dates are what its viewers go by
		made.timeline = timeline.Config{TrustEncoder: true, CaptureBound: pullBound}
	}
	if a := srv.archives[name]; a != nil {
		made.packager.Archive = a
	}
	if len(c.Renditions) > 0 {
		var err error
		if made.ladder, err = ladder.New(srv.ladderConfig(name, c)); err != nil {
			return nil, err
		}
	}
	return newChannel(made)
}

// pullBound is how far behind a stream may be that is fetched from elsewhere.
const pullBound = time.Minute

func (srv *server) ladderConfig(name string, c channelSettings) ladder.Config {
	cfg := ladder.Config{Program: srv.settings.FFmpeg, Log: srv.log.With("channel", name)}
	for _, r := range c.Renditions {
		cfg.Renditions = append(cfg.Renditions, ladder.Rendition{Height: r.Height, Bitrate: int(r.Bitrate)})
	}
	return cfg
}

func (srv *server) buildInteraction(ctx context.Context) (err error) {
	grace, err := srv.tokens.Derive("grace")
	if err != nil {
		return err
	}
	cfg := gateway.Config{
		Rooms:    srv.gatewayRoom,
		Clock:    srv.room,
		Tokens:   srv.tokens,
		GraceKey: grace,
		Desk:     srv.desk,
		SignedIn: func(r *http.Request) (token.Claims, bool) { return srv.api.SignedIn(r) },
		Origins:  srv.settings.Origins,
		Limits:   srv.settings.Capacity.limits(),
		Log:      srv.log,
	}
	srv.shareTenants(&cfg)
	if srv.cluster != nil {
		srv.cluster.shareGateway(&cfg)
	}
	if srv.gateway, err = gateway.New(cfg); err != nil {
		return err
	}
	srv.warmer = &warmer{room: srv.room, warm: srv.gateway.Warm}
	if err := srv.openEngine(ctx); err != nil {
		return err
	}
	if err := srv.openStreams(); err != nil {
		return err
	}
	srv.api, err = api.New(api.Config{
		Rooms:    srv.apiRoom,
		Channels: srv.channelInfos,
		Health:   srv.health,
		Events:   srv.events(),
		Tokens:   srv.tokens,
		Desk:     srv.desk,
		Crowd:    srv.crowdOf(),
		Clock:    srv.room,
		Quota:    func(channel string) error { return srv.gateway.TakeAnswer(channel) },
		History:  srv.pasts(),
		Stream:   srv.streams,
		Permit:   srv.permit,
		Log:      srv.log,
	})
	return err
}

// openEngine makes what runs the channels: here, or wherever they are led.
func (srv *server) openEngine(ctx context.Context) (err error) {
	if srv.cluster != nil {
		return srv.cluster.openSeats()
	}
	srv.engine, err = engine.New(ctx, engine.Config{
		Store:       srv.store,
		Clock:       srv.room,
		Broadcaster: &carrier{Broadcaster: srv.gateway, carry: srv.carry},
		Log:         srv.log,
		Channels:    srv.engineChannels(),
		Capacity:    srv.settings.Capacity.Answers,
	})
	return err
}

// health is how a channel does.
func (srv *server) health(name string) (wire.Health, bool) {
	ch, ok := srv.channels[name]
	switch {
	case !ok:
		return wire.Health{}, false
	case srv.cluster != nil:
		return srv.cluster.health(name), true
	}
	return srv.advise(ch.health(srv.latency(name))), true
}

// crowdOf is who is connected, for the API.
func (srv *server) crowdOf() api.Crowd {
	if srv.cluster != nil {
		return srv.cluster
	}
	return srv.gateway
}

// carry puts a cue into the media of its channel.
func (srv *server) carry(name string, q wire.Cue) {
	srv.warmer.note(name, q)
	if r := srv.recorders[name]; r != nil && ended(q) {
		r.Wake()
	}
	if ch := srv.channels[name]; ch != nil {
		ch.carry(q, srv.latency(name), srv.log)
	}
}

func (srv *server) engineChannels() []engine.Channel {
	var out []engine.Channel
	for _, name := range srv.settings.sortedChannels() {
		out = append(out, srv.engineChannel(name))
	}
	return out
}

func (srv *server) engineChannel(name string) engine.Channel {
	c := srv.settings.Channels[name]
	return engine.Channel{
		Name: name, Title: c.Title, Stream: srv.channels[name],
		Latency: c.Latency.Duration, MinLatency: c.minLatency(), AutoLatency: c.LatencyAuto.Max.Duration,
	}
}

func (srv *server) channelInfos() []api.ChannelInfo {
	var out []api.ChannelInfo
	for _, name := range srv.settings.sortedChannels() {
		c := srv.settings.Channels[name]
		_, _, live := srv.stream(name).Edge()
		out = append(out, api.ChannelInfo{Name: name, Title: c.Title, Live: live, Latency: srv.latency(name)})
	}
	return out
}

func (srv *server) buildIngest(context.Context) (err error) {
	var channels []ingest.Channel
	for _, name := range srv.settings.sortedChannels() {
		c := srv.settings.Channels[name]
		passphrase, err := c.passphrase()
		if err != nil {
			return fmt.Errorf("channels.%s: %w", name, err)
		}
		channels = append(channels, ingest.Channel{
			Name:       name,
			Key:        ingest.Secret(srv.keys[name]),
			Open:       c.Open,
			Passphrase: ingest.Secret(passphrase),
			Takeover:   c.Takeover,
			Output:     srv.meter(name, srv.output(name)),
		})
	}
	limits := srv.settings.Ingest
	srv.registry, err = ingest.NewRegistry(channels, ingest.Config{
		MaxSessions: limits.Sessions, MaxPerRemote: limits.PerAddress, MaxBitrate: int(limits.Bitrate), Log: srv.log,
	})
	if err != nil {
		return err
	}
	if err := srv.buildPullers(); err != nil {
		return err
	}
	return srv.buildWHIP()
}

func (srv *server) buildPullers() error {
	for name, c := range srv.settings.Channels {
		if c.Source == "" {
			continue
		}
		p, err := hlspull.New(srv.registry, hlspull.Config{Channel: name, URL: c.Source, Log: srv.log})
		if err != nil {
			return err
		}
		srv.pullers[name] = p
		srv.channels[name].source = p
	}
	return nil
}

// buildWHIP opens the port of WHIP's media. Publishers are told which one it
// is, so one that nobody chose may be any.
func (srv *server) buildWHIP() (err error) {
	s := srv.settings
	if s.WebRTC == off {
		return nil
	}
	cfg := whip.Config{UDPAddr: s.WebRTC, PublicAddresses: s.WHIP.Public, KeyFrameEvery: s.shortestSegment(), Log: srv.log}
	for _, ice := range s.WHIP.ICEServers {
		cfg.ICEServers = append(cfg.ICEServers, whip.ICEServer{URL: ice.URL, Username: ice.Username, Credential: ingest.Secret(ice.Credential)})
	}
	if s.WebRTC == auto {
		cfg.UDPAddr = ""
		if srv.whip, err = whip.New(srv.registry, cfg); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		cfg.UDPAddr = ":0"
	}
	srv.whip, err = whip.New(srv.registry, cfg)
	if err != nil {
		return portError("webrtc", s.WebRTC, err)
	}
	return nil
}

// run runs every part until ctx ends, then stops them in order.
func (srv *server) run(ctx context.Context) error {
	err := srv.group.Run(ctx)
	return errors.Join(err, srv.close())
}

func (srv *server) close() error {
	errs := []error{srv.open.close()}
	if srv.recordings != nil {
		errs = append(errs, srv.recordings.Close())
	}
	if srv.history != nil {
		errs = append(errs, srv.history.Close())
	}
	return errors.Join(append(errs, srv.cluster.close(), srv.closeStore())...)
}

// announce prints where everything is. In the demo it also prints a sign-in
// link and the stream keys: secrets go to the terminal, never to the log.
func (srv *server) announce(w io.Writer, signIn string) {
	web := "http://" + reachable(srv.open.http.Addr())
	line := func(what, where string) { fmt.Fprintf(w, "  %-8s %s\n", what, where) }
	fmt.Fprintf(w, "\nCuelight %s\n\n", version())
	for _, name := range srv.settings.sortedChannels() {
		line("watch", web+"/watch/"+name)
	}
	if signIn != "" {
		line("studio", signIn)
	} else {
		line("studio", web+"/studio/")
		line("", "sign in with: cuelight token producer --data "+srv.settings.Data+" --url "+web)
	}
	if srv.open.rtmp != nil {
		line("rtmp", "rtmp://"+reachable(srv.open.rtmp.Addr())+"/live")
	}
	if srv.open.rtmps != nil {
		line("rtmps", "rtmps://"+reachable(srv.open.rtmps.Addr())+"/live")
	}
	if srv.open.srt != nil {
		line("srt", "srt://"+reachable(srv.open.srt.Addr())+"?streamid=publish:CHANNEL:KEY&pkt_size=1316")
	}
	if srv.open.rtsp != nil {
		line("rtsp", "rtsp://"+reachable(srv.open.rtsp.Addr())+"/CHANNEL?key=KEY")
	}
	if srv.whip != nil {
		line("whip", web+"/whip/CHANNEL   (bearer token KEY)")
	}
	if signIn == "" {
		line("", "stream key: cuelight token publish --data "+srv.settings.Data)
	} else {
		for _, name := range srv.settings.sortedChannels() {
			line("key", publishName(name, srv.keys[name])+"   (CHANNEL:KEY)")
		}
	}
	fmt.Fprintln(w)
}

// reachable is an address that a browser on this machine can open.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
