package follow

import (
	"encoding/binary"
	"errors"

	"github.com/cuelight/cuelight/sync/clock"
)

// Frames of the clock exchange, big-endian, as on a viewer's socket.
const (
	pingType = 1
	pongType = 2
	pingSize = 1 + 2 + 8
	pongSize = 1 + 2 + 8 + 8 + 8 + 4
	// datagram is how long a ping and a pong are: a ping is filled up with zeros.
	datagram = pongSize
)

// ErrNotPing means a datagram that is no clock ping, or no pong.
var ErrNotPing = errors.New("not a clock ping or pong")

// Ping asks for the leader's clock: u8 type=1, u16 seq, 8 bytes to echo.
type Ping struct {
	Seq uint16
	// Nonce stands where a viewer has its time: the leader only echoes it.
	Nonce uint64
}

// Pong answers a Ping: u8 type=2, u16 seq, 8 bytes, i64 t2, i64 t3, u32 epoch.
type Pong struct {
	Ping
	// Received (t2) and Replied (t3) are on the leader's R.
	Received, Replied clock.Instant
	Epoch             uint32
}

// Append adds p's datagram to b.
func (p Ping) Append(b []byte) []byte {
	return append(p.append(b, pingType), make([]byte, datagram-pingSize)...)
}

func (p Ping) append(b []byte, kind byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, p.Seq)
	return binary.BigEndian.AppendUint64(b, p.Nonce)
}

// Append adds p's datagram to b.
func (p Pong) Append(b []byte) []byte {
	b = p.append(b, pongType)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Received))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Replied))
	return binary.BigEndian.AppendUint32(b, p.Epoch)
}

// ParsePing reads a ping. Errors: ErrNotPing, also for one shorter than a pong.
func ParsePing(b []byte) (Ping, error) {
	if len(b) != datagram || b[0] != pingType {
		return Ping{}, ErrNotPing
	}
	return parsePing(b), nil
}

func parsePing(b []byte) Ping {
	return Ping{Seq: binary.BigEndian.Uint16(b[1:]), Nonce: binary.BigEndian.Uint64(b[3:])}
}

// ParsePong reads a pong. Errors: ErrNotPing.
func ParsePong(b []byte) (Pong, error) {
	if len(b) != pongSize || b[0] != pongType {
		return Pong{}, ErrNotPing
	}
	return Pong{
		Ping:     parsePing(b),
		Received: clock.Instant(binary.BigEndian.Uint64(b[11:])),
		Replied:  clock.Instant(binary.BigEndian.Uint64(b[19:])),
		Epoch:    binary.BigEndian.Uint32(b[27:]),
	}, nil
}
