package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

type jsonCodec struct{}

func (jsonCodec) Subprotocol() string { return Subprotocol }

func (jsonCodec) Binary() bool { return false }

func (jsonCodec) Encode(m Message) ([]byte, error) { return Encode(m) }

func (jsonCodec) DecodeClient(data []byte) (Message, error) { return DecodeClient(data) }

func (c jsonCodec) EncodeAt(m Message, offset uint64) ([]byte, error) {
	b, err := c.Append(nil, m)
	if err != nil || offset == 0 {
		return b, err
	}
	b = append(b[:len(b)-1], offsetField...) // before the closing brace
	return append(strconv.AppendUint(b, offset, 10), '}'), nil
}

func (jsonCodec) DecodeServer(data []byte) (Message, uint64, error) {
	m, err := DecodeServer(data)
	if err != nil {
		return nil, 0, err
	}
	offset, err := offsetOf(data)
	if err != nil {
		return nil, 0, fmt.Errorf("decode %s: %w", m.Type(), err)
	}
	return m, offset, nil
}

// Append writes the messages of which there is one for every answer by hand:
// reflection would cost more than all else that is done for them.
func (jsonCodec) Append(b []byte, m Message) ([]byte, error) {
	switch m := m.(type) {
	case *Answer:
		return appendAnswer(b, m), nil
	case *Receipt:
		return appendReceipt(b, m), nil
	case *Refused:
		return appendRefused(b, m), nil
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Type(), err)
	}
	b = append(b, typePrefix...)
	b = append(b, m.Type()...)
	b = append(b, '"')
	if len(body) > len("{}") {
		b = append(b, ',')
	}
	return append(b, body[1:]...), nil
}

// offsetField is how the offset stands at the end of a message.
const offsetField = `,"off":`

// offsetOf returns the field "off" of a message that is valid JSON, 0 if it has
// none. Our own messages end with it: digits before the last brace belong to
// the whole message, so the rest need not be parsed again.
func offsetOf(data []byte) (uint64, error) {
	if !bytes.Contains(data, []byte(`"off"`)) {
		return 0, nil
	}
	end := bytes.TrimSuffix(data, []byte{'}'})
	digits := len(end)
	for digits > 0 && end[digits-1] >= '0' && end[digits-1] <= '9' {
		digits--
	}
	if len(end) < len(data) && bytes.HasSuffix(end[:digits], []byte(offsetField)) {
		return strconv.ParseUint(string(end[digits:]), 10, 64)
	}
	var tail struct {
		Offset uint64 `json:"off"`
	}
	err := json.Unmarshal(data, &tail)
	return tail.Offset, err
}
