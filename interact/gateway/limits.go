package gateway

import (
	"cmp"
	"runtime"
	"time"
)

// Limits bound what sockets may cost. The zero value means the defaults.
type Limits struct {
	// Connections is how many sockets there may be. Default 18000, which leaves
	// room for other files in a process that may open 20000.
	Connections int
	// PerAddress is how many come from one remote address, or from one /64 of
	// IPv6. Default 200.
	PerAddress int
	// PerLoopback is the same for this machine, where proxies and load tests
	// are. Default 20000.
	PerLoopback int
	// PerParticipant is how many sockets of one participant a channel takes.
	// Default 8.
	PerParticipant int
	// Handshakes is how many may begin in a second on average, HandshakeBurst how
	// many at once. Defaults 2000 for each core, and twice that.
	Handshakes, HandshakeBurst int
	// Joining is how many sockets may be there that have had no Welcome yet.
	// Default 4096.
	Joining int
	// Joins is how many of them are worked on at once, JoinLine how many more
	// stand in line for that. Defaults 16 for each core, and 4096.
	Joins, JoinLine int
	// MessageRate is how many messages a second a socket may send on average,
	// MessageBurst how many at once. Defaults 20 and 40.
	MessageRate, MessageBurst int
	// AnswerRate and AnswerBurst are the same for answers. Defaults 2 and 8.
	AnswerRate, AnswerBurst int
	// Capacity is how many answers a second this node can take. It refuses none:
	// the operating load is measured by it. Default 25000 for each core.
	Capacity int
	// ComeBack is how many viewers a second are told to come back at a stop: as
	// many as other nodes take in without keeping anybody waiting. Default 4000.
	ComeBack int
	// Notice is how long a stop goes on serving after Draining says so, for those
	// who hand out connections to notice. Default none.
	Notice time.Duration
	// Outbox is how many messages about different things wait for a reader, in
	// each of three lanes. Default 64.
	Outbox int
	// HelloWait is how long the first message may take. Default 5s.
	HelloWait time.Duration
	// JoinWait is how long a room may take to answer Join, and how long a join
	// may stand in line before. Default 5s.
	JoinWait time.Duration
	// WriteWait is how long one write may take. Default 10s.
	WriteWait time.Duration
	// CloseWait is how long the other side may take to close after we did.
	// Default 2s.
	CloseWait time.Duration
	// Silence is after how long without a sign of life a socket is closed.
	// Default 60s.
	Silence time.Duration
	// PingEvery is the time between two liveness pings, give or take a tenth.
	// Default 25s.
	PingEvery time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, 18_000)
	l.PerAddress = cmp.Or(l.PerAddress, 200)
	l.PerLoopback = cmp.Or(l.PerLoopback, 20_000)
	l.PerParticipant = cmp.Or(l.PerParticipant, 8)
	cores := runtime.GOMAXPROCS(0)
	l.Handshakes = cmp.Or(l.Handshakes, 2000*cores)
	l.HandshakeBurst = cmp.Or(l.HandshakeBurst, 2*l.Handshakes)
	l.Joining = cmp.Or(l.Joining, 4096)
	l.Joins = cmp.Or(l.Joins, 16*cores)
	l.JoinLine = cmp.Or(l.JoinLine, 4096)
	l.MessageRate = cmp.Or(l.MessageRate, 20)
	l.MessageBurst = cmp.Or(l.MessageBurst, 40)
	l.AnswerRate = cmp.Or(l.AnswerRate, 2)
	l.AnswerBurst = cmp.Or(l.AnswerBurst, 8)
	l.Capacity = cmp.Or(l.Capacity, 25_000*cores)
	l.ComeBack = cmp.Or(l.ComeBack, 4000)
	l.Outbox = cmp.Or(l.Outbox, 64)
	l.HelloWait = cmp.Or(l.HelloWait, 5*time.Second)
	l.JoinWait = cmp.Or(l.JoinWait, 5*time.Second)
	l.WriteWait = cmp.Or(l.WriteWait, 10*time.Second)
	l.CloseWait = cmp.Or(l.CloseWait, 2*time.Second)
	l.Silence = cmp.Or(l.Silence, time.Minute)
	l.PingEvery = cmp.Or(l.PingEvery, 25*time.Second)
	return l
}
