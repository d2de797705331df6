package rtmp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// Server takes publishers in. Set the fields, then call Run once.
type Server struct {
	// Listener accepts connections. Run closes it.
	Listener net.Listener
	// Registry decides who may publish.
	Registry *ingest.Registry
	// Log receives what is wrong with the listener. Nil discards.
	Log *slog.Logger
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
	return s.Log.With("proto", protocol)
}
