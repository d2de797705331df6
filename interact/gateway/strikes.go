package gateway

import (
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// maxStrikes in strikeWindow end a connection, and its participant is not let
// in for barredFor (GW8, GW20).
const (
	maxStrikes   = 5
	strikeWindow = time.Minute
	barredFor    = time.Minute
	// maxBarred is how many are remembered.
	maxBarred = 16_384
)

// strikes counts what a connection has done against the limits.
type strikes struct {
	first moment
	n     uint8
}

func (s *strikes) add(now moment) {
	if s.n == 0 || now.sub(s.first) > strikeWindow {
		s.first, s.n = now, 0
	}
	if s.n < maxStrikes {
		s.n++
	}
}

func (c *conn) strike(now time.Time) {
	c.g.counted.limited.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strikes.add(c.g.moment(now))
}

// struck returns how many strikes of the last minute there are. Safe for
// concurrent use.
func (c *conn) struck(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strikes.n == 0 || c.g.moment(now).sub(c.strikes.first) > strikeWindow {
		return 0
	}
	return int(c.strikes.n)
}

// expel ends the connection that had its last strike. It comes after the
// message was dealt with, so that Bye follows the last refusal (GW8). It runs
// in the reader, which alone changes strikes.
func (c *conn) expel(now time.Time) {
	if c.strikes.n < maxStrikes {
		return
	}
	if !c.producer && c.hall != nil {
		c.g.load.barred.add(offender{c.hall.name, c.participant}, now)
	}
	c.end(ending{code: wire.CloseTooMany})
}

// offender is a participant of a channel.
type offender struct{ channel, participant string }

// barred remembers who is not let in for a while. When it is full, who was
// barred first is let in early.
type barred struct {
	mu    sync.Mutex // protects everything below
	until map[offender]time.Time
	order []offender // as they were barred; some of them are over
}

func (b *barred) add(who offender, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgetLocked(now)
	if _, again := b.until[who]; again {
		return
	}
	if b.until == nil {
		b.until = make(map[offender]time.Time)
	}
	if len(b.order) >= maxBarred {
		delete(b.until, b.order[0])
		b.order = shift(b.order)
	}
	b.until[who] = now.Add(barredFor)
	b.order = append(b.order, who)
}

// forgetLocked lets go of those whose time is over: they are the first ones,
// because it is equally long for all.
func (b *barred) forgetLocked(now time.Time) {
	for len(b.order) > 0 && !now.Before(b.until[b.order[0]]) {
		delete(b.until, b.order[0])
		b.order = shift(b.order)
	}
}

// has says whether who is still barred.
func (b *barred) has(who offender, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgetLocked(now)
	_, ok := b.until[who]
	return ok
}

// barredHere is why a participant that was closed for flooding is not let in
// yet, nil if it may come.
func (c *conn) barredHere(channel string, now time.Time) *ending {
	if c.producer || !c.g.load.barred.has(offender{channel, c.participant}, now) {
		return nil
	}
	c.g.load.turnedAway.Add(1)
	return &ending{code: wire.CloseTooMany, reason: "sent too much: wait a minute"}
}
