package redisproc

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// starting is how long a server, or a set of them, may take to be ready.
	starting = 30 * time.Second
	// asking is how long it may take to answer a question.
	asking = 2 * time.Second
	// polling is how often it is asked whether it is ready.
	polling = 20 * time.Millisecond
)

// go-redis writes to standard error what comes as an error as well. Whoever opens
// a client with a log takes that over.
func init() { redis.SetLogger(silent{}) }

type silent struct{}

// Printf drops what go-redis says.
func (silent) Printf(context.Context, string, ...any) {}

// Do asks the server something and returns the answer as go-redis has it.
func (s *Server) Do(ctx context.Context, args ...any) (any, error) {
	client := redis.NewClient(&redis.Options{
		Addr: s.Addr, Username: s.opt.Username, Password: s.opt.Password, TLSConfig: s.tls(), Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: asking, ReadTimeout: asking, PoolSize: 1, PipelinePoolSize: -1,
		DisableIdentity: true,
	})
	defer client.Close()
	out, err := client.Do(ctx, args...).Result()
	if err != nil {
		return nil, fmt.Errorf("ask redis on %s: %v: %w", s.Addr, args[0], err)
	}
	return out, nil
}

// Info returns one field of a section of INFO, empty if there is none.
func (s *Server) Info(ctx context.Context, section, field string) (string, error) {
	out, err := s.Do(ctx, "INFO", section)
	if err != nil {
		return "", err
	}
	return fieldOf(fmt.Sprint(out), field), nil
}

// fieldOf returns the value of a line "field:value".
func fieldOf(text, field string) string {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}

// awaitFollowing waits until a primary sends what it writes to the server.
func (s *Server) awaitFollowing(ctx context.Context, primary *Server) error {
	return await(ctx, fmt.Sprintf("redis on %s to follow %s", s.Addr, primary.Addr), func() (bool, error) {
		if link, err := s.Info(ctx, "replication", "master_link_status"); link != "up" {
			return false, err
		}
		out, err := primary.Do(ctx, "INFO", "replication")
		return strings.Contains(fmt.Sprint(out), fmt.Sprintf("port=%d,state=online", s.port)), err
	})
}

// await asks until the answer is yes.
func await(ctx context.Context, what string, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	tick := time.NewTicker(polling)
	defer tick.Stop()
	for {
		ok, err := ready()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// awaitReady returns when the server answers.
//
// Errors: why it is gone; ctx's.
func (s *Server) awaitReady(p *process) error {
	gone := false
	err := await(s.ctx, "an answer", func() (bool, error) {
		select {
		case <-p.done:
			gone = true
		default:
		}
		return gone || s.answers(), nil
	})
	if gone {
		return p.err
	}
	return err
}

// answers says whether the server has read its data and answers, whoever may
// ask it more.
func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", s.Addr, asking)
	if err != nil {
		return false
	}
	defer conn.Close()
	if t := s.tls(); t != nil {
		conn = tls.Client(conn, t)
	}
	if conn.SetDeadline(time.Now().Add(asking)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && (strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH"))
}

// tls does not look at the certificate: the server is our own child.
func (s *Server) tls() *tls.Config {
	if s.opt.TLS == nil {
		return nil
	}
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	if own, err := tls.LoadX509KeyPair(s.opt.TLS.Cert, s.opt.TLS.Key); err == nil && s.opt.TLS.Clients {
		c.Certificates = []tls.Certificate{own} // without it the server says why
	}
	return c
}
