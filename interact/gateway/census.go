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

// plus returns the sums of both, of rates too.
func plus(p, q wire.Presence) wire.Presence {
	return wire.Presence{
		Viewers: p.Viewers + q.Viewers, Synced: p.Synced + q.Synced,
		In: p.In + q.In, Near: p.Near + q.Near, Far: p.Far + q.Far, Stuck: p.Stuck + q.Stuck,
		Joins: p.Joins + q.Joins, Leaves: p.Leaves + q.Leaves,
		Grades: wire.Grades{
			Device: p.Grades.Device + q.Grades.Device, PIN: p.Grades.PIN + q.Grades.PIN,
			Link: p.Grades.Link + q.Grades.Link, Account: p.Grades.Account + q.Grades.Account,
		},
	}
}

// presence returns what producers have to be told at now, over all nodes:
// nothing if there are none, or if they know and were told within 5 s.
func (h *hall) presence(now time.Time, elsewhere func(string) wire.Presence) (*wire.Presence, bool) {
	if !h.watched() {
		return nil, false
	}
	var others wire.Presence
	if elsewhere != nil {
		others = elsewhere(h.name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := plus(h.census.presence(now), others)
	if p == h.told && now.Sub(h.toldAt) < presenceRepeat {
		return nil, false
	}
	h.told, h.toldAt = p, now
	return &p, true
}

// watched says that a producer is here.
func (h *hall) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.producers) > 0
}

// Presence returns who watches a channel on this node, for others to add to
// theirs. Safe for concurrent use.
func (g *Gateway) Presence(channel string) wire.Presence {
	h := g.hallOf(channel)
	if h == nil {
		return wire.Presence{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.census.presence(time.Now())
}
