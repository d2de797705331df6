package packager

import (
	"errors"

	"github.com/cuelight/cuelight/sync/clock"
)

// apart is how many sequence numbers lie between two events of a channel: more
// than a playlist hints at and a request may be ahead (B6). So nothing that a
// cache keeps of the end of one event, refusals included, is an answer in the
// next (EV3).
const apart = 16

// errNotFinished is what New says of an event before that goes on.
var errNotFinished = errors.New("before: the event before has to be finished first")

// succeed returns where the event that follows begins to count, and lets go of
// the event before this one.
//
// Errors: errNotFinished.
func (c *Channel) succeed(s Start) (Start, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		return s, errNotFinished
	}
	c.release()
	s.MSN = max(s.MSN, c.msn+apart)
	s.Discontinuity, s.Resumed, s.Since = c.domain+1, false, 0
	return s, nil
}

// Holder returns the channel that has the file: c, or the event before it for
// media that only that one knows. Any goroutine may call it; it allocates
// nothing.
func (c *Channel) Holder(n Name) *Channel {
	before := c.before.Load()
	if before == nil {
		return c
	}
	switch n.Kind {
	case NameSegment, NamePart:
		if n.MSN < c.first {
			return before
		}
	case NameInit:
		if w := c.View().Window(n.Rendition); w == nil || w.Load().Init(n.Hash) == nil {
			return before
		}
	}
	return c
}

// expire lets go of the event before, once its last segment need not be loaded
// any more (C13).
func (c *Channel) expire(now clock.Instant) {
	b := c.cfg.Before
	if b == nil || now.Sub(b.finished) < c.cfg.Window+afterTargets*c.cfg.SegmentTarget {
		return
	}
	if c.cfg.Archive != nil {
		for _, r := range b.renditions() { // nobody writes it any more
			c.cfg.Archive.Forget(r.name, b.msn)
		}
	}
	c.release()
}

func (c *Channel) release() {
	c.cfg.Before = nil
	c.before.Store(nil)
}
