package gateway

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	wheelTick  = 500 * time.Millisecond
	wheelSlots = 128 // 64 s: longer than any wait between two pings
)

// wheel reminds of connections that are due, to half a second. One wheel
// replaces a timer for each connection. Connections of one slot form a ring, so
// that planning one takes no memory.
type wheel struct {
	mu    sync.Mutex // protects everything below and conn.berth
	slots [wheelSlots]*conn
	now   int
	due   []*conn // handed out by turn, and used again
}

// berth is where a connection stands in the wheel.
type berth struct {
	next, prev *conn // nil: nowhere
	slot       uint8
}

// soon is delay give or take a tenth, so that connections that came together
// drift apart.
func soon(delay time.Duration) time.Duration {
	return delay + time.Duration((rand.Float64()-0.5)*0.2*float64(delay))
}

// add plans c after the delay. A connection is planned once.
func (w *wheel) add(c *conn, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ticks := min(max(int(delay/wheelTick), 1), wheelSlots-1)
	slot := (w.now + ticks) % wheelSlots
	c.berth.slot = uint8(slot)
	first := w.slots[slot]
	if first == nil {
		c.berth.next, c.berth.prev = c, c
		w.slots[slot] = c
		return
	}
	last := first.berth.prev
	c.berth.next, c.berth.prev = first, last
	first.berth.prev, last.berth.next = c, c
}

// remove forgets c, if it is planned.
func (w *wheel) remove(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(c)
}

func (w *wheel) removeLocked(c *conn) {
	next, prev := c.berth.next, c.berth.prev
	if next == nil {
		return
	}
	prev.berth.next, next.berth.prev = next, prev
	if w.slots[c.berth.slot] == c {
		w.slots[c.berth.slot] = next
		if next == c {
			w.slots[c.berth.slot] = nil
		}
	}
	c.berth.next, c.berth.prev = nil, nil
}

// turn moves on by one tick and returns who is due, until the next turn. They
// are no longer planned.
func (w *wheel) turn() []*conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = (w.now + 1) % wheelSlots
	clear(w.due) // hold nobody who leaves
	w.due = w.due[:0]
	for c := w.slots[w.now]; c != nil; c = w.slots[w.now] {
		w.removeLocked(c)
		w.due = append(w.due, c)
	}
	return w.due
}
