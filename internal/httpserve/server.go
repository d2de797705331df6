// Package httpserve runs an HTTP listener: limits and timeouts, orderly stop,
// security headers, an access log and request counts.
//
// A listener without TLS speaks HTTP/1.1 and HTTP/2 with prior knowledge; one
// with TLS negotiates either of them.
package httpserve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Limits of a listener.
const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 16 << 10

	// A connection that carries many requests is asked whether it still lives,
	// and given up when it takes no byte of what is due. A single request has
	// its own deadline.
	pingAfter   = 30 * time.Second
	pingTimeout = 15 * time.Second
	stuckAfter  = 15 * time.Second
)

// Config says how a listener behaves. The zero value works.
type Config struct {
	// WriteTimeout is how long a response may take from the end of its
	// request's header, waiting included. Default 60s. A WebSocket is not
	// bound by it.
	WriteTimeout time.Duration
	// BodyTimeout is how long a request's body may take to arrive. It ends the
	// request if it is not answered by then. Default 15s.
	BodyTimeout time.Duration
	// Drain is how long requests may take to end after a stop. Default 5s.
	Drain time.Duration
	// FrameAncestors is who may show our pages in a frame, as in the CSP
	// directive frame-ancestors. Default 'self'. A handler may set another
	// Content-Security-Policy on its response.
	FrameAncestors string
	// TLS is how connections are encrypted, at least with TLS 1.2. Nil: not at
	// all.
	TLS *tls.Config
	// Redact returns what of a path may be logged. Nil: all of it. Queries are
	// never logged. Must be safe for concurrent use.
	Redact func(path string) string
	// TrustedProxies are the networks whose X-Forwarded-For and
	// X-Forwarded-Proto are believed. Default none.
	TrustedProxies []netip.Prefix
	// Observe is told of every finished request, for metrics. May be nil; must
	// be safe for concurrent use.
	Observe func(Request)
	// Log receives one line per request at Debug, without its query, which may
	// hold keys. Nil discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 60*time.Second)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, 15*time.Second)
	c.Drain = cmp.Or(c.Drain, 5*time.Second)
	c.FrameAncestors = cmp.Or(c.FrameAncestors, "'self'")
	if c.Redact == nil {
		c.Redact = func(path string) string { return path }
	}
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Server answers HTTP on one listener while Run runs.
type Server struct {
	ln  net.Listener
	h   http.Handler
	cfg Config
}

// New returns a server of h on ln, which it owns from now on. Nothing is
// accepted before Run.
//
// h sees the client's address in RemoteAddr, and "https" in URL.Scheme if the
// client used TLS, also behind a trusted proxy.
func New(ln net.Listener, h http.Handler, cfg Config) *Server {
	cfg = cfg.withDefaults()
	return &Server{ln: ln, h: wrap(h, cfg), cfg: cfg}
}

// Addr returns the address that is listened on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Run answers requests until ctx ends. Then the context of every request ends
// too, so that held ones return; what is not done within Config.Drain is cut
// off. Hijacked connections belong to whoever hijacked them.
//
// Errors: whatever stopped the listener before ctx ended.
func (s *Server) Run(ctx context.Context) error {
	srv := s.server(ctx)
	served := make(chan error, 1)
	go func() { served <- s.serve(srv) }()
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve %s: %w", s.ln.Addr(), err), srv.Close())
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		s.cfg.Log.Warn("requests cut off at stop", "dur", s.cfg.Drain)
		srv.Close()
	}
	<-served
	return nil
}

func (s *Server) serve(srv *http.Server) error {
	if srv.TLSConfig == nil {
		return srv.Serve(listener{s.ln})
	}
	return srv.ServeTLS(s.ln, "", "")
}

func (s *Server) server(ctx context.Context) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.cfg.TLS != nil)
	protocols.SetUnencryptedHTTP2(s.cfg.TLS == nil)
	return &http.Server{
		Handler:           s.h,
		TLSConfig:         modern(s.cfg.TLS),
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: stuckAfter},
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       remember,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

// modern refuses what is older than TLS 1.2, whatever the caller said.
func modern(cfg *tls.Config) *tls.Config {
	if cfg == nil || cfg.MinVersion >= tls.VersionTLS12 {
		return cfg
	}
	cfg = cfg.Clone()
	cfg.MinVersion = tls.VersionTLS12
	return cfg
}
