package gateway

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// hall is who listens to one channel, and the log of what its viewers were
// sent.
type hall struct {
	name    string
	tenant  *tenant
	preface preface

	mu        sync.Mutex // protects everything below, and conn.seat, conn.shown and conn.twin
	viewers   []*conn
	producers []*conn
	// sockets are those of each viewing participant, linked by conn.twin.
	sockets map[string]*conn
	log     history
	era     uint32 // grows when a shared log begins anew
	pending int    // messages of a shared log that are not spread yet
	census  census
	told    wire.Presence // what producers know
	toldAt  time.Time
	sampled time.Time // when producers were last sent a roster
}

func newHall(name string, t *tenant, shared bool) *hall {
	h := &hall{name: name, tenant: t, sockets: make(map[string]*conn), log: newHistory()}
	if shared {
		h.log = sharedHistory()
	}
	return h
}

// position is where a viewer stands in its channel's log when it is seated.
type position struct {
	epoch   string
	offset  uint64 // of the last message before it was seated
	resumed bool
	missed  []kept // what it gets after Welcome if it has resumed
}

// enter seats c. It reports false if its participant has too many sockets.
//
// Seating and the look into the log are one step: what is broadcast later
// reaches c, what was broadcast before is in its position or in the snapshot that
// is taken now (GW26).
func (h *hall) enter(c *conn, perParticipant int, resume *wire.Resume, now time.Time) (position, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.producer {
		c.seat = len(h.producers)
		h.producers = append(h.producers, c)
		h.toldAt, h.sampled = time.Time{}, time.Time{} // a new producer is told at the next beat
		return position{}, true
	}
	if h.openLocked(c.participant) >= perParticipant {
		return position{}, false
	}
	c.twin, h.sockets[c.participant] = h.sockets[c.participant], c
	c.seat = len(h.viewers)
	h.viewers = append(h.viewers, c)
	h.census.enter(c.grade, now)
	p := position{epoch: h.log.epoch, offset: h.log.last}
	if p.missed, p.resumed = h.log.since(resume, now); p.resumed {
		p.offset = max(p.offset, resume.Offset) // it may have read further elsewhere (GW37)
	}
	c.placed, c.era = p.offset, h.era
	return p, true
}

// openLocked counts the sockets of a participant.
func (h *hall) openLocked(participant string) int {
	n := 0
	for c := h.sockets[participant]; c != nil; c = c.twin {
		n++
	}
	return n
}

// leave unseats c. gone is called if its participant has no other socket here,
// before it can come back.
func (h *hall) leave(c *conn, gone func(participant string), now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.producer {
		h.producers = unseat(h.producers, c)
		return
	}
	h.viewers = unseat(h.viewers, c)
	if h.unlinkLocked(c); h.sockets[c.participant] == nil {
		delete(h.sockets, c.participant)
		gone(c.participant)
	}
	h.census.leave(c.grade, c.shown, now)
}

func (h *hall) unlinkLocked(c *conn) {
	if h.sockets[c.participant] == c {
		h.sockets[c.participant] = c.twin
		return
	}
	for other := h.sockets[c.participant]; other != nil; other = other.twin {
		if other.twin == c {
			other.twin = c.twin
			return
		}
	}
}

func unseat(row []*conn, c *conn) []*conn {
	last := len(row) - 1
	row[c.seat] = row[last]
	row[c.seat].seat = c.seat
	row[last] = nil
	return row[:last]
}

// show replaces what c is counted as.
func (h *hall) show(c *conn, s shown) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.census.show(c.shown, -1)
	h.census.show(s, +1)
	c.shown = s
}

// publish writes b into the log and appends those who are to get it. What has
// another offset than the next one would leave a gap: only one goroutine asks
// next and publishes.
func (h *hall) publish(b *broadcast, now time.Time, all []*conn) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.add(b, now)
	return append(all, h.viewers...)
}

// next returns the offset of the next broadcast to viewers.
func (h *hall) next() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.last + 1
}

// control appends the producers.
func (h *hall) control(all []*conn) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(all, h.producers...)
}

// of returns the sockets of a viewing participant.
func (h *hall) of(participant string) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*conn
	for c := h.sockets[participant]; c != nil; c = c.twin {
		all = append(all, c)
	}
	return all
}

func (h *hall) audience() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.census.counts.Viewers
}

func (h *hall) stuck() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.census.counts.Stuck
}
