package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes of WebSocket frames. Spec: RFC 6455 §5.2.
const (
	opMore   = 0x0
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa

	finalBit  = 0x80
	maskBit   = 0x80
	otherBits = 0x70 // of extensions, of which we have none
)

// maxMessage is the longest message taken from a server. Units: bytes.
const maxMessage = 1 << 20

// errFrame means bytes that are no WebSocket frame of a server.
var errFrame = errors.New("not a WebSocket frame of a server")

// appendFrame appends a message as a client sends it, in one masked frame.
// Messages are at most wire.MaxClientMessage long.
func appendFrame(to []byte, op byte, mask uint32, message []byte) []byte {
	to = append(to, finalBit|op)
	if n := len(message); n < 126 {
		to = append(to, maskBit|byte(n))
	} else {
		to = append(to, maskBit|126, byte(n>>8), byte(n))
	}
	to = binary.BigEndian.AppendUint32(to, mask)
	key := [4]byte(to[len(to)-4:])
	for i, b := range message {
		to = append(to, b^key[i&3])
	}
	return to
}

// frame is one frame of a server. Its payload is part of what was read.
type frame struct {
	op      byte
	final   bool
	payload []byte
}

// nextFrame takes one frame from the beginning of data. Its size is 0 if the
// rest of it has not come yet.
func nextFrame(data []byte) (f frame, size int, err error) {
	if len(data) < 2 {
		return frame{}, 0, nil
	}
	f.final, f.op = data[0]&finalBit != 0, data[0]&0x0f
	if data[0]&otherBits != 0 || data[1]&maskBit != 0 {
		return frame{}, 0, errFrame
	}
	head, length := 2, uint64(data[1])
	switch {
	case length == 126 && len(data) >= 4:
		head, length = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case length == 127 && len(data) >= 10:
		head, length = 10, binary.BigEndian.Uint64(data[2:])
	case length >= 126:
		return frame{}, 0, nil
	}
	if length > maxMessage {
		return frame{}, 0, fmt.Errorf("%w: it is %d bytes long", errFrame, length)
	}
	if f.op >= opClose && (!f.final || length > 125) {
		return frame{}, 0, errFrame
	}
	size = head + int(length)
	if size > len(data) {
		return frame{}, 0, nil
	}
	f.payload = data[head:size]
	return f, size, nil
}

// messages joins the frames of one connection to messages. It belongs to one
// goroutine.
type messages struct {
	rest  []byte // of a frame that has not come whole
	parts []byte // of a message in several frames
	op    byte   // of that message; 0: there is none
}

// take reads all frames of data, which follows what was taken before, and
// hands on every message and control frame. They are valid during the call.
func (m *messages) take(data []byte, hear func(op byte, payload []byte) error) error {
	for len(data) > 0 {
		f, size, err := nextFrame(data)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		data = data[size:]
		if err := m.join(f, hear); err != nil {
			return err
		}
	}
	if len(data) == 0 {
		m.rest = nil // most of the time nothing is left, and nothing is kept
		return nil
	}
	m.rest = append(make([]byte, 0, len(data)), data...)
	return nil
}

func (m *messages) join(f frame, hear func(op byte, payload []byte) error) error {
	switch {
	case f.op >= opClose:
		return hear(f.op, f.payload)
	case f.op == opMore && m.op == 0, f.op != opMore && m.op != 0:
		return errFrame
	case f.final && f.op != opMore:
		return hear(f.op, f.payload)
	}
	if f.op != opMore {
		m.op = f.op
	}
	if len(m.parts)+len(f.payload) > maxMessage {
		return fmt.Errorf("%w: the message is longer than %d bytes", errFrame, maxMessage)
	}
	m.parts = append(m.parts, f.payload...)
	if !f.final {
		return nil
	}
	op, whole := m.op, m.parts
	m.op, m.parts = 0, nil
	return hear(op, whole)
}
