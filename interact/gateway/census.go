package gateway

import (
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// presenceEvery is how often producers may be told who is there, presenceRepeat
// how often they are if nothing changes.
const (
	presenceEvery  = time.Second
	presenceRepeat = 5 * time.Second
)

// census counts a channel's viewers. Its owner locks.
type census struct {
	counts        wire.Presence // without the rates
	joins, leaves rate
}

// shown is what a viewer's last status said of it.
type shown struct {
	synced bool
	class  string
	stuck  bool
}

func (n *census) enter(grade string, now time.Time) {
	n.counts.Viewers++
	n.grade(grade, +1)
	n.joins.add(now)
}

func (n *census) leave(grade string, s shown, now time.Time) {
	n.counts.Viewers--
	n.grade(grade, -1)
	n.show(s, -1)
	n.leaves.add(now)
}

func (n *census) grade(grade string, by int) {
	switch g := &n.counts.Grades; grade {
	case wire.GradePIN:
		g.PIN += by
	case wire.GradeLink:
		g.Link += by
	case wire.GradeAccount:
		g.Account += by
	default:
		g.Device += by
	}
}

func (n *census) show(s shown, by int) {
	if s.synced {
		n.counts.Synced += by
	}
	if s.stuck {
		n.counts.Stuck += by
	}
	switch s.class {
	case wire.ClassIn:
		n.counts.In += by
	case wire.ClassNear:
		n.counts.Near += by
	case wire.ClassFar:
		n.counts.Far += by
	}
}

// presence returns the counts with the rates of the last ten seconds.
func (n *census) presence(now time.Time) wire.Presence {
	p := n.counts
	p.Joins, p.Leaves = n.joins.perSecond(now), n.leaves.perSecond(now)
	return p
}

// presence returns what producers have to be told at now: nothing if there are
// none, or if they know and were told within 5 s.
func (h *hall) presence(now time.Time) (*wire.Presence, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.producers) == 0 {
		return nil, false
	}
	p := h.census.presence(now)
	if p == h.told && now.Sub(h.toldAt) < presenceRepeat {
		return nil, false
	}
	h.told, h.toldAt = p, now
	return &p, true
}

// Presence returns who watches a channel. Safe for concurrent use.
func (g *Gateway) Presence(channel string) wire.Presence {
	h := g.hallOf(channel)
	if h == nil {
		return wire.Presence{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.census.presence(time.Now())
}
