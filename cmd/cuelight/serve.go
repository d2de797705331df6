package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Run runs the server until ctx ends.
func (c serveCommand) Run(ctx context.Context, p *program) error {
	s, err := readSettings(c.Config, c.listenFlags)
	if err != nil {
		return err
	}
	if s.Data == "" {
		if s.Data, err = dataBesideProgram(); err != nil {
			return err
		}
	}
	srv, err := newServer(ctx, s, newLogger(s, p))
	if err != nil {
		return err
	}
	srv.announce(p.stdout, "")
	return srv.run(ctx)
}

// Run runs the demo until ctx ends.
func (c demoCommand) Run(ctx context.Context, p *program) (err error) {
	s, err := readSettings(c.Config, c.listenFlags)
	if err != nil {
		return err
	}
	if c.Viewers != nil {
		s.Viewers = c.Viewers
		if err := s.Validate(); err != nil {
			return err
		}
	}
	if s.clustered() {
		return errors.New("demo: it is one server by itself: leave out redis, or use serve")
	}
	s.NoBroadcast = s.NoBroadcast || c.NoBroadcast
	s.nameDemo()
	if s.Data == "" {
		if s.Data, err = os.MkdirTemp("", "cuelight-demo-"); err != nil {
			return fmt.Errorf("make a temporary data folder: %w", err)
		}
		defer func() { err = cmp.Or(err, os.RemoveAll(s.Data)) }()
	}
	srv, err := newServer(ctx, s, newLogger(s, p))
	if err != nil {
		return err
	}
	link, err := srv.addDemo()
	if err != nil {
		return err
	}
	srv.announce(p.stdout, link)
	return srv.run(ctx)
}

func newLogger(s settings, p *program) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		level = slog.LevelInfo // Validate has refused everything else
	}
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}

// seconds writes d as a number of whole seconds, for HTTP headers.
func seconds(d time.Duration) string { return fmt.Sprintf("%d", int64(d/time.Second)) }
