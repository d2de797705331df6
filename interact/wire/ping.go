package wire

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/cuelight/cuelight/sync/clock"
)

// Binary frames of the clock exchange, big-endian. They bypass JSON and every
// queue.
const (
	pingType = 1
	pongType = 2
	pingSize = 1 + 2 + 8
	pongSize = 1 + 2 + 8 + 8 + 8 + 4
)

// ErrNotPing means a binary frame that is not a clock ping or pong.
var ErrNotPing = errors.New("not a clock frame")

// Ping asks for the server's clock: u8 type=1, u16 seq, f64 t1.
type Ping struct {
	Seq uint16
	// Sent is t1, on the client's own clock; the server only echoes it.
	Sent float64
}

// Pong answers a Ping: u8 type=2, u16 seq, f64 t1, i64 t2, i64 t3, u32 epoch.
type Pong struct {
	Ping
	// Received (t2) and Replied (t3) are on R.
	Received, Replied clock.Instant
	ClockEpoch        uint32
}

// Append adds p's frame to b.
func (p Ping) Append(b []byte) []byte { return p.append(b, pingType) }

func (p Ping) append(b []byte, typ byte) []byte {
	b = append(b, typ)
	b = binary.BigEndian.AppendUint16(b, p.Seq)
	return binary.BigEndian.AppendUint64(b, math.Float64bits(p.Sent))
}

// Append adds p's frame to b.
func (p Pong) Append(b []byte) []byte {
	b = p.append(b, pongType)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Received))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Replied))
	return binary.BigEndian.AppendUint32(b, p.ClockEpoch)
}

// ParsePing reads a ping frame. Errors: ErrNotPing.
func ParsePing(b []byte) (Ping, error) {
	if len(b) != pingSize || b[0] != pingType {
		return Ping{}, ErrNotPing
	}
	return parsePing(b), nil
}

func parsePing(b []byte) Ping {
	return Ping{Seq: binary.BigEndian.Uint16(b[1:]), Sent: math.Float64frombits(binary.BigEndian.Uint64(b[3:]))}
}

// ParsePong reads a pong frame. Errors: ErrNotPing.
func ParsePong(b []byte) (Pong, error) {
	if len(b) != pongSize || b[0] != pongType {
		return Pong{}, ErrNotPing
	}
	return Pong{
		Ping:       parsePing(b),
		Received:   clock.Instant(binary.BigEndian.Uint64(b[11:])),
		Replied:    clock.Instant(binary.BigEndian.Uint64(b[19:])),
		ClockEpoch: binary.BigEndian.Uint32(b[27:]),
	}, nil
}

// IsClock says that a binary frame belongs to the clock exchange, whichever
// codec the socket has: no message of a binary codec begins as one does.
func IsClock(frame []byte) bool {
	return len(frame) > 0 && (frame[0] == pingType || frame[0] == pongType)
}
