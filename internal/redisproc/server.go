package redisproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/cuelight/cuelight/internal/freeport"
)

// Options say what server to start.
type Options struct {
	// Dir is where it writes; it is made if it is missing. Needed.
	Dir string
	// Args follow those that redisproc sets, and win over them, such as
	// "--appendonly", "yes", "--appendfsync", "always".
	Args []string
	// ReplicaOf is the address of its primary, empty for none. Start then waits
	// until the primary, which lets the same user in, counts on it.
	ReplicaOf string
	// Username and Password are for what redisproc itself asks the server.
	Username, Password string
	// TLS makes it speak nothing else.
	TLS *TLS
}

// TLS are a server's files, in PEM.
type TLS struct {
	Cert, Key, CA string
	// Clients lets in only those with a certificate that CA has signed, as Cert has
	// to be itself: redisproc comes with that.
	Clients bool
}

// Server is a redis-server process. Its methods are safe for concurrent use.
type Server struct {
	// Addr is host:port. It stays over Restart.
	Addr string

	opt  Options
	ctx  context.Context // of the process: it is killed when that ends
	args []string        // before those of the options
	conf string          // a Sentinel's configuration, which it rewrites
	port int

	mu   sync.Mutex // protects proc
	proc *process
}

// Durable are the Args with which what was acknowledged survives a kill.
func Durable() []string { return []string{"--appendonly", "yes", "--appendfsync", "always"} }

// Start starts a server and waits until it answers. It is killed when ctx ends.
//
// Errors: no redis-server on this machine; what the server wrote when it could
// not start; ctx's.
func Start(ctx context.Context, opt Options) (*Server, error) {
	return start(ctx, opt, func(*Server) error { return nil })
}

// start is Start of a server that prepare makes something else.
func start(ctx context.Context, opt Options, prepare func(*Server) error) (*Server, error) {
	if opt.Dir == "" {
		return nil, errors.New("start redis: no folder given")
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	for attempt := 1; ; attempt++ {
		s, err := startOnce(ctx, opt, prepare)
		if err == nil || !errors.Is(err, errPort) || attempt == 5 {
			return s, err
		}
	}
}

func startOnce(ctx context.Context, opt Options, prepare func(*Server) error) (*Server, error) {
	port, err := freeport.Take("127.0.0.1")
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), opt: opt, ctx: ctx, port: port}
	if err := prepare(s); err != nil {
		return nil, err
	}
	if err := s.Restart(); err != nil {
		return nil, err
	}
	if opt.ReplicaOf == "" {
		return s, nil
	}
	primary := &Server{Addr: opt.ReplicaOf, opt: opt}
	if err := s.awaitFollowing(ctx, primary); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Restart starts the server again on the same port with what is in its folder,
// and waits until it answers. One that runs is killed first.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
	}
	p, err := launch(s.ctx, s.command(), s.logPath())
	if err != nil {
		return fmt.Errorf("start redis: %w", err)
	}
	s.proc = p
	if err := s.awaitReady(p); err != nil {
		p.kill()
		return fmt.Errorf("start redis on %s: %w", s.Addr, err)
	}
	return nil
}

func (s *Server) logPath() string { return filepath.Join(s.opt.Dir, "redis.log") }

func (s *Server) command() []string {
	port := strconv.Itoa(s.port)
	if s.conf != "" {
		return []string{s.conf, "--sentinel", "--bind", "127.0.0.1", "--port", port, "--dir", s.opt.Dir, "--logfile", s.logPath()}
	}
	args := []string{
		"--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--dir", s.opt.Dir, "--logfile", s.logPath(),
		"--repl-diskless-sync", "no",
	}
	if t := s.opt.TLS; t != nil {
		clients := "no"
		if t.Clients {
			clients = "yes"
		}
		args = append(args, "--port", "0", "--tls-port", port, "--tls-auth-clients", clients,
			"--tls-cert-file", t.Cert, "--tls-key-file", t.Key, "--tls-ca-cert-file", t.CA)
	} else {
		args = append(args, "--port", port)
	}
	if s.opt.ReplicaOf != "" {
		host, port, _ := net.SplitHostPort(s.opt.ReplicaOf)
		args = append(args, "--replicaof", host+" "+port)
	}
	return append(append(args, s.args...), s.opt.Args...)
}

// Kill ends the server as a power cut would, and waits until it is gone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc.kill()
}

// Stop asks the server to end, and waits until it is gone.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc.stop()
}

// Freeze stops the server where it is: connections stay, nothing answers.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

// PID is the number of the process.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.pid
}

func (s *Server) signal(sig syscall.Signal) error {
	if err := syscall.Kill(s.PID(), sig); err != nil {
		return fmt.Errorf("signal redis on %s: %w", s.Addr, err)
	}
	return nil
}
