package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/cuelight/cuelight/internal/certs"
	"github.com/cuelight/cuelight/internal/httpserve"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
)

// playbackPurpose names the key that makes the paths of protected channels.
const playbackPurpose = "playback paths"

// openDelivery opens the certificates and settles who may play what.
func (srv *server) openDelivery(context.Context) (err error) {
	if srv.settings.TLS.on() {
		if srv.certs, err = certs.Open(srv.settings.certificates(srv.log)); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	srv.delivery = srv.settings.origin()
	srv.delivery.Log = srv.log
	if !srv.settings.protects() {
		return nil
	}
	p := &srv.delivery.Playback
	if p.Key, err = srv.tokens.Derive(playbackPurpose); err != nil {
		return err
	}
	p.Protected = func(name string) bool { return srv.settings.Channels[name].Protected }
	p.Check = srv.mayPlay
	return srv.delivery.Validate()
}

// media is the handler of everything that is packaged.
func (srv *server) media() *origin.Origin {
	return origin.New(func(name string) (*packager.Channel, bool) {
		ch, ok := srv.channels[name]
		if !ok {
			return nil, false
		}
		return ch.event.Load(), true
	}, srv.delivery)
}

// addWeb adds the listeners of viewers and producers.
func (srv *server) addWeb(routes http.Handler) {
	plain := routes
	if srv.certs != nil {
		srv.group.Add("certificates", srv.certs)
		if srv.settings.TLS.Redirect && srv.open.https != nil {
			plain = httpserve.RequireTLS(routes, portOf(srv.open.https))
		}
		plain = srv.certs.HTTP(plain)
	}
	if srv.open.https != nil {
		cfg := srv.listenerConfig()
		cfg.TLS = srv.certs.TLS()
		srv.group.Add("https", httpserve.New(srv.open.https, routes, cfg))
	}
	srv.addHTTP("http", srv.open.http, plain)
}

func portOf(ln net.Listener) int {
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}

func (srv *server) listenerConfig() httpserve.Config {
	return httpserve.Config{TrustedProxies: srv.settings.proxies(), Redact: origin.Redact, Log: srv.log}
}

func (srv *server) addHTTP(name string, ln net.Listener, h http.Handler) {
	srv.group.Add(name, httpserve.New(ln, h, srv.listenerConfig()))
}

// openArchives opens what is kept of channels on disk.
func (srv *server) openArchives(context.Context) error {
	for _, name := range srv.settings.sortedChannels() {
		c := srv.settings.Channels[name]
		a, err := openArchive(srv.settings.Data, name, c.Window.Duration, c.Archive, srv.log)
		if err != nil {
			return fmt.Errorf("channels.%s: %w", name, err)
		}
		if a != nil {
			srv.archives[name] = a
		}
	}
	return nil
}
