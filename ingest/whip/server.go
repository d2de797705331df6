package whip

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"github.com/cuelight/cuelight/ingest"
)

const protocol = "whip"

// Server takes publishers in. It is an http.Handler for /whip/ and safe for
// concurrent use.
type Server struct {
	registry *ingest.Registry
	cfg      Config
	log      *slog.Logger
	conn     *net.UDPConn
	mux      ice.UDPMux

	admitted chan *publisher // to Run, which starts them
	stopped  chan struct{}   // closed when Run ends

	mu         sync.Mutex            // protects publishers
	publishers map[string]*publisher // by the secret name of their resource
}

var _ http.Handler = (*Server)(nil)

// New opens the UDP port. Nobody is let in before Run.
//
// Errors: a configuration that cannot be; the port is taken.
func New(registry *ingest.Registry, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	addr, err := net.ResolveUDPAddr("udp", cfg.UDPAddr)
	if err != nil {
		return nil, fmt.Errorf("resolve WHIP's UDP address: %w", err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("open WHIP's UDP port: %w", err)
	}
	log := cfg.Log.With("proto", protocol)
	// Key frames come in bursts; what the system cannot hold is lost.
	if err := conn.SetReadBuffer(receiveBuffer); err != nil {
		log.Warn("receive buffer is small", "err", err)
	}
	return &Server{
		registry:   registry,
		cfg:        cfg,
		log:        log,
		conn:       conn,
		mux:        webrtc.NewICEUDPMux(loggers{log}.NewLogger("ice"), conn),
		admitted:   make(chan *publisher),
		stopped:    make(chan struct{}),
		publishers: make(map[string]*publisher),
	}, nil
}

const receiveBuffer = 4 << 20

// Addr returns the UDP port's address.
func (s *Server) Addr() net.Addr { return s.conn.LocalAddr() }

// Run lets publishers in until ctx ends, then ends their sessions, waits for
// them and closes the port. It is called once.
func (s *Server) Run(ctx context.Context) error {
	var sessions sync.WaitGroup
	for ctx.Err() == nil {
		select {
		case p := <-s.admitted:
			sessions.Go(func() { p.run(ctx) })
		case <-ctx.Done():
		}
	}
	close(s.stopped)
	sessions.Wait()
	if err := s.mux.Close(); err != nil { // and with it the port
		return fmt.Errorf("close WHIP's UDP port: %w", err)
	}
	return nil
}

// start hands p to Run. It reports false when the server ends or the request
// does: p has then not run.
func (s *Server) start(ctx context.Context, p *publisher) bool {
	s.mu.Lock()
	s.publishers[p.name] = p
	s.mu.Unlock()
	select {
	case s.admitted <- p:
		return true
	case <-s.stopped:
	case <-ctx.Done():
	}
	s.forget(p)
	return false
}

func (s *Server) forget(p *publisher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.publishers, p.name)
}

func (s *Server) find(name string) *publisher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publishers[name]
}

func (s *Server) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}
