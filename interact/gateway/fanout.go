package gateway

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// maxPosts is how many broadcasts of a tenant about different subjects wait to
// be spread.
const maxPosts = 1024

// fanoutTurn is how many readers of one tenant are given a broadcast before
// those of another tenant that waits, and before writers may run.
const fanoutTurn = 256

// post is a broadcast that was asked for and not yet spread.
type post struct {
	key postKey
	m   wire.Message
	b   *broadcast // what is in a shared log already, instead of m
}

type postKey struct {
	channel string
	to      wire.Audience
	about   subject
}

// fanout takes broadcasts from rooms without keeping them waiting. A newer
// message about the same subject takes the place of one that still waits, but
// for those of a shared log.
type fanout struct {
	wake chan struct{} // holds one

	mu    sync.Mutex // protects lines
	lines []lineup   // one for each tenant
}

// lineup is what of one tenant waits to be spread.
type lineup struct {
	queue []*post
	index map[postKey]*post
}

func newFanout(tenants int) *fanout {
	f := &fanout{wake: make(chan struct{}, 1), lines: make([]lineup, tenants)}
	for i := range f.lines {
		f.lines[i].index = make(map[postKey]*post)
	}
	return f
}

// add reports false if too many wait.
func (f *fanout) add(lane int, key postKey, m wire.Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.lines[lane].index[key]; p != nil {
		p.m = m
		return true
	}
	return f.appendLocked(lane, key, m)
}

// addUnless adds m if nothing about the same subject waits: that is newer.
func (f *fanout) addUnless(lane int, key postKey, m wire.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines[lane].index[key] == nil {
		f.appendLocked(lane, key, m)
	}
}

func (f *fanout) appendLocked(lane int, key postKey, m wire.Message) bool {
	l := &f.lines[lane]
	if len(l.queue) >= maxPosts {
		return false
	}
	p := &post{key: key, m: m}
	l.index[key] = p
	f.pushLocked(l, p)
	return true
}

// relay adds what is in the log of h already. The hall bounds how much of it
// waits.
func (f *fanout) relay(h *hall, b *broadcast) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pushLocked(&f.lines[h.tenant.lane], &post{key: postKey{channel: h.name}, b: b})
}

func (f *fanout) pushLocked(l *lineup, p *post) {
	l.queue = append(l.queue, p)
	select {
	case f.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (f *fanout) next(lane int) (*post, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.lines[lane]
	if len(l.queue) == 0 {
		return nil, false
	}
	p := l.queue[0]
	l.queue = shift(l.queue)
	if p.b == nil {
		delete(l.index, p.key)
	}
	return p, true
}

// fanOut spreads what was added until ctx ends, a turn of each tenant after the
// other (GW44).
func (g *Gateway) fanOut(ctx context.Context) {
	rounds := make([]round, len(g.lanes))
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.posts.wake:
		}
		for busy := true; busy && ctx.Err() == nil; {
			busy = false
			for lane := range rounds {
				busy = g.turn(&rounds[lane], lane) || busy
			}
		}
	}
}

// round is the broadcast that is being spread for one tenant. It belongs to the
// fan-out's goroutine.
type round struct {
	b     *broadcast
	left  []*conn // who has not got it; a part of array
	array []*conn // used again
	then  *post   // whose producers come next, nil if none do
	hall  *hall
}

// turn does a little for one tenant. It reports false if nothing is to be done.
func (g *Gateway) turn(r *round, lane int) bool {
	if len(r.left) > 0 {
		r.deliver(g)
		return true
	}
	if p := r.then; p != nil {
		r.then = nil
		g.inform(r, p.m)
		r.deliver(g)
		return true
	}
	p, ok := g.posts.next(lane)
	if !ok {
		return false
	}
	g.spread(r, p)
	r.deliver(g)
	return true
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

// spread begins with p. It runs on the fan-out's goroutine, which alone gives
// offsets out, where the log is not shared.
func (g *Gateway) spread(r *round, p *post) {
	h := g.hallOf(p.key.channel)
	if h == nil {
		return // nobody was ever here: Welcome will tell
	}
	r.hall = h
	if p.b != nil {
		r.begin(g, p.b, h.awaiting(p.b, r.array[:0]))
		return
	}
	if g.putOff(h.tenant, p, time.Now()) {
		return
	}
	if p.key.to&wire.Producers != 0 {
		r.then = p
	}
	if p.key.to&wire.Viewers != 0 {
		g.publish(r, p.m)
	}
}

// publish sends m to the viewers and into the log, for those who are away.
func (g *Gateway) publish(r *round, m wire.Message) {
	b, err := newBroadcast(m, r.hall.next())
	if err != nil {
		g.cfg.Log.Error("broadcast not sent", "channel", r.hall.name, "err", err)
		return
	}
	r.begin(g, b, r.hall.publish(b, time.Now(), r.array[:0]))
}

// inform sends m to the producers.
func (g *Gateway) inform(r *round, m wire.Message) {
	all := r.hall.control(r.array[:0])
	if r.array = all; len(all) == 0 {
		return
	}
	b, err := newBroadcast(m, 0)
	if err != nil {
		g.cfg.Log.Error("broadcast not sent", "channel", r.hall.name, "err", err)
		return
	}
	r.begin(g, b, all)
}

func (r *round) begin(g *Gateway, b *broadcast, to []*conn) {
	g.counted.broadcasts.Add(1)
	r.b, r.left, r.array = b, to, to
}

// deliver gives the broadcast to a turn of those who have not got it.
func (r *round) deliver(g *Gateway) {
	n := min(len(r.left), fanoutTurn)
	for _, c := range r.left[:n] {
		c.deliver(r.b.to(c))
	}
	clear(r.left[:n]) // hold nobody who leaves
	if r.left = r.left[n:]; len(r.left) > 0 {
		runtime.Gosched() // let writers end before more are started: memory stays low
		return
	}
	r.b = nil
}
