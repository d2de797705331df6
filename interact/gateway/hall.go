package gateway

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// hall is who listens to one channel.
type hall struct {
	name string

	mu        sync.Mutex // protects everything below, and conn.seat and conn.shown
	viewers   []*conn
	producers []*conn
	sockets   map[string]int // of each viewing participant
	counts    wire.Presence
	told      wire.Presence // what producers know
	toldAt    time.Time
}

func newHall(name string) *hall {
	return &hall{name: name, sockets: make(map[string]int)}
}

// enter seats c. It reports false if its participant has too many sockets.
func (h *hall) enter(c *conn, perParticipant int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.producer {
		c.seat = len(h.producers)
		h.producers = append(h.producers, c)
		h.toldAt = time.Time{} // a new producer is told at the next beat
		return true
	}
	if h.sockets[c.participant] >= perParticipant {
		return false
	}
	h.sockets[c.participant]++
	c.seat = len(h.viewers)
	h.viewers = append(h.viewers, c)
	h.counts.Viewers++
	return true
}

// leave unseats c. gone is called if its participant has no other socket here,
// before it can come back.
func (h *hall) leave(c *conn, gone func(participant string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.producer {
		h.producers = unseat(h.producers, c)
		return
	}
	h.viewers = unseat(h.viewers, c)
	if h.sockets[c.participant]--; h.sockets[c.participant] == 0 {
		delete(h.sockets, c.participant)
		gone(c.participant)
	}
	h.counts.Viewers--
	h.count(c.shown, -1)
}

func unseat(row []*conn, c *conn) []*conn {
	last := len(row) - 1
	row[c.seat] = row[last]
	row[c.seat].seat = c.seat
	row[last] = nil
	return row[:last]
}

// shown is what a viewer's last status said of it.
type shown struct {
	synced bool
	class  string
	stuck  bool
}

// show replaces what c is counted as.
func (h *hall) show(c *conn, s shown) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count(c.shown, -1)
	h.count(s, +1)
	c.shown = s
}

func (h *hall) count(s shown, by int) {
	if s.synced {
		h.counts.Synced += by
	}
	if s.stuck {
		h.counts.Stuck += by
	}
	switch s.class {
	case wire.ClassIn:
		h.counts.In += by
	case wire.ClassNear:
		h.counts.Near += by
	case wire.ClassFar:
		h.counts.Far += by
	}
}

// presence returns what producers have to be told at now: nothing if there are
// none, or if they know and were told within 5 s.
func (h *hall) presence(now time.Time) (*wire.Presence, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.producers) == 0 || h.counts == h.told && now.Sub(h.toldAt) < presenceRepeat {
		return nil, false
	}
	h.told, h.toldAt = h.counts, now
	counts := h.counts
	return &counts, true
}

// listeners appends those whom a broadcast is for.
func (h *hall) listeners(to wire.Audience, all []*conn) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if to&wire.Viewers != 0 {
		all = append(all, h.viewers...)
	}
	if to&wire.Producers != 0 {
		all = append(all, h.producers...)
	}
	return all
}

func (h *hall) audience() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts.Viewers
}

func (h *hall) stuck() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts.Stuck
}
