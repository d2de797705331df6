package clock

import "time"

// Room is the room clock R: a wall-clock reading taken once, continued by the
// monotonic clock. Steps of the operating system's clock do not reach it (CL1).
//
// It is immutable and safe for concurrent use.
type Room struct {
	epoch uint32
	start time.Time // carries a monotonic reading
	base  Instant
}

// NewRoom starts a room clock that reads base at start. The start must carry a
// monotonic reading (it comes from time.Now). The epoch names this clock: a
// client that sees another epoch drops every sample it has (CL2).
func NewRoom(start time.Time, base Instant, epoch uint32) *Room {
	return &Room{epoch: epoch, start: start, base: base}
}

// At returns the instant on R at which the process read t from time.Now.
func (r *Room) At(t time.Time) Instant { return r.base.Add(t.Sub(r.start)) }

// TimeAt is the inverse of At: the time.Now reading at which R shows i. Use it
// to set timers: time.Until(r.TimeAt(i)).
func (r *Room) TimeAt(i Instant) time.Time { return r.start.Add(i.Sub(r.base)) }

// Epoch names this clock. It changes only when R could not be continued.
func (r *Room) Epoch() uint32 { return r.epoch }
