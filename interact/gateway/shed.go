package gateway

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// worth is how little a message may be done without while writing is behind:
// the lowest goes first (GW19). Answers and receipts are not broadcast, and
// never shed.
type worth uint8

const (
	worthPresence worth = iota // presence, roster, health, openings
	worthTally                 // counts that are not final
	worthCue                   // everything that moves a cue
)

func worthOf(m wire.Message) worth {
	switch m := m.(type) {
	case *wire.Presence, *wire.Roster, *wire.Health, *wire.Openings:
		return worthPresence
	case *wire.Tally:
		if !m.Final {
			return worthTally
		}
	}
	return worthCue
}

// patience is how far the writing may be behind until messages of a worth are
// put off. It is time, not a number of sockets, because the same queue is
// nothing to one machine and too much for another.
var patience = [worthCue]time.Duration{
	worthPresence: 250 * time.Millisecond,
	worthTally:    500 * time.Millisecond,
}

// manyUnsettled answers without a receipt are more than a node has that keeps up:
// at a hundred thousand a second some hundreds are under way.
const manyUnsettled = 4096

// affords says whether messages of worth w may be sent to a tenant now. What
// others have waiting does not count (GW44).
func (g *Gateway) affords(t *tenant, w worth, now time.Time) bool {
	return w >= worthCue || t.unsettled.Load() < manyUnsettled && g.lagOf(t, now) < patience[w]
}

func (l *load) shed(w worth) { l.sheds[w].Add(1) }

// shelf holds what was put off: of every subject the newest, so that whoever
// was spared the counts in between has the last one soon after the peak.
type shelf struct {
	mu    sync.Mutex // protects posts
	posts map[postKey]wire.Message
}

// putOff reports whether p has to wait until the writing has caught up.
func (g *Gateway) putOff(t *tenant, p *post, now time.Time) bool {
	w := worthOf(p.m)
	if w == worthCue || g.affords(t, w, now) {
		t.shelf.forget(p.key)
		return false
	}
	g.load.shed(w)
	g.counted.shed.Add(1)
	t.shelf.put(p)
	return true
}

func (s *shelf) put(p *post) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.posts == nil {
		s.posts = make(map[postKey]wire.Message)
	}
	if len(s.posts) < maxPosts {
		s.posts[p.key] = p.m
	}
}

func (s *shelf) forget(key postKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.posts, key)
}

// take returns everything put off that is worth sending now.
func (s *shelf) take(affords func(worth) bool) map[postKey]wire.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken map[postKey]wire.Message
	for key, m := range s.posts {
		if !affords(worthOf(m)) {
			continue
		}
		if taken == nil {
			taken = make(map[postKey]wire.Message)
		}
		taken[key] = m
		delete(s.posts, key)
	}
	return taken
}

// catchUp sends what was put off, unless something newer waits already.
func (g *Gateway) catchUp(now time.Time) {
	for _, t := range g.lanes {
		for key, m := range t.shelf.take(func(w worth) bool { return g.affords(t, w, now) }) {
			g.posts.addUnless(t.lane, key, m)
		}
	}
}
