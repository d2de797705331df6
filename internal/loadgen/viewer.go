package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
)

// viewer is one of a crowd. What it hears comes from its connection's reader,
// what it does from the crowd's orders.
type viewer struct {
	crowd  *crowd
	number int

	mu   sync.Mutex // protects everything below
	conn net.Conn   // nil while there is none
	// welcomed is told once of the welcome, or of why there is none.
	welcomed chan error
	began    time.Time // of the attempt that holds conn

	participant string
	token       string
	place       wire.Resume // how far it has read the channel's log
	asked       bool        // hello has asked to go on from place
	bye         *wire.Bye
	tries       int // attempts since the last welcome

	known  []revision // of the last cues it heard of, one each
	gaps   []gap
	ballot *ballot
}

// gap are offsets of a channel's log that never came: from first up to but not
// including next.
type gap struct{ first, next uint64 }

// hello makes the first message of a new connection.
func (v *viewer) hello() *wire.Hello {
	h := &wire.Hello{Version: wire.Version, Channel: v.crowd.assigned.Channel, Role: wire.RoleViewer, Token: v.token}
	v.asked = v.place.Epoch != ""
	if v.asked {
		place := v.place
		h.Resume = &place
	}
	return h
}

// send writes a message of the codec. A write is one system call, so it mixes
// with no other.
func (v *viewer) send(conn net.Conn, m wire.Message) error {
	data, err := v.crowd.codec.Encode(m)
	if err != nil {
		return err
	}
	_, err = conn.Write(appendFrame(nil, v.crowd.opcode(), rand.Uint32(), data))
	return err
}

// hear deals with one message or control frame of conn.
func (v *viewer) hear(conn net.Conn, op byte, payload []byte, at time.Time) error {
	switch {
	case op == opPing:
		_, err := conn.Write(appendFrame(nil, opPong, rand.Uint32(), payload))
		return err
	case op == opPong:
		return nil
	case op == opClose:
		return closeError(payload)
	case op == opBinary && wire.IsClock(payload):
		return v.crowd.clock.learn(payload, at)
	}
	m, offset, err := v.crowd.memo.read(payload)
	if err != nil {
		return fmt.Errorf("viewer %d: %w", v.number, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != conn {
		return nil // it has another one by now
	}
	v.follow(offset)
	switch m := m.(type) {
	case *wire.Welcome:
		return v.welcome(m, at)
	case *wire.CueChanged:
		v.heardOf(&m.Cue, at)
	case *wire.Receipt:
		v.receipt(m, at)
	case *wire.Refused:
		v.refused(m, at)
	case *wire.Bye:
		v.bye = m
	}
	return nil
}

// closeError is what a close frame says.
func closeError(payload []byte) error {
	if len(payload) < 2 {
		return errEnded
	}
	code := wire.CloseCode(binary.BigEndian.Uint16(payload))
	return fmt.Errorf("%w: %w", errEnded, refusedByClose(code))
}

// follow notes a broadcast's place in the channel's log.
func (v *viewer) follow(offset uint64) {
	switch last := v.place.Offset; {
	case offset == 0:
		return
	case offset <= last:
		v.crowd.differ("viewer %d was sent message %d of the channel's log after message %d", v.number, offset, last)
		return
	case offset > last+1:
		v.gaps = append(v.gaps, gap{last + 1, offset})
	}
	v.place.Offset = offset
}

// welcome takes the state that the server has.
func (v *viewer) welcome(w *wire.Welcome, at time.Time) error {
	if v.participant != "" && w.Participant != v.participant {
		v.crowd.differ("viewer %d came back as %q and was welcomed as another participant", v.number, v.participant)
	}
	if w.Resumed && (!v.asked || w.Epoch != v.place.Epoch) {
		v.crowd.differ("viewer %d was resumed at a place that it had not asked for", v.number)
	}
	v.participant = w.Participant
	if w.Token != "" {
		v.token = w.Token
	}
	if !w.Resumed {
		v.place = wire.Resume{Epoch: w.Epoch, Offset: w.Offset}
		v.gaps = nil
		for i := range w.Cues {
			v.heardOf(&w.Cues[i], at)
		}
	}
	for i := range w.Receipts {
		v.receiptAgain(&w.Receipts[i], at)
	}
	if b := v.ballot; b != nil && !b.settled() {
		b.again = at // what was sent on the old connection may be lost
	}
	v.tries = 0
	v.crowd.arrived(v, w, at)
	if v.welcomed == nil {
		return errors.New("welcomed twice")
	}
	v.welcomed <- nil
	v.welcomed = nil
	return nil
}

// heardOf notes that the viewer knows a revision of a cue.
func (v *viewer) heardOf(c *wire.Cue, at time.Time) {
	i := slices.IndexFunc(v.known, func(r revision) bool { return r.cue == c.ID })
	switch {
	case i < 0:
		if len(v.known) == maxKnown {
			v.known = slices.Delete(v.known, 0, 1)
		}
		v.known = append(v.known, revision{c.ID, c.Rev})
	case v.known[i].rev >= c.Rev:
		return
	default:
		v.known[i].rev = c.Rev
	}
	v.crowd.heard(c.ID, c.Rev, at)
}

// maxKnown is more cues than a welcome holds.
const maxKnown = 16

// knows says whether the viewer has heard of a cue.
func (v *viewer) knows(cue string) bool {
	return slices.ContainsFunc(v.known, func(r revision) bool { return r.cue == cue })
}
