package ingest

import (
	"log/slog"
	"time"
)

const (
	// refusedLines may be logged in each refusedWindow: an encoder that is set
	// wrong tries again every few seconds, a scanner much faster.
	refusedLines  = 20
	refusedWindow = 10 * time.Second
)

// logLimit holds back log lines. It is protected by its owner's lock.
type logLimit struct {
	since   time.Time
	lines   int
	skipped int
}

// allow reports whether to log now, and how many lines were held back before.
func (l *logLimit) allow(now time.Time) (ok bool, skipped int) {
	if now.Sub(l.since) >= refusedWindow {
		l.since, l.lines = now, 0
	}
	if l.lines >= refusedLines {
		l.skipped++
		return false, 0
	}
	l.lines++
	skipped, l.skipped = l.skipped, 0
	return true, skipped
}

func (r *Registry) logRefused(req Request, e *Error) {
	r.mu.Lock()
	ok, skipped := r.quiet.allow(time.Now())
	r.mu.Unlock()
	if !ok {
		return
	}
	log := r.cfg.Log.With("proto", req.Protocol, "remote", req.Remote)
	if channelName.MatchString(req.Channel) { // else it may be a mistyped key
		log = log.With("channel", req.Channel)
	}
	if skipped > 0 {
		log = log.With("skipped", skipped)
	}
	log.Warn("publisher refused", "err", e)
}

func (s *Session) logger() *slog.Logger {
	return s.registry.cfg.Log.With("channel", s.info.Channel, "proto", s.info.Protocol,
		"remote", s.info.Remote, "conn", s.info.Session)
}
