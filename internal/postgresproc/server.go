package postgresproc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cuelight/cuelight/internal/freeport"
)

// How long the server gets.
const (
	startWithin = 60 * time.Second // recovery after Kill included
	stopWithin  = 20 * time.Second
	lookEvery   = 10 * time.Millisecond
)

// Options are those of Start. The zero value works.
type Options struct {
	// Settings are of postgresql.conf, such as "max_connections=20".
	Settings []string
	// TLS lets it take connections with TLS, by a certificate for 127.0.0.1 that
	// it makes and that Server.Authority verifies.
	TLS bool
	// Bin is the folder of initdb and postgres. Default: the newest of
	// /usr/lib/postgresql, then the PATH.
	Bin string
}

// Server is a PostgreSQL that this process started. Its methods are called by
// one goroutine at a time.
type Server struct {
	// Addr is host and port that it listens on, the same after a Restart.
	Addr string
	// Password is that of its superuser, postgres.
	Password string
	// Authority is the path of the certificate to verify TLS with, empty without.
	Authority string

	options Options
	as      *account
	dir     string

	mu  sync.Mutex // protects run
	run *process   // nil while it is down
}

// Start makes a cluster and starts it; it takes connections when Start returns.
// Stop it.
//
// Errors: one that says what is not installed; one with the end of the server's
// log; ctx's.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Bin == "" {
		bin, err := binaries()
		if err != nil {
			return nil, err
		}
		o.Bin = bin
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cuelight-postgres-*")
	if err != nil {
		return nil, fmt.Errorf("make folder for PostgreSQL: %w", err)
	}
	s := &Server{options: o, as: as, dir: dir, Password: rand.Text()}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// binaries finds the newest installed PostgreSQL.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: run scripts/install-tools.sh")
	}
	return filepath.Dir(path), nil
}

// prepare makes the cluster and chooses its port.
func (s *Server) prepare(ctx context.Context) error {
	if err := s.as.own(s.dir); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.Password), 0o600); err != nil {
		return err
	}
	if err := s.as.own(secret); err != nil {
		return err
	}
	c := exec.CommandContext(ctx, filepath.Join(s.options.Bin, "initdb"), "--pgdata", s.data(), "--username", "postgres",
		"--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	c.Dir, c.SysProcAttr = s.dir, s.as.attributes()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("make a PostgreSQL cluster: %w: %s", err, out)
	}
	if s.options.TLS {
		if err := s.certify(); err != nil {
			return err
		}
	}
	var err error
	s.Addr, err = freeport.Addr("127.0.0.1")
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// DSN is how to connect to a database of it as its superuser, without TLS.
func (s *Server) DSN(database string) string {
	return s.DSNFor("postgres", s.Password, database, "sslmode=disable")
}

// DSNFor is how to connect as somebody else, with settings such as
// "sslmode=verify-full".
func (s *Server) DSNFor(user, password, database string, settings ...string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Host: s.Addr, Path: "/" + database,
		RawQuery: strings.Join(settings, "&"),
	}
	return u.String()
}

// Exec runs statements in a database as the superuser.
func (s *Server) Exec(ctx context.Context, database string, statements ...string) (err error) {
	c, err := pgx.Connect(ctx, s.DSN(database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	for _, q := range statements {
		if _, err := c.Exec(ctx, q); err != nil {
			return fmt.Errorf("%.80s: %w", q, err)
		}
	}
	return nil
}

// Restart starts it, after stopping it if it runs. It takes connections when
// Restart returns.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.halt(syscall.SIGINT); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-c", "listen_addresses=" + host, "-c", "port=" + port, "-c", "unix_socket_directories="}
	for _, set := range s.options.Settings {
		args = append(args, "-c", set)
	}
	run, err := start(filepath.Join(s.options.Bin, "postgres"), args, s.dir, s.as)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.mu.Lock()
	s.run = run
	s.mu.Unlock()
	return s.await(ctx, run)
}

// await returns when the server takes connections.
func (s *Server) await(ctx context.Context, run *process) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		c, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-run.ended:
			return fmt.Errorf("PostgreSQL has ended: %w: %s", run.err, run.tail())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL takes no connections: %w: %s", errors.Join(ctx.Err(), err), run.tail())
		case <-look.C:
		}
	}
}

// Kill ends all its processes at once, with SIGKILL.
func (s *Server) Kill() error { return s.halt(syscall.SIGKILL) }

// Down ends it in order, as an operator would, and leaves its data.
func (s *Server) Down() error { return s.halt(syscall.SIGINT) }

// Freeze stops all its processes where they are: connections stay, nothing
// answers. Thaw lets them go on.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

// Stop ends it, if it runs, and removes its data.
func (s *Server) Stop() error {
	return errors.Join(s.halt(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return errors.New("PostgreSQL is not running")
	}
	return s.run.signalAll(sig)
}

// halt ends the processes with sig, and with SIGKILL if they take too long.
func (s *Server) halt(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	defer func() { s.run = nil }()
	if err := s.run.signalAll(syscall.SIGCONT); err != nil {
		return err
	}
	return s.run.end(sig)
}
