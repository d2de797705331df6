package gateway

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// maxPosts is how many broadcasts about different subjects wait to be spread.
const maxPosts = 1024

// post is a broadcast that was asked for and not yet spread.
type post struct {
	key postKey
	m   wire.Message
}

type postKey struct {
	channel string
	to      wire.Audience
	about   subject
}

// fanout takes broadcasts from rooms without keeping them waiting. A newer
// message about the same subject takes the place of one that still waits.
type fanout struct {
	wake chan struct{} // holds one

	mu    sync.Mutex // protects everything below
	queue []*post
	index map[postKey]*post
}

func newFanout() *fanout {
	return &fanout{wake: make(chan struct{}, 1), index: make(map[postKey]*post)}
}

// add reports false if too many wait.
func (f *fanout) add(key postKey, m wire.Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.index[key]; p != nil {
		p.m = m
		return true
	}
	return f.appendLocked(key, m)
}

func (f *fanout) appendLocked(key postKey, m wire.Message) bool {
	if len(f.queue) >= maxPosts {
		return false
	}
	p := &post{key: key, m: m}
	f.queue = append(f.queue, p)
	f.index[key] = p
	select {
	case f.wake <- struct{}{}:
	default: // it will look anyway
	}
	return true
}

func (f *fanout) next() (*post, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		return nil, false
	}
	p := f.queue[0]
	f.queue = shift(f.queue)
	delete(f.index, p.key)
	return p, true
}

// run spreads what was added until ctx ends.
func (f *fanout) run(ctx context.Context, spread func(*post)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		for p, ok := f.next(); ok && ctx.Err() == nil; p, ok = f.next() {
			spread(p)
		}
	}
}

// subjectOf says what a broadcast is about and how urgent it is.
func subjectOf(m wire.Message) (subject, lane) {
	switch m := m.(type) {
	case *wire.CueChanged:
		return subject{"cue", m.Cue.ID}, laneCue
	case *wire.Key:
		return subject{"key", m.Cue}, laneCue
	case *wire.Removed:
		return subject{"cue", m.Cue}, laneCue
	case *wire.Tally:
		return subject{"tally", m.Cue}, laneView
	case *wire.Openings:
		return subject{"openings", m.Cue}, laneView
	case *wire.Presence, *wire.Roster, *wire.Health:
		return subject{m.Type(), ""}, laneView
	default:
		return subject{m.Type(), ""}, laneCue
	}
}

// spread runs on the fan-out's goroutine, which alone gives offsets out.
func (g *Gateway) spread(p *post) {
	h := g.hallOf(p.key.channel)
	if h == nil {
		return // nobody was ever here: Welcome will tell
	}
	if g.putOff(p, time.Now()) {
		return
	}
	if p.key.to&wire.Viewers != 0 {
		g.publish(h, p.m)
	}
	if p.key.to&wire.Producers != 0 {
		g.inform(h, p.m)
	}
}

// publish sends m to the viewers and into the log, for those who are away.
func (g *Gateway) publish(h *hall, m wire.Message) {
	b, err := newBroadcast(m, h.next())
	if err != nil {
		g.cfg.Log.Error("broadcast not sent", "channel", h.name, "err", err)
		return
	}
	g.scratch = h.publish(b, time.Now(), g.scratch[:0])
	g.deliver(b)
}

// inform sends m to the producers.
func (g *Gateway) inform(h *hall, m wire.Message) {
	if g.scratch = h.control(g.scratch[:0]); len(g.scratch) == 0 {
		return
	}
	b, err := newBroadcast(m, 0)
	if err != nil {
		g.cfg.Log.Error("broadcast not sent", "channel", h.name, "err", err)
		return
	}
	g.deliver(b)
}

// deliver gives b to all in scratch.
func (g *Gateway) deliver(b *broadcast) {
	g.counted.broadcasts.Add(1)
	for i, c := range g.scratch {
		if i%256 == 255 {
			runtime.Gosched() // let writers end before more are started: memory stays low
		}
		c.deliver(b)
	}
	clear(g.scratch) // hold nobody who leaves
}
