package wire

import (
	"errors"
	"fmt"
)

// ErrMsgpack means bytes that are not MessagePack as the codec Msgpack takes
// it.
var ErrMsgpack = errors.New("not a MessagePack message")

// msgpackCodec carries the JSON of a message in the bytes of MessagePack, so
// that one set of types and one judge of what fits them serves both codecs.
// Messages of which there is one for every answer take a shorter way.
type msgpackCodec struct{}

func (msgpackCodec) Subprotocol() string { return SubprotocolMsgpack }

func (msgpackCodec) Binary() bool { return true }

func (c msgpackCodec) Encode(m Message) ([]byte, error) { return c.Append(nil, m) }

func (msgpackCodec) EncodeAt(m Message, offset uint64) ([]byte, error) {
	text, err := jsonCodec{}.EncodeAt(m, offset)
	if err != nil {
		return nil, err
	}
	return packMessage(nil, m, text)
}

func (msgpackCodec) Append(b []byte, m Message) ([]byte, error) {
	switch m := m.(type) {
	case *Answer:
		return packAnswer(b, m), nil
	case *Receipt:
		return packReceipt(b, m), nil
	case *Refused:
		return packRefused(b, m), nil
	}
	text, err := jsonCodec{}.Append(nil, m)
	if err != nil {
		return nil, err
	}
	return packMessage(b, m, text)
}

func packMessage(b []byte, m Message, text []byte) ([]byte, error) {
	b, err := pack(b, text)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Type(), err)
	}
	return b, nil
}

func (msgpackCodec) DecodeClient(data []byte) (Message, error) {
	if answer, ok := unpackAnswer(data); ok {
		return answer, nil
	}
	text, err := unpack(data)
	if err != nil {
		return nil, fmt.Errorf("decode message: %w", err)
	}
	return DecodeClient(text)
}

func (msgpackCodec) DecodeServer(data []byte) (Message, uint64, error) {
	if receipt, ok := unpackReceipt(data); ok {
		return receipt, 0, nil
	}
	text, err := unpack(data)
	if err != nil {
		return nil, 0, fmt.Errorf("decode message: %w", err)
	}
	return jsonCodec{}.DecodeServer(text)
}
