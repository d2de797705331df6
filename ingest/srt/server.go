package srt

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const protocol = "srt"

// Server takes publishers in. Set the fields, then call Run once.
type Server struct {
	// Listener receives publishers. Run closes it.
	Listener *Listener
	// Registry decides who may publish.
	Registry *ingest.Registry
	// Log receives at Debug what the SRT library tripped over. Nil discards.
	Log *slog.Logger
}

// Run serves until ctx ends, then says goodbye to every caller and waits for
// their sessions.
//
// Errors: the listener's, when it ended by itself.
func (s *Server) Run(ctx context.Context) error {
	defer s.Listener.Close()
	past := time.Unix(1, 0)
	unhook := context.AfterFunc(ctx, func() { _ = s.Listener.udp.SetReadDeadline(past) })
	defer unhook()
	sessions, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	err := s.Listener.serve(func(h header, body []byte, way route) {
		if c := s.greet(body, way); c != nil {
			wg.Go(func() { s.serve(sessions, c) })
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serve srt: %w", err)
}

// greet is one handshake packet, which may be anything.
func (s *Server) greet(body []byte, way route) (c *caller) {
	defer func() {
		if p := recover(); p != nil {
			s.logger().Debug("handshake unreadable", "remote", way.to.String(), "err", fmt.Sprint(p))
			s.unreadable(way)
			c = nil
		}
	}()
	c, err := s.Listener.greet(body, way)
	if err != nil {
		s.unreadable(way)
		return nil
	}
	return c
}

func (s *Server) unreadable(way route) {
	s.Registry.Refuse(ingest.Request{Protocol: protocol, Remote: way.to.String()},
		ingest.Errorf(ingest.CodeMalformed, "an SRT handshake makes no sense"))
}

func (s *Server) logger() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log.With("proto", protocol)
}

// serve is one caller from its request to its end.
func (s *Server) serve(ctx context.Context, c *caller) {
	session, why := s.admit(c)
	if session == nil {
		c.reject(why)
		return
	}
	conn, err := c.accept()
	if err != nil {
		session.Close(err)
		c.reject(rejInternal)
		return
	}
	session.SetLink(func() ingest.Link { return *conn.link.Load() })
	var running sync.WaitGroup
	running.Go(func() { conn.run(session.Panicked) })
	stop := session.Guard(ctx, conn.close)
	err = session.Protect(func() error { return readMedia(conn, session) })
	conn.close()
	stop()
	running.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	session.Close(err)
	conn.goodbye()
}

// admit returns the caller's session, or why there is none.
func (s *Server) admit(c *caller) (session *ingest.Session, why reason) {
	defer func() {
		if p := recover(); p != nil { // of the library, over what the caller sent
			s.logger().Error("handshake panicked", "remote", c.remote(), "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			session, why = nil, rejInternal
		}
	}()
	leave, ok := s.Registry.Enter(protocol, c.remote())
	if !ok {
		return nil, rejOverload
	}
	defer leave()
	ask := ingest.Request{Protocol: protocol, Remote: c.remote()}
	if c.flaw != nil {
		s.Registry.Refuse(ask, ingest.Errorf(ingest.CodeMalformed, "%v", c.flaw))
		return nil, reasonOf(c.flaw)
	}
	var err error
	if ask.Channel, ask.Key, err = parseStreamID(c.streamID()); err != nil {
		s.Registry.Refuse(ask, err)
		return nil, reasonOf(err)
	}
	if f := s.secure(c, ask); f != nil {
		s.Registry.Refuse(ask, ingest.Errorf(ingest.CodeWrongPassphrase, "%v", f))
		return nil, f.reason
	}
	session, err = s.Registry.Admit(ask)
	if err != nil {
		return nil, reasonOf(err)
	}
	return session, 0
}

// secure checks the caller's encryption before anything else is looked at: one
// without the passphrase learns nothing about keys, and takes nobody's place.
func (s *Server) secure(c *caller, ask ingest.Request) *flaw {
	passphrase := s.Registry.Passphrase(ask.Channel, ask.Key)
	switch {
	case passphrase == "" && c.encrypted():
		return &flaw{rejUnsecure, "no channel of this name asks for a passphrase: leave it empty, or correct the channel's name"}
	case passphrase != "" && !c.encrypted():
		return &flaw{rejUnsecure, "this channel asks for a passphrase: set it in the encoder"}
	case passphrase != "" && !c.unlock(string(passphrase)):
		return errSecret
	}
	return nil
}
