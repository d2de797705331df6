package loadgen

import (
	"io"
	"net"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// What tests look at from outside.
var (
	AppendFrame  = appendFrame
	QuantilesOf  = quantilesOf
	StatTime     = statTime
	StatusMemory = statusMemory
	ProcessUsage = processUsage
	MetricsOf    = func(r io.Reader) (time.Duration, int64, error) {
		u, err := metricsUsage(r)
		return u.cpu, u.memory, err
	}
	MetricsFrom   = metricsAddress
	CopingOf      = copingOf
	MaxMessage    = maxMessage
	OpText        = byte(opText)
	OpBinary      = byte(opBinary)
	OpPing        = byte(opPing)
	ErrEnded      = errEnded
	ErrFrame      = errFrame
	CodecOfConfig = Config.codec
)

// Answered is what a worker found of one poll.
type Answered = answered

// Reconcile holds receipts against a tally.
func Reconcile(cue wire.Cue, all []*Answered, tally wire.Tally) []string {
	return reconcile(cue, all, tally)
}

// Messages joins frames.
type Messages = messages

// Take is messages.take.
func (m *messages) Take(data []byte, hear func(op byte, payload []byte) error) error {
	return m.take(data, hear)
}

// Left is what waits for the rest of its frame.
func (m *messages) Left() []byte { return m.rest }

// Held is how many bytes wait for more.
func (m *messages) Held() int { return cap(m.rest) + cap(m.parts) }

// Listen reads a connection.
func Listen(conn net.Conn, hear func(op byte, payload []byte, at time.Time) error) error {
	return listen(conn, new(messages), hear)
}

// Look is one look at a server: when, how far its writing was behind, and what
// it had put off by then.
func Look(at time.Time, lag float64, shed map[string]float64) coping { return coping{at, lag, shed} }

// AddPeak takes in what was seen of one burst.
func (p *PeakReport) AddPeak(looks []coping, lastSent time.Time) { p.add(looks, lastSent) }

// Looks is what was seen of one burst.
type Looks = []coping
