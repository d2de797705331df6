package gateway

import (
	"encoding/binary"

	"github.com/gorilla/websocket"

	"github.com/cuelight/cuelight/interact/wire"
)

// frameHead is the longest head of a frame that a server sends.
const frameHead = 10

// Frames are made here, not by websocket.Conn, because a write that must not
// wait has to know its bytes: what did not fit is written later from there on.

// appendFrame adds one whole frame that holds payload.
// Spec: RFC 6455 §5.2.
func appendFrame(b []byte, opcode int, payload []byte) []byte {
	b = appendHead(b, opcode, len(payload))
	return append(b, payload...)
}

func appendHead(b []byte, opcode, length int) []byte {
	const final = 0x80
	b = append(b, final|byte(opcode))
	switch {
	case length < 126:
		return append(b, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(length))
	}
}

// appendMessage adds one frame that holds m. The head is as long as the message
// makes it, so room for the longest is left and what is not needed taken out.
func appendMessage(b []byte, codec wire.Codec, m wire.Message) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, frameHead)...)
	b, err := codec.Append(b, m)
	if err != nil {
		return b, err
	}
	payload := b[start+frameHead:]
	head := appendHead(b[start:start:start+frameHead], opcodeOf(codec), len(payload))
	if len(head) < frameHead {
		copy(b[start+len(head):], payload)
		b = b[:len(b)-frameHead+len(head)]
	}
	return b, nil
}

func opcodeOf(codec wire.Codec) int {
	if codec.Binary() {
		return websocket.BinaryMessage
	}
	return websocket.TextMessage
}
