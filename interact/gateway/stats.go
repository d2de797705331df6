package gateway

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/cuelight/cuelight/interact/wire"
)

// Stats are counts since the start, and the gauges Connections and Viewers.
type Stats struct {
	Connections int // open sockets, those that have not joined yet included
	Viewers     int // that have joined, in all channels
	Accepted    uint64
	Joined      uint64
	// RefusedOrigin, RefusedFull and RefusedAddress are handshakes refused
	// because of their Origin, of Limits.Connections, of Limits.PerAddress.
	RefusedOrigin, RefusedFull, RefusedAddress uint64
	// Closed counts sockets the server closed, by code. Zero are those that the
	// other side or the network ended.
	Closed     map[wire.CloseCode]uint64
	Messages   uint64 // from clients, clock pings excluded
	ClockPings uint64
	// ClockDropped are pings not answered because too many waited.
	ClockDropped uint64
	Answers      uint64 // handed to a room
	Receipts     uint64
	Refused      uint64 // answers refused, by a room or here
	Limited      uint64 // messages above the allowed rate
	Broadcasts   uint64 // messages spread
	Deliveries   uint64 // of broadcasts, to readers
	// Shed are broadcasts not spread, and view messages not kept for a reader
	// that has too many waiting.
	Shed   uint64
	Panics uint64
	// GoodGraces and BadGraces are grace tokens that viewers came with.
	GoodGraces, BadGraces uint64
	// Resumed viewers got what they had missed, Reset ones asked for it and were
	// told everything instead.
	Resumed, Reset uint64
	// Guesses are wrong PINs and links; GuessesBarred were not looked at, because
	// their address had guessed wrong too often.
	Guesses, GuessesBarred uint64
	// Relayed are messages that came from the bus into a shared log, Repeats those
	// that were there before. Breaks are logs that had to begin anew, Overruns
	// broadcasts that waited too long, so that viewers were sent away.
	Relayed, Repeats, Breaks, Overruns uint64
	// Misdirected were broadcast to viewers where Relay does that, or relayed where
	// Broadcast does, without an epoch or to a channel without a room.
	Misdirected uint64
	// Tenants are those of Config.Tenants; "" is all others. Nil without any.
	Tenants map[string]TenantStats
}

type counters struct {
	accepted, joined                           atomic.Uint64
	refusedOrigin, refusedFull, refusedAddress atomic.Uint64
	messages, clockPings, clockDropped         atomic.Uint64
	answers, receipts, refused, limited        atomic.Uint64
	broadcasts, deliveries, shed, panics       atomic.Uint64
	goodGrace, badGrace, resumed, reset        atomic.Uint64
	guesses, guessesBarred                     atomic.Uint64
	relayed, repeats, breaks, overruns         atomic.Uint64
	misdirected                                atomic.Uint64

	mu     sync.Mutex
	closed map[wire.CloseCode]uint64
}

func (c *counters) ended(code wire.CloseCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[code]++
}

// Stats returns the counts now. Safe for concurrent use.
func (g *Gateway) Stats() Stats {
	c := &g.counted
	s := Stats{
		Accepted: c.accepted.Load(), Joined: c.joined.Load(),
		RefusedOrigin: c.refusedOrigin.Load(), RefusedFull: c.refusedFull.Load(), RefusedAddress: c.refusedAddress.Load(),
		Messages: c.messages.Load(), ClockPings: c.clockPings.Load(), ClockDropped: c.clockDropped.Load(),
		Answers: c.answers.Load(), Receipts: c.receipts.Load(), Refused: c.refused.Load(), Limited: c.limited.Load(),
		Broadcasts: c.broadcasts.Load(), Deliveries: c.deliveries.Load(), Shed: c.shed.Load(), Panics: c.panics.Load(),
		GoodGraces: c.goodGrace.Load(), BadGraces: c.badGrace.Load(),
		Resumed: c.resumed.Load(), Reset: c.reset.Load(),
		Guesses: c.guesses.Load(), GuessesBarred: c.guessesBarred.Load(),
		Relayed: c.relayed.Load(), Repeats: c.repeats.Load(), Breaks: c.breaks.Load(), Overruns: c.overruns.Load(),
		Misdirected: c.misdirected.Load(), Tenants: g.tenantStats(),
	}
	c.mu.Lock()
	s.Closed = maps.Clone(c.closed)
	c.mu.Unlock()
	for _, h := range g.everyHall() {
		s.Viewers += h.audience()
	}
	s.Connections = g.remotes.open()
	return s
}
