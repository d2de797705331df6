// Package link is a path between a viewer and a server that delays, jitters,
// queues and stops, in user space: bytes of a connection stay in order, so what
// is late holds up what follows, as on any TCP connection.
package link

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Way is one direction of a link. The zero value passes everything at once.
type Way struct {
	// Delay is the usual one.
	Delay time.Duration
	// Jitter is the most by which a delay differs from Delay, either way;
	// differences are normal with half of it as σ.
	Jitter time.Duration
	// Spike is the share of pieces, 0 to 1, that take up to SpikeMax longer.
	Spike    float64
	SpikeMax time.Duration
	// Loss is the share of pieces, 0 to 1, that are lost and sent again, which
	// takes Recovery.
	Loss     float64
	Recovery time.Duration
	// Rate is in bytes per second; 0 for no limit.
	Rate int
	// Bloat is the longest wait behind somebody else's traffic, which swells
	// and ebbs every BloatPeriod and is absent for half of it.
	Bloat       time.Duration
	BloatPeriod time.Duration
}

// direction is a Way in use by all connections of a link.
type direction struct {
	way   Way
	start time.Time

	mu   sync.Mutex // protects busy
	busy time.Time  // when the wire is free
}

// due is when size bytes that are there now arrive, on an empty connection.
func (d *direction) due(now time.Time, size int) time.Time {
	at := d.sent(now, size).Add(d.way.delay())
	if d.way.BloatPeriod > 0 {
		phase := 2 * math.Pi * float64(now.Sub(d.start)) / float64(d.way.BloatPeriod)
		at = at.Add(time.Duration(max(0, math.Sin(phase)) * float64(d.way.Bloat)))
	}
	return at
}

// sent is when the last of size bytes has left, behind all that came before.
func (d *direction) sent(now time.Time, size int) time.Time {
	if d.way.Rate <= 0 {
		return now
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy.Before(now) {
		d.busy = now
	}
	d.busy = d.busy.Add(time.Duration(size) * time.Second / time.Duration(d.way.Rate))
	return d.busy
}

func (w Way) delay() time.Duration {
	j := float64(w.Jitter)
	d := float64(w.Delay) + max(-j, min(j, rand.NormFloat64()*j/2))
	if rand.Float64() < w.Spike {
		d += rand.Float64() * float64(w.SpikeMax)
	}
	if rand.Float64() < w.Loss {
		d += float64(w.Recovery)
	}
	return max(0, time.Duration(d))
}
