package follow

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cuelight/cuelight/sync/clock"
)

// AnswerWait is how long a leader may take. What takes longer tells nothing.
const AnswerWait = 500 * time.Millisecond

// redialAfter so many pings in a row without an answer the leader's name is
// looked up again.
const redialAfter = 3

// UDP asks the [Responder] at an address. It belongs to one goroutine.
type UDP struct {
	// Address is the leader's, HOST:PORT.
	Address string

	conn   *net.UDPConn
	seq    uint16
	missed int
}

var _ Leader = (*UDP)(nil)

// Ask sends one ping and waits AnswerWait for its pong. Errors: the address
// cannot be reached, nothing came, or ctx ended.
func (u *UDP) Ask(ctx context.Context) (clock.Answer, error) {
	if err := u.dial(ctx); err != nil {
		return clock.Answer{}, err
	}
	conn := u.conn
	conn.SetDeadline(time.Now().Add(AnswerWait))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	answer, err := u.exchange()
	stop()
	if err == nil {
		u.missed = 0
		return answer, nil
	}
	if u.missed++; u.missed >= redialAfter {
		u.Close()
	}
	return clock.Answer{}, fmt.Errorf("ask the leading clock: %w", err)
}

// Close gives the socket back. Ask opens another.
func (u *UDP) Close() {
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
	u.missed = 0
}

func (u *UDP) dial(ctx context.Context) error {
	if u.conn != nil {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: AnswerWait}).DialContext(ctx, "udp", u.Address)
	if err != nil {
		return fmt.Errorf("reach the leading clock: %w", err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		conn.Close()
		return errors.New("reach the leading clock: not a UDP address")
	}
	u.conn = udp
	return nil
}

func (u *UDP) exchange() (clock.Answer, error) {
	var random [8]byte
	rand.Read(random[:])
	u.seq++
	ping := Ping{Seq: u.seq, Nonce: binary.BigEndian.Uint64(random[:])}
	out, in := ping.Append(make([]byte, 0, datagram)), make([]byte, 2*datagram)
	sent := time.Now()
	if _, err := u.conn.Write(out); err != nil {
		return clock.Answer{}, err
	}
	for {
		n, err := u.conn.Read(in)
		returned := time.Now()
		if err != nil {
			return clock.Answer{}, err
		}
		pong, err := ParsePong(in[:n])
		if err != nil || pong.Ping != ping {
			continue // late, or not from the leader
		}
		return clock.Answer{
			Sent: sent, Returned: returned, Received: pong.Received, Replied: pong.Replied, Epoch: pong.Epoch,
		}, nil
	}
}
