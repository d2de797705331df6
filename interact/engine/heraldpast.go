package engine

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

const (
	// pastPosts are read by a herald that begins, for pastFor at most, and known
	// for pastHolds: so long does who begins to lead tell what is true already.
	pastPosts = 2048
	pastFor   = 500 * time.Millisecond
	pastHolds = 5 * time.Second
)

// past is what was posted last about each subject before a herald began. Who
// begins to lead tells everything again, and everybody who follows has most of it:
// with a hundred thousand viewers that would be a burst of its own.
type past struct {
	last  map[topic]string
	until time.Time
}

// recall reads it. Without, everything is posted.
func (p *poster) recall(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pastFor)
	defer cancel()
	bus, channel := p.h.cfg.Bus, p.h.cfg.Channel
	shot, err := bus.Snapshot(ctx, channel)
	if err != nil {
		return
	}
	posts, err := bus.Recent(ctx, channel, shot.N-min(shot.N, pastPosts))
	if err != nil {
		return
	}
	p.past = past{last: make(map[topic]string), until: time.Now().Add(pastHolds)}
	for _, post := range posts {
		if m, err := wire.DecodeServer(post.Data); err == nil && post.Reach != interact.ReachNodes {
			kind, cue := subjectOf(m)
			p.past.last[topic{post.Reach, kind, cue}] = string(post.Data)
		}
	}
}

// says reports whether a message is what was posted last about its subject, and
// takes note that another one is.
func (p *past) says(n *notice, data []byte) bool {
	if p.last == nil || n.rec != nil {
		return false
	}
	if time.Now().After(p.until) {
		p.last = nil
		return false
	}
	if p.last[n.topic] == string(data) {
		return true
	}
	delete(p.last, n.topic)
	return false
}
