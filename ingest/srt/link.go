package srt

import (
	"fmt"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// lossSeconds is over how long the share of lost packets is taken.
const lossSeconds = 5

// loss counts packets. It is pure and belongs to one goroutine.
type loss struct {
	tally
	again uint64 // packets sent again that came

	share   float64 // lost at the first try, of the last seconds' packets
	rate    uint32  // packets received in the last second
	since   int64   // µs, where this second began
	seconds int
	past    [lossSeconds]tally // as seconds began
}

// tally counts since the connection's start.
type tally struct {
	received uint64 // at the first try
	lost     uint64 // not at the first try
}

// count takes the fate of one packet: behind says that newer ones were first,
// missing how many that came before it are not here.
func (l *loss) count(v verdict, behind bool, missing int, again bool) {
	l.lost += uint64(missing)
	switch {
	case again:
		l.again++
	case v == kept:
		l.received++
		if behind && l.lost > 0 { // not lost, another way was quicker
			l.lost--
		}
	}
}

// second reports whether a second is over, and then counts it.
func (l *loss) second(now int64) bool {
	if now-l.since < second {
		return false
	}
	before := l.past[(l.seconds+lossSeconds-1)%lossSeconds]
	oldest := l.past[l.seconds%lossSeconds]
	l.rate = uint32(l.received - before.received)
	l.share = 0
	if lost, all := float64(l.lost)-float64(oldest.lost), float64(l.received+l.lost-oldest.received-oldest.lost); all > 0 {
		l.share = max(0, lost/all)
	}
	l.past[l.seconds%lossSeconds] = l.tally
	l.seconds++
	l.since = now
	return true
}

// publish makes what the session tells of the link. Once a second is enough.
func (c *conn) publish() {
	link := ingest.Link{
		Loss:          c.loss.share,
		Lost:          c.loss.lost,
		Retransmitted: c.loss.again,
		Dropped:       c.hold.skipped,
		Latency:       c.latency,
	}
	if c.acks.measured {
		link.RTT = time.Duration(c.acks.rtt) * time.Microsecond
	}
	if c.bits > 0 {
		link.Encryption = fmt.Sprintf("AES-%d", c.bits)
	}
	c.link.Store(&link)
}
