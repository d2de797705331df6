package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// Server takes publishers in over RTMP, or with TLS over RTMPS. Set the fields,
// then call Run once.
type Server struct {
	// Listener accepts TCP connections, without TLS. Run closes it.
	Listener net.Listener
	// TLS makes this an RTMPS server: TLS 1.2 or newer with these certificates.
	// Nil is plain RTMP. It is not changed.
	TLS *tls.Config
	// Registry decides who may publish.
	Registry *ingest.Registry
	// Log receives what is wrong with the listener. Nil discards.
	Log *slog.Logger

	ignored atomic.Uint64
}

// Ignored returns how many data messages made no sense and were passed over,
// of all connections. It is safe for concurrent use.
func (s *Server) Ignored() uint64 { return s.ignored.Load() }

// protocol names the server in requests and logs.
func (s *Server) protocol() string {
	if s.TLS != nil {
		return "rtmps"
	}
	return "rtmp"
}

// Run serves until ctx ends, then closes every connection and waits for them.
//
// Errors: the listener's, when it ended by itself.
func (s *Server) Run(ctx context.Context) error {
	unhook := context.AfterFunc(ctx, func() { s.Listener.Close() })
	defer unhook()
	defer s.Listener.Close()
	sessions, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for {
		nc, err := s.accept(ctx)
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() { s.serve(sessions, nc) })
	}
}

const maxAcceptWait = time.Second

// accept tries again, ever more slowly, when the system is out of sockets.
func (s *Server) accept(ctx context.Context) (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, maxAcceptWait) {
		nc, err := s.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return nc, err
		}
		s.logger().Warn("accept", "err", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (s *Server) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log.With("proto", s.protocol())
}
