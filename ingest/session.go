package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Session is one admitted publisher. It belongs to the goroutine that reads the
// connection; Guard's cut, Received, Stats and Info may be used from elsewhere.
//
// It may be ended from elsewhere too, when another publisher takes its place:
// its calls then return that reason, and the Output hears nothing more of it.
// A protocol notices when its reads return, and calls Close as ever.
type Session struct {
	registry *Registry
	channel  *entry
	info     Info

	// turn is held by whoever calls the Output or changes what decides on that:
	// the session's goroutine, and once whoever takes its place. A channel,
	// because the latter waits for a while only. It is taken before any lock.
	turn    chan struct{}
	waiting backlog
	tracks  map[int]*track
	changes changeLimit
	closed  bool
	parting *Error // why, for the publisher, until Close has told it

	oust  sync.Once     // by giveWay
	gone  chan struct{} // closed when the channel is free
	ended error         // why, once gone is closed

	begun   atomic.Bool
	heard   atomic.Int64 // when anything last came, time since info.Started
	wrote   atomic.Int64 // when a frame was last written, or Begin, likewise
	stalled atomic.Bool  // for quiet or longer, and logged

	mu    sync.Mutex  // protects what follows
	cause error       // why we ended the session, if we did
	cut   func()      // closes the connection
	timer *time.Timer // calls watch; nil when closed

	linkMu sync.Mutex // protects link, and is held while it is called
	link   func() Link

	healthMu sync.Mutex // protects what follows; never held with another lock
	rate     rate
	health   health
}

func newSession(r *Registry, e *entry, req Request, returned bool) *Session {
	now := time.Now()
	s := &Session{
		registry: r,
		channel:  e,
		turn:     make(chan struct{}, 1),
		gone:     make(chan struct{}),
		rate:     newRate(r.cfg.MaxBitrate, now),
	}
	s.info = Info{
		Session: newID(), Channel: e.Name, Protocol: req.Protocol, Remote: req.Remote, Started: now,
		Returned: returned, Stats: s.Stats,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(r.cfg.Handshake, s.watch)
	return s
}

// Info describes the session.
func (s *Session) Info() Info { return s.info }

func (s *Session) isBegun() bool { return s.begun.Load() }

// age is the time since the session was admitted.
func (s *Session) age() time.Duration { return time.Since(s.info.Started) }

// Guard arranges for cut to be called when the session must end because ctx
// ended, a limit was passed or another publisher took its place; it must make
// the protocol's reads return. Cut may be called more than once and from any
// goroutine. Stop ends the arrangement.
func (s *Session) Guard(ctx context.Context, cut func()) (stop func()) {
	s.mu.Lock()
	s.cut = cut
	late := s.cause != nil
	s.mu.Unlock()
	if late {
		cut()
	}
	unhook := context.AfterFunc(ctx, cut)
	return func() {
		unhook()
		s.mu.Lock()
		s.cut = nil
		s.mu.Unlock()
	}
}

// fail ends the session for a reason of ours; the first one stays.
func (s *Session) fail(cause *Error) {
	if cut := s.blame(cause); cut != nil {
		cut()
	}
}

// blame notes the cause and returns what cuts the connection.
func (s *Session) blame(cause *Error) (cut func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = cause
	}
	return s.cut
}

func (s *Session) cutCause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Received counts n bytes read from the publisher and ends the session when
// they come faster than allowed. It is safe for concurrent use.
func (s *Session) Received(n int) {
	now := time.Now()
	age := now.Sub(s.info.Started)
	s.heard.Store(int64(age))
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Bytes += uint64(n) })
	s.healthMu.Lock()
	s.health.bytes.add(n, age)
	ok := s.rate.take(n, now)
	s.healthMu.Unlock()
	if !ok {
		s.fail(Errorf(CodeBitrate, "more than %d kbit/s: lower the encoder's bitrate", s.registry.cfg.MaxBitrate/1000))
	}
}

// enter takes the turn to call the Output; leave gives it back. Errors: the
// reason why the session has ended.
func (s *Session) enter() error {
	s.turn <- struct{}{}
	err := s.cutCause()
	if err == nil && s.closed {
		err = net.ErrClosed
	}
	if err != nil {
		s.leave()
	}
	return err
}

func (s *Session) leave() { <-s.turn }

// giveWay ends the session in favour of a newcomer. Free says that the Output
// has let go of it, which one that is stuck does not; ousted that it would not
// have ended by itself.
func (s *Session) giveWay(cause *Error) (free, ousted bool) {
	s.oust.Do(func() {
		s.blame(cause)
		time.AfterFunc(0, func() { s.fail(cause) }) // closing a connection may take long
		time.AfterFunc(0, s.end)
	})
	late := time.NewTimer(handover)
	defer late.Stop()
	select {
	case <-s.gone:
		return true, CodeOf(s.ended) == CodeReplaced
	case <-late.C:
		return false, false
	}
}

// end closes the session from elsewhere, as soon as nobody calls the Output.
func (s *Session) end() {
	s.turn <- struct{}{}
	defer s.leave()
	if !s.closed {
		s.parting = s.finish(nil)
	}
}

// Close ends the session for the given reason, nil for a publisher that left,
// and frees its channel; the Output's End has returned by then. If the session
// had been cut, that is the reason. It returns the reason as the publisher may
// read it, nil when it simply left. Only the first call does anything.
func (s *Session) Close(reason error) *Error {
	s.turn <- struct{}{}
	defer s.leave()
	if s.closed {
		told := s.parting
		s.parting = nil
		return told
	}
	return s.finish(reason)
}

// finish is called once, in turn.
func (s *Session) finish(reason error) *Error {
	s.closed = true
	s.unwatch()
	s.waiting = backlog{}
	if cause := s.cutCause(); cause != nil {
		reason = cause
	}
	if left(reason) {
		reason = nil
	}
	if s.begun.Load() {
		s.channel.Output.End(reason)
	}
	s.registry.free(s)
	s.ended = reason
	close(s.gone)
	s.unlink()
	return s.farewell(reason)
}

// Protect runs f and turns a panic into an error: what a publisher sent must
// not end the process.
func (s *Session) Protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.Panicked(p)
		}
	}()
	return f()
}

// Panicked logs a recovered panic with its stack and returns the error to close
// the session with. It is called where recover was.
func (s *Session) Panicked(p any) error {
	s.logger().Error("session panicked", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	return Errorf(CodeMalformed, "the server could not read this stream: report it with its log")
}

// farewell counts and logs the end.
func (s *Session) farewell(reason error) *Error {
	code := CodeOf(reason)
	public, ok := errors.AsType[*Error](reason)
	if !ok && reason != nil {
		public = Errorf(CodeInternal, "the server could not go on: its log says why")
	}
	if !s.begun.Load() && reason != nil {
		s.registry.cfg.Counters.change(func(c *Snapshot) { count(&c.Refused, code) })
		s.logger().Warn("publisher refused", "err", reason)
		return public
	}
	s.registry.cfg.Counters.change(func(c *Snapshot) {
		if s.begun.Load() {
			c.Left++
		}
		if reason != nil {
			count(&c.Cut, code)
		}
	})
	log := s.logger()
	if reason != nil {
		log = log.With("err", reason)
	}
	log.Info("publisher left", "dur", time.Since(s.info.Started).Round(time.Millisecond))
	return public
}
