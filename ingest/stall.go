package ingest

import "time"

const (
	// quiet is after how long without a frame a publisher counts as stalled
	// (IG43), and gives way to any other one (IG41).
	quiet = 3 * time.Second
	// hesitant is after how long without anything a publisher gives way to its
	// own encoder that comes back (IG41).
	hesitant = time.Second
	// handover is how long a newcomer waits until the Output has let go of the
	// publisher before it. SRT callers give up after 3 s.
	handover = 2500 * time.Millisecond
	// comeback is how long after its end a session can be continued (IG42).
	comeback = 10 * time.Second
)

// watch is called by the timer: media fail to come, or it is time to look when
// the last ones came. Looking now and then costs less than moving the timer
// with each frame.
func (s *Session) watch() {
	if !s.begun.Load() {
		s.fail(Errorf(CodeTimeout, "no key frame or sound within %v: check the encoder's output", s.registry.cfg.Handshake))
		return
	}
	idle := s.idle()
	switch limit := s.registry.cfg.Stall; {
	case idle >= limit:
		s.fail(Errorf(CodeStalled, "no media for %v: start the encoder again", limit))
	case idle >= quiet:
		if s.stalled.CompareAndSwap(false, true) {
			s.registry.cfg.Counters.change(func(c *Snapshot) { c.Stalled++ })
			s.logger().Warn("publisher stalled", "dur", idle.Round(time.Millisecond))
		}
		s.rewatch(limit - idle)
	default:
		s.rewatch(min(quiet, limit) - idle)
	}
}

// watchMedia starts to watch for frames instead of Begin.
func (s *Session) watchMedia() { s.rewatch(min(quiet, s.registry.cfg.Stall)) }

func (s *Session) rewatch(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Reset(after)
	}
}

func (s *Session) unwatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// flows notes that a frame is written.
func (s *Session) flows() {
	if s.stalled.Load() && s.stalled.CompareAndSwap(true, false) {
		s.logger().Info("publisher flows again")
		s.rewatch(min(quiet, s.registry.cfg.Stall))
	}
}

// idle is how long nothing has been written.
func (s *Session) idle() time.Duration { return s.age() - time.Duration(s.wrote.Load()) }

// silent is how long nothing at all has come.
func (s *Session) silent() time.Duration { return s.age() - time.Duration(s.heard.Load()) }
