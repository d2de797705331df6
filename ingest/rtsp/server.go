package rtsp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/bluenviron/gortsplib/v5"

	"github.com/cuelight/cuelight/ingest"
)

const (
	protocol = "rtsp"

	// idle is what clients are told about keeping a session alive. What ends a
	// session are the limits of package ingest.
	idle = time.Minute
	// never is longer than those limits.
	never = 24 * time.Hour
)

// Server takes publishers in. Set the fields, then call Run once.
type Server struct {
	// Listener accepts connections. Run closes it. Media over UDP come to a pair
	// of free ports that Run opens on the listener's address.
	Listener net.Listener
	// Registry decides who may publish.
	Registry *ingest.Registry
	// Log receives what is wrong with the listener. Nil discards.
	Log *slog.Logger
}

// Run serves until ctx ends, then closes every connection and waits for them.
//
// Errors: no ports for UDP; the listener's, when it ended by itself.
func (s *Server) Run(ctx context.Context) error {
	defer s.Listener.Close()
	pair, err := listenPair(s.Listener.Addr())
	if err != nil {
		return err
	}
	defer pair.close()
	h := &handler{ctx: ctx, registry: s.Registry}
	defer h.publishers.Wait()
	lib := s.behind(&door{Listener: s.Listener, ctx: ctx, registry: s.Registry, log: s.logger()}, pair, h)
	if err := lib.Start(); err != nil {
		return fmt.Errorf("serve RTSP: %w", err)
	}
	unhook := context.AfterFunc(ctx, func() { s.Listener.Close() }) // ends the library's server
	defer unhook()
	if err := lib.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

func (s *Server) behind(door net.Listener, pair portPair, h *handler) *gortsplib.Server {
	return &gortsplib.Server{
		RTSPAddress:    door.Addr().String(),
		UDPRTPAddress:  pair.rtp.LocalAddr().String(),
		UDPRTCPAddress: pair.rtcp.LocalAddr().String(),
		Listen:         func(_, _ string) (net.Listener, error) { return door, nil },
		ListenPacket:   pair.listen,
		ReadTimeout:    never,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idle,
		Handler:        h,
	}
}

func (s *Server) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log.With("proto", protocol)
}
