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
// replaces a timer for each connection.
type wheel struct {
	mu    sync.Mutex // protects everything below and conn.slot
	slots [wheelSlots]map[*conn]struct{}
	now   int
}

// add plans c after the delay, give or take a tenth, so that connections that
// came together drift apart.
func (w *wheel) add(c *conn, delay time.Duration) {
	delay += time.Duration((rand.Float64() - 0.5) * 0.2 * float64(delay))
	w.mu.Lock()
	defer w.mu.Unlock()
	ticks := min(max(int(delay/wheelTick), 1), wheelSlots-1)
	c.slot = (w.now + ticks) % wheelSlots
	if w.slots[c.slot] == nil {
		w.slots[c.slot] = make(map[*conn]struct{})
	}
	w.slots[c.slot][c] = struct{}{}
}

// remove forgets c, if it is planned.
func (w *wheel) remove(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.slots[c.slot], c)
}

// turn moves on by one tick and returns who is due. They are no longer planned.
func (w *wheel) turn() map[*conn]struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = (w.now + 1) % wheelSlots
	due := w.slots[w.now]
	w.slots[w.now] = nil
	return due
}
