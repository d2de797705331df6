package gateway

import (
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// Relay puts what a bus has told the viewers of a channel into its log, under
// the bus's epoch and offset, and sends it to those who are here. It is for
// Config.SharedLog, where it takes the place of Broadcast, and never blocks.
// Offsets ascend by one; one that was here before is ignored. After a gap, or
// with another epoch, the log begins anew at m: those who come back with a place
// before get a snapshot, those who are here hear all that follows without
// offsets, so that the place they know stays true (GW38).
//
// Rooms know what m says before it is relayed, so that their snapshots hold
// everything up to a log's end. With a nil m, Relay only says that the log stands
// at offset. With offset zero and a message, m is told to those who are here and
// is not in the log: so a room repeats what is true after a gap.
//
// The caller does not change m any more, and relays one channel's messages one
// after the other.
func (g *Gateway) Relay(channel, epoch string, offset uint64, m wire.Message) {
	_, known := g.cfg.Rooms(channel)
	placed := offset == 0 && m != nil || epoch != "" && len(epoch) <= wire.MaxEpoch
	if !g.cfg.SharedLog || !known || !placed {
		g.counted.misdirected.Add(1)
		g.complain("relayed without a room, a shared log or its epoch", channel, nil)
		return
	}
	h := g.openHall(channel)
	if m == nil {
		h.stand(epoch, offset, &g.counted)
		return
	}
	b, err := newBroadcast(m, offset)
	if err != nil {
		g.complain("broadcast not sent", channel, err)
		h.stand(epoch, offset, &g.counted) // others had it
		return
	}
	switch h.relay(b, epoch, time.Now(), &g.counted) {
	case relayWaits:
		g.posts.relay(h, b)
	case relayOverrun:
		g.overrun(h)
	}
}

// maxPending is how many messages of a shared log wait to be spread. Half a log:
// who is sent away then can still be told what it has missed.
const maxPending = maxHistory / 2

// relayed is what becomes of a relayed message.
type relayed uint8

const (
	relayDone    relayed = iota // it was here before, or nobody is
	relayWaits                  // it is to be spread
	relayOverrun                // too many wait
)

// relay puts b into the log.
func (h *hall) relay(b *broadcast, epoch string, now time.Time, counted *counters) relayed {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b.offset > 0 {
		if h.log.epoch == epoch && b.offset <= h.log.last {
			counted.repeats.Add(1)
			return relayDone
		}
		h.standLocked(epoch, b.offset-1, counted)
		h.log.add(b, now)
		counted.relayed.Add(1)
	}
	b.era = h.era
	switch {
	case len(h.viewers) == 0:
		return relayDone
	case h.pending >= maxPending:
		return relayOverrun
	}
	h.pending++
	return relayWaits
}

func (h *hall) stand(epoch string, offset uint64, counted *counters) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.log.epoch != epoch || offset > h.log.last {
		h.standLocked(epoch, offset, counted)
	}
}

// standLocked sees to it that the log goes on after offset.
func (h *hall) standLocked(epoch string, offset uint64, counted *counters) {
	if h.log.epoch == epoch && h.log.last == offset {
		return
	}
	if h.log.epoch != "" {
		counted.breaks.Add(1)
	}
	h.log.restart(epoch, offset)
	h.era++
}

// awaiting appends the viewers that b is news for: it is in the snapshot of
// those who were seated after it came.
func (h *hall) awaiting(b *broadcast, all []*conn) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending--
	for _, c := range h.viewers {
		if b.offset == 0 || c.era < b.era || c.era == b.era && c.placed < b.offset {
			all = append(all, c)
		}
	}
	return all
}

// to returns b as c is to hear it: who was seated before the log began anew
// hears it without its offset. It belongs to the fan-out's goroutine.
func (b *broadcast) to(c *conn) *broadcast {
	if b.offset == 0 || b.era == c.era {
		return b
	}
	if b.bare == nil {
		about, lane := subjectOf(b.m)
		b.bare = &broadcast{m: b.m, lane: lane, worth: worthOf(b.m), about: about}
	}
	return b.bare
}

// overrun lets the viewers of a hall go whose broadcasts have been waiting for
// too long: elsewhere, or here in a while, they are told what they miss.
func (g *Gateway) overrun(h *hall) {
	g.counted.overruns.Add(1)
	g.complain("broadcasts wait for too long, viewers are sent away", h.name, nil)
	for i, c := range h.seated() {
		if !c.arrived() {
			continue // it is being sent away already
		}
		c.endWithin(g.elsewhere(ending{code: wire.CloseBusy}, h.name), g.comeBack(i))
	}
}

// seated returns the viewers.
func (h *hall) seated() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*conn(nil), h.viewers...)
}
