package wire

// Codec is one way to write messages into frames. All codecs carry the same
// messages with the same names; each is safe for concurrent use.
type Codec interface {
	// Subprotocol is the codec's name in the WebSocket handshake.
	Subprotocol() string
	// Binary says that frames are binary, not text.
	Binary() bool
	// Encode writes m, its type first.
	Encode(m Message) ([]byte, error)
	// EncodeAt writes m with its offset in the channel's log as the last field
	// "off"; 0 is none.
	EncodeAt(m Message, offset uint64) ([]byte, error)
	// Append adds what Encode writes to b.
	Append(b []byte, m Message) ([]byte, error)
	// DecodeClient reads a message that a client sent. It keeps nothing of the
	// data and does not judge the values.
	//
	// Errors: ErrUnknownType; ErrMsgpack; a JSON error.
	DecodeClient(data []byte) (Message, error)
	// DecodeServer reads a message that the server sent, and its offset in the
	// channel's log, 0 if it has none. Errors: as DecodeClient.
	DecodeServer(data []byte) (Message, uint64, error)
}

// The codecs.
var (
	// JSON writes text frames, one object a message.
	JSON Codec = jsonCodec{}
	// Msgpack writes binary frames, one MessagePack map a message with the
	// fields that JSON has, in the same order.
	Msgpack Codec = msgpackCodec{}
)

// The subprotocols of the WebSocket handshake.
const (
	// Subprotocol is that of the codec JSON.
	Subprotocol = "cuelight.v1.json"
	// SubprotocolMsgpack is that of the codec Msgpack.
	SubprotocolMsgpack = "cuelight.v1.msgpack"
)

// Subprotocols are the names of all codecs. A server takes the first of the
// client's that is among them.
var Subprotocols = []string{SubprotocolMsgpack, Subprotocol}

// CodecOf returns the codec of a subprotocol, and whether there is one.
func CodecOf(subprotocol string) (Codec, bool) {
	switch subprotocol {
	case Subprotocol:
		return JSON, true
	case SubprotocolMsgpack:
		return Msgpack, true
	default:
		return nil, false
	}
}
