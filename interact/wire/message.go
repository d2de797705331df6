package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Version is the protocol version that hello and welcome carry.
const Version = 1

// MaxClientMessage is the largest message a client may send, in bytes.
const MaxClientMessage = 4096

// Message is anything with a type. All messages are plain data; whoever
// receives one may keep it, nobody changes one after sending it.
type Message interface {
	// Type is the value of the field "t".
	Type() string
}

// ErrUnknownType means a message whose "t" is not one of ours.
var ErrUnknownType = errors.New("unknown message type")

// Encode writes m as JSON with its type first.
func Encode(m Message) ([]byte, error) { return jsonCodec{}.Append(nil, m) }

// DecodeClient reads a message that a client sent, as JSON.
//
// Errors: ErrUnknownType; a JSON error. It does not judge the values.
func DecodeClient(data []byte) (Message, error) {
	if answer, ok := scanAnswer(data); ok {
		return answer, nil
	}
	return decodeClient(data)
}

func decodeClient(data []byte) (Message, error) {
	return decode(data, func(t string) Message {
		switch t {
		case "hello":
			return new(Hello)
		case "answer":
			return new(Answer)
		case "opened":
			return new(Opened)
		case "closed":
			return new(Closed)
		case "status":
			return new(Status)
		case "pong":
			return new(Alive)
		default:
			return nil
		}
	})
}

// DecodeServer reads a message that the server sent, as JSON.
//
// Errors: as DecodeClient.
func DecodeServer(data []byte) (Message, error) {
	if receipt, ok := scanReceipt(data); ok {
		return receipt, nil
	}
	return decodeServer(data)
}

func decodeServer(data []byte) (Message, error) {
	return decode(data, func(t string) Message {
		switch t {
		case "welcome":
			return new(Welcome)
		case "timeline":
			return new(Timeline)
		case "cue":
			return new(CueChanged)
		case "key":
			return new(Key)
		case "grace":
			return new(Grace)
		case "removed":
			return new(Removed)
		case "tally":
			return new(Tally)
		case "receipt":
			return new(Receipt)
		case "refused":
			return new(Refused)
		case "presence":
			return new(Presence)
		case "roster":
			return new(Roster)
		case "openings":
			return new(Openings)
		case "health":
			return new(Health)
		case "bye":
			return new(Bye)
		default:
			return nil
		}
	})
}

func decode(data []byte, make func(t string) Message) (Message, error) {
	t, err := typeOf(data)
	if err != nil {
		return nil, fmt.Errorf("decode message: %w", err)
	}
	m := make(t)
	if m == nil {
		return nil, fmt.Errorf("%w: %.32q", ErrUnknownType, t)
	}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("decode %s: %w", t, err)
	}
	return m, nil
}

// typePrefix is how Encode, and the player, begin every message.
const typePrefix = `{"t":"`

// typeOf returns the field "t". Parsing a whole message for it costs as much
// as decoding it, so a message that begins as ours do is read only that far,
// provided that no later "t" could overrule the first.
func typeOf(data []byte) (string, error) {
	if rest, ours := bytes.CutPrefix(data, []byte(typePrefix)); ours {
		if t, after, ok := bytes.Cut(rest, []byte{'"'}); ok && plain(t) && !bytes.Contains(after, []byte(`"t"`)) {
			return string(t), nil
		}
	}
	var head struct {
		T string `json:"t"`
	}
	err := json.Unmarshal(data, &head)
	return head.T, err
}

// plain says that t holds lower-case letters only, so no escapes.
func plain(t []byte) bool {
	for _, c := range t {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return len(t) > 0
}
