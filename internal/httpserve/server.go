// Package httpserve runs an HTTP listener: limits and timeouts, orderly stop,
// security headers, an access log and request counts.
//
// HTTP/1.1 and HTTP/2 without TLS (prior knowledge) are spoken on the same
// port; a proxy in front brings TLS.
package httpserve

import (
	"cmp"
	"context"
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
	go func() { served <- srv.Serve(s.ln) }()
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

func (s *Server) server(ctx context.Context) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           s.h,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}
