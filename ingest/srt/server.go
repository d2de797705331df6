package srt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/cuelight/cuelight/ingest"
)

const protocol = "srt"

// Listener is an open port. Close it, or let Server.Run do so.
type Listener struct {
	srt gosrt.Listener
}

// Listen opens the UDP port of addr ("HOST:PORT" or ":PORT"). The latency is
// how long lost packets may be sent again, the larger of ours and the
// publisher's; 0 means 120 ms.
func Listen(addr string, latency time.Duration) (*Listener, error) {
	resolved, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen srt: %w", err)
	}
	cfg := gosrt.DefaultConfig()
	cfg.ReceiverLatency = cmp.Or(latency, 120*time.Millisecond)
	cfg.PeerLatency = cfg.ReceiverLatency
	// A crashed encoder may come back this soon; a living one sends something
	// every second.
	cfg.PeerIdleTimeout = 3 * time.Second
	ln, err := gosrt.Listen("srt", resolved.String(), cfg)
	if err != nil {
		return nil, fmt.Errorf("listen srt %s: %w", addr, err)
	}
	return &Listener{srt: ln}, nil
}

// Addr returns the bound address.
func (l *Listener) Addr() net.Addr { return l.srt.Addr() }

// Close ends the listener and all its connections.
func (l *Listener) Close() { l.srt.Close() }

// Server takes publishers in. Set the fields, then call Run once.
type Server struct {
	// Listener receives publishers. Run closes it.
	Listener *Listener
	// Registry decides who may publish.
	Registry *ingest.Registry
	// Log receives at Debug what the SRT library tripped over. Nil discards.
	Log *slog.Logger
}

// Run serves until ctx ends, then closes every connection and waits for them.
//
// Errors: the listener's, when it ended by itself.
func (s *Server) Run(ctx context.Context) error {
	unhook := context.AfterFunc(ctx, s.Listener.Close)
	defer unhook()
	defer s.Listener.Close()
	sessions, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for {
		req, err := s.accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errHandshake):
			s.Registry.Refuse(ingest.Request{Protocol: protocol},
				ingest.Errorf(ingest.CodeMalformed, "an SRT handshake makes no sense"))
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		wg.Go(func() { s.serve(sessions, req) })
	}
}

// errHandshake is one caller's fault, not the listener's.
var errHandshake = errors.New("the handshake could not be read")

// accept returns the next caller. The library reads handshakes here and panics
// on some that are cut short.
func (s *Server) accept() (req gosrt.ConnRequest, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logger().Debug("handshake unreadable", "err", fmt.Sprint(p))
			err = errHandshake
		}
	}()
	return s.Listener.srt.Accept2()
}

func (s *Server) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log.With("proto", protocol)
}

// serve is one caller from its request to its end.
func (s *Server) serve(ctx context.Context, req gosrt.ConnRequest) {
	session, err := s.admit(req)
	if err != nil {
		req.Reject(reason(err))
		return
	}
	conn, err := req.Accept()
	if err != nil {
		session.Close(ingest.Errorf(ingest.CodeMalformed, "the SRT handshake did not end well: %v", err))
		return
	}
	defer conn.Close()
	stop := session.Guard(ctx, func() { conn.Close() })
	defer stop()
	err = session.Protect(func() error { return readMedia(conn, session) })
	if ctx.Err() != nil {
		err = nil
	}
	session.Close(err)
}

func (s *Server) admit(req gosrt.ConnRequest) (*ingest.Session, error) {
	ask := ingest.Request{Protocol: protocol, Remote: req.RemoteAddr().String()}
	if req.IsEncrypted() {
		return nil, s.Registry.Refuse(ask, ingest.Errorf(ingest.CodeMode, "encryption by passphrase is not supported: leave the passphrase empty"))
	}
	var err error
	if ask.Channel, ask.Key, err = parseStreamID(req.StreamId()); err != nil {
		return nil, s.Registry.Refuse(ask, err)
	}
	return s.Registry.Admit(ask)
}

// The reasons of SRT's access control, as callers' libraries know them. On the
// wire a failed handshake is 1000 and the reason; the numbers that our library
// has for these would arrive as none that a caller knows.
const (
	onWire = 1000

	rejBadRequest gosrt.RejectionReason = onWire + 1400
	rejOverload   gosrt.RejectionReason = onWire + 1402
	rejForbidden  gosrt.RejectionReason = onWire + 1403
	rejNotFound   gosrt.RejectionReason = onWire + 1404
	rejBadMode    gosrt.RejectionReason = onWire + 1405
	rejConflict   gosrt.RejectionReason = onWire + 1409
)

// reason is what the caller's SRT library is told.
func reason(err error) gosrt.RejectionReason {
	switch ingest.CodeOf(err) {
	case ingest.CodeUnknownChannel:
		return rejNotFound
	case ingest.CodeWrongKey:
		return rejForbidden
	case ingest.CodeBusy:
		return rejConflict
	case ingest.CodeFull:
		return rejOverload
	case ingest.CodeMode:
		return rejBadMode
	case ingest.CodeMalformed:
		return rejBadRequest
	default:
		return gosrt.REJ_PEER
	}
}
