package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/cuelight/cuelight/internal/media"
)

// errNotBegun is a protocol's mistake.
var errNotBegun = errors.New("tracks change before they are known")

// Observe says when media had arrived. Before Begin observations are kept, at
// most 4096, at least the newest 2048. A session that has been cut drops them.
func (s *Session) Observe(o Observation) {
	if s.enter() != nil {
		return
	}
	defer s.leave()
	s.heard.Store(int64(s.age()))
	s.healthMu.Lock()
	s.health.observe(o)
	s.healthMu.Unlock()
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
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.setTracks(tracks); err != nil {
		return err
	}
	if err := s.channel.Output.Begin(s.info, tracks); err != nil {
		return fmt.Errorf("begin channel %s: %w", s.info.Channel, err)
	}
	s.wrote.Store(int64(s.age()))
	s.begun.Store(true)
	s.watchMedia()
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Admitted++ })
	s.logger().Info("publisher admitted")
	return s.flush()
}

// flush hands on what waited for Begin.
func (s *Session) flush() error {
	waiting := s.waiting
	s.waiting = backlog{}
	for _, o := range waiting.observed {
		s.channel.Output.Observe(o)
	}
	for _, f := range waiting.frames {
		if err := s.pass(f); err != nil {
			return err
		}
	}
	return nil
}

// Change says that the frames after it belong to these tracks: the encoder
// changed a codec or its format in the middle of the stream. Video waits for a
// key frame again; timestamps of a track that stays must not go back. At most
// 30 changes a minute are taken.
//
// Errors: as Begin's, and one when the session has not begun. The session must
// then be closed.
func (s *Session) Change(tracks []media.Track) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if !s.begun.Load() {
		return errNotBegun
	}
	if !s.changes.allow(s.age()) {
		return Errorf(CodeMalformed, "the format changed more than %d times a minute: restart the encoder", maxChanges)
	}
	if err := s.setTracks(tracks); err != nil {
		return err
	}
	if err := s.channel.Output.Change(tracks); err != nil {
		return fmt.Errorf("change tracks of channel %s: %w", s.info.Channel, err)
	}
	s.logger().Info("publisher changed its tracks")
	return nil
}

// Write takes a frame, before Begin too: frames then wait, at most 2048 of them
// and 32 MiB. A frame whose timestamps go back, and video before the first key
// frame, is dropped and counted.
//
// Errors: *Error when a track's timestamps stay wrong, when its pictures became
// too large, when too much is waiting, or the cause when the session has been
// cut; the Output's error.
func (s *Session) Write(f media.Frame) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if s.begun.Load() {
		return s.pass(f)
	}
	held, err := s.waiting.hold(f)
	if !held && err == nil {
		s.drop()
	}
	return err
}

// pass hands a frame on if it is fit.
func (s *Session) pass(f media.Frame) error {
	if err := s.cutCause(); err != nil {
		return err
	}
	t := s.tracks[f.Track]
	fit, err := s.fit(t, f)
	if err != nil {
		return err
	}
	if !fit {
		s.drop()
		return nil
	}
	now := s.age()
	s.heard.Store(int64(now))
	s.wrote.Store(int64(now))
	s.flows()
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Frames++ })
	s.healthMu.Lock()
	s.health.frame(t, f, now)
	s.healthMu.Unlock()
	if err := s.channel.Output.Write(f); err != nil {
		return fmt.Errorf("write to channel %s: %w", s.info.Channel, err)
	}
	return nil
}

// fit reports whether a frame may be handed on.
func (s *Session) fit(t *track, f media.Frame) (bool, error) {
	if t == nil || t.video && !t.keyed && !f.Key {
		return false, nil
	}
	if t.video {
		readable, err := s.registry.cfg.inBand(t, f.Units)
		if !readable || err != nil {
			t.keyed = false // what follows would be shown with the wrong parameters
			return false, err
		}
	}
	ok, lost := t.accept(f.PTS, f.DTS)
	if lost {
		return false, Errorf(CodeTimestamps, "timestamps went back and stayed there: restart the encoder")
	}
	t.keyed = t.keyed || ok
	return ok, nil
}

func (s *Session) drop() {
	s.registry.cfg.Counters.change(func(c *Snapshot) { c.Dropped++ })
}

// maxChanges is how often a session may change its tracks within a minute.
const maxChanges = 30

// changeLimit holds back an encoder that never settles.
type changeLimit struct {
	since time.Duration
	n     int
}

func (l *changeLimit) allow(now time.Duration) bool {
	if now-l.since >= time.Minute {
		l.since, l.n = now, 0
	}
	l.n++
	return l.n <= maxChanges
}
