package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// MaxTracks is how many tracks one session may have.
const MaxTracks = 8

// Session is one admitted publisher. It belongs to the goroutine that reads the
// connection; only Guard's close may be called from elsewhere.
type Session struct {
	registry *Registry
	channel  *entry
	info     Info

	begun   atomic.Bool
	waiting backlog
	tracks  map[int]*track
	rate    rate
	timer   *time.Timer // ends the session when media fail to come
	closed  bool

	mu    sync.Mutex // protects what follows
	cause error      // why we ended the session, if we did
	cut   func()     // closes the connection
	link  func() Link
}

// track is what a session knows about one track.
type track struct {
	order
	video bool
	keyed bool // has had a key frame
}

func newSession(r *Registry, e *entry, req Request) *Session {
	now := time.Now()
	s := &Session{
		registry: r,
		channel:  e,
		rate:     newRate(r.cfg.MaxBitrate, now),
	}
	s.info = Info{
		Session: newID(), Channel: e.Name, Protocol: req.Protocol, Remote: req.Remote, Started: now,
		Stats: s.Stats,
	}
	s.timer = time.AfterFunc(r.cfg.Handshake, s.expire)
	return s
}

// Info describes the session.
func (s *Session) Info() Info { return s.info }

func (s *Session) isBegun() bool { return s.begun.Load() }

// Guard arranges for cut to be called when the session must end because ctx
// ended or a limit was passed; it must make the protocol's reads return. Cut
// may be called more than once and from any goroutine. Stop ends the
// arrangement.
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
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	cut := s.cut
	s.mu.Unlock()
	if cut != nil {
		cut()
	}
}

func (s *Session) expire() {
	if s.begun.Load() {
		s.fail(Errorf(CodeStalled, "no media for %v: start the encoder again", s.registry.cfg.Stall))
		return
	}
	s.fail(Errorf(CodeTimeout, "no H.264 key frame or AAC within %v: check the encoder's output", s.registry.cfg.Handshake))
}

// Received counts n bytes read from the publisher and ends the session when
// they come faster than allowed.
func (s *Session) Received(n int) {
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Bytes += uint64(n) })
	if !s.rate.take(n, time.Now()) {
		s.fail(Errorf(CodeBitrate, "more than %d kbit/s: lower the encoder's bitrate", s.registry.cfg.MaxBitrate/1000))
	}
}

// Observe says when media had arrived. Before Begin observations are kept, at
// most 4096, at least the newest 2048.
func (s *Session) Observe(o Observation) {
	if s.begun.Load() {
		s.channel.Output.Observe(o)
		return
	}
	s.waiting.observe(o)
}

// Begin says that the session has these tracks. Observations and frames that
// came before are handed on at once.
//
// Errors: *Error for tracks that cannot be, or the Output's error. The session
// must then be closed.
func (s *Session) Begin(tracks []media.Track) error {
	if err := s.setTracks(tracks); err != nil {
		return err
	}
	if err := s.channel.Output.Begin(s.info, tracks); err != nil {
		return fmt.Errorf("begin channel %s: %w", s.info.Channel, err)
	}
	s.begun.Store(true)
	s.timer.Reset(s.registry.cfg.Stall)
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Admitted++ })
	s.logger().Info("publisher admitted")
	return s.flush()
}

func (s *Session) flush() error {
	waiting := s.waiting
	s.waiting = backlog{}
	for _, o := range waiting.observed {
		s.channel.Output.Observe(o)
	}
	for _, f := range waiting.frames {
		if err := s.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// Change says that the frames after it belong to these tracks: the encoder
// changed a codec or its format in the middle of the stream. Video waits for a
// key frame again. Before Begin it must not be called.
//
// Errors: as Begin's.
func (s *Session) Change(tracks []media.Track) error {
	if err := s.setTracks(tracks); err != nil {
		return err
	}
	if err := s.channel.Output.Change(tracks); err != nil {
		return fmt.Errorf("change tracks of channel %s: %w", s.info.Channel, err)
	}
	return nil
}

func (s *Session) setTracks(tracks []media.Track) error {
	if len(tracks) == 0 || len(tracks) > MaxTracks {
		return Errorf(CodeUnsupportedCodec, "%d tracks: send at least one and at most %d", len(tracks), MaxTracks)
	}
	s.tracks = make(map[int]*track, len(tracks))
	for _, t := range tracks {
		if err := checkCodec(t.Codec); err != nil {
			return err
		}
		s.tracks[t.ID] = &track{video: t.Codec.Kind() == media.Video}
	}
	return nil
}

func checkCodec(codec media.Codec) error {
	switch c := codec.(type) {
	case *media.H264:
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil || len(c.PPS) == 0 {
			return Errorf(CodeMalformed, "the H.264 parameter sets make no sense: restart the encoder")
		}
	case *media.HEVC:
		var sps h265.SPS
		if err := sps.Unmarshal(c.SPS); err != nil || len(c.VPS) == 0 || len(c.PPS) == 0 {
			return Errorf(CodeMalformed, "the HEVC parameter sets make no sense: restart the encoder")
		}
	case *media.AV1:
		var header av1.SequenceHeader
		if err := header.Unmarshal(c.SequenceHeader); err != nil {
			return Errorf(CodeMalformed, "the AV1 sequence header makes no sense: restart the encoder")
		}
	case *media.Opus:
		if c.Channels < 1 || c.Channels > 8 {
			return Errorf(CodeMalformed, "Opus with %d channels: send 1 to 8", c.Channels)
		}
	case *media.AAC:
		if c.Config.SampleRate <= 0 || c.Config.Type == 0 {
			return Errorf(CodeMalformed, "the AAC configuration makes no sense: restart the encoder")
		}
	default:
		return Unsupported(codec.Name())
	}
	return nil
}

// Write takes a frame, before Begin too: frames then wait, at most 2048 of them
// and 32 MiB. A frame whose timestamps go back, and video before the first key
// frame, is dropped and counted.
//
// Errors: *Error when a track's timestamps stay wrong, when too much is
// waiting, or the cause when the session has been cut; the Output's error.
func (s *Session) Write(f media.Frame) error {
	if !s.begun.Load() {
		held, err := s.waiting.hold(f)
		if !held && err == nil {
			s.drop()
		}
		return err
	}
	if err := s.cutCause(); err != nil {
		return err
	}
	t := s.tracks[f.Track]
	if t == nil || t.video && !t.keyed && !f.Key {
		s.drop()
		return nil
	}
	ok, lost := t.accept(f.PTS, f.DTS)
	if lost {
		return Errorf(CodeTimestamps, "timestamps went back and stayed there: restart the encoder")
	}
	if !ok {
		s.drop()
		return nil
	}
	t.keyed = true
	s.timer.Reset(s.registry.cfg.Stall)
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Frames++ })
	if err := s.channel.Output.Write(f); err != nil {
		return fmt.Errorf("write to channel %s: %w", s.info.Channel, err)
	}
	return nil
}

func (s *Session) drop() {
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Dropped++ })
}

func (s *Session) cutCause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
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

// Close ends the session for the given reason, nil for a publisher that left,
// and frees its channel; the Output's End has returned by then. If the session
// had been cut, that is the reason. It returns the reason as the publisher may
// read it, nil when it simply left. Only the first call does anything.
func (s *Session) Close(reason error) *Error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.timer.Stop()
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
	return s.farewell(reason)
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
