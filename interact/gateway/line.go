package gateway

import (
	"math"
	"slices"
	"time"
)

// lineSamples at one ping in 25 s are three minutes; the burst after welcome
// fills three of them at once.
const lineSamples = 8

// line remembers the last round trips of a connection, in µs.
type line struct {
	rtt      [lineSamples]uint32
	seen     uint8 // how many of rtt are set
	next     uint8 // where the next one goes
	measured measurement
}

func (l *line) add(rtt time.Duration) {
	l.rtt[l.next] = uint32(min(max(rtt.Microseconds(), 1), math.MaxUint32))
	l.next = (l.next + 1) % lineSamples
	l.seen = min(l.seen+1, lineSamples)
	l.measured = l.evaluate()
}

// measure returns the shortest round trip and how far the 95th percentile lies
// above it. Zero if nothing was measured yet.
func (l *line) measure() measurement { return l.measured }

func (l *line) evaluate() (m measurement) {
	sorted := l.rtt
	slices.Sort(sorted[:l.seen])
	p95 := (int(l.seen)*95+99)/100 - 1 // nearest rank
	m.rttMin = time.Duration(sorted[0]) * time.Microsecond
	m.jitter = time.Duration(sorted[p95])*time.Microsecond - m.rttMin
	return m
}
