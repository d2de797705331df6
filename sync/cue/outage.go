package cue

import "github.com/cuelight/cuelight/sync/clock"

// Mend gives a window back what an outage from from to now took of it, for a
// room clock that did not go on meanwhile: nobody could answer. ok is false if
// the window was not open at any time of the outage (CU14).
func (c Cue) Mend(from, now clock.Instant) (_ Cue, ok bool) {
	from = max(from, c.Open)
	if !c.Taken || c.Cancelled || c.Void || c.Revealed || c.Orphaned || c.halted() || from >= c.Close || from >= now {
		return c, false
	}
	c.Rev++
	c.Close = c.Close.Add(now.Sub(from))
	return c, true
}
