package rtmp

import (
	"bufio"
	"bytes"
	"net"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// Message is an RTMP message for tests.
type Message struct {
	Kind   uint8
	Stream uint32
	Time   uint32
	Body   []byte
}

func (m Message) inner() message {
	return message{kind: m.Kind, stream: m.Stream, time: m.Time, body: m.Body}
}

func outer(m message) Message {
	return Message{Kind: m.kind, Stream: m.stream, Time: m.time, Body: m.body}
}

// ReadChunks returns the messages in data and what came after them.
func ReadChunks(data []byte) ([]Message, error) {
	c := newChunks(bufio.NewReader(bytes.NewReader(data)))
	var messages []Message
	for {
		m, err := c.next()
		if err != nil {
			return messages, err
		}
		messages = append(messages, outer(m))
	}
}

// ReadAMF reads values; objects are map[string]any.
func ReadAMF(body []byte) ([]any, error) {
	values, err := readAMF(body)
	for i, v := range values {
		if o, ok := v.(object); ok {
			values[i] = map[string]any(o)
		}
	}
	return values, err
}

// Packet is one track's part of a message.
type Packet struct {
	Track  uint8
	Codec  any
	What   int // 0 configuration, 1 frame
	Offset int32
	Body   string
}

// ReadTag reads a video or audio message.
func ReadTag(kind media.Kind, body []byte) ([]Packet, error) {
	read := readVideo
	if kind == media.Audio {
		read = readAudio
	}
	packets, err := read(body)
	var out []Packet
	for _, p := range packets {
		out = append(out, Packet{p.track, p.codec, int(p.what), p.offset, string(p.body)})
	}
	return out, err
}

// Configure reads a codec's configuration.
func Configure(codec string, body []byte) (media.Codec, error) {
	c, _, err := configure(codec, body)
	return c, err
}

// ReadAggregate takes a message of several apart.
func ReadAggregate(m Message) ([]Message, error) {
	inner, err := readAggregate(m.inner())
	var out []Message
	for _, m := range inner {
		out = append(out, outer(m))
	}
	return out, err
}

// Extend makes timestamps count on.
func Extend(raw ...uint32) []int64 {
	t := newTimestamps()
	var out []int64
	for _, r := range raw {
		out = append(out, t.at(r))
	}
	return out
}

// ClockTime reads the date and time of onFI.
func ClockTime(date, at string, arrival time.Time) (time.Time, bool) {
	return clockTime(object{"sd": date, "st": at}, arrival)
}

// Printable is what is shown of an encoder's name.
func Printable(text string) string { return printable(text) }

// StreamKey finds the stream key.
func StreamKey(app, name string) (string, ingest.Secret) { return streamKey(app, name) }

// Intake turns messages into the calls of a session.
type Intake struct {
	in      *intake
	Encoder string
	Ignored int
}

// Publisher is what an intake calls.
type Publisher = publisher

// NewIntake returns one that calls p.
func NewIntake(p Publisher) *Intake {
	i := new(Intake)
	i.in = newIntake(p, func(name string) { i.Encoder = name }, func() { i.Ignored++ })
	return i
}

// Take handles one message.
func (i *Intake) Take(m Message, arrival time.Time) error { return i.in.take(m.inner(), arrival) }

// Split takes a frame apart as a track with such a configuration does.
func Split(codec string, config, body []byte) ([][]byte, error) {
	c, f, err := configure(codec, config)
	if err != nil || c == nil {
		return nil, err
	}
	return split(c, f, body)
}

// Converse runs a connection whose peer sends these bytes after the handshake,
// and whose media go to p. It returns the stream key's channel.
func Converse(sent []byte, p Publisher) (channel string, err error) {
	c := newConn(&tape{Reader: bytes.NewReader(sent)}, nil, func() {})
	c.wire.acknowledge = c.acknowledge
	if err := c.negotiate(); err != nil {
		return "", err
	}
	channel, _ = streamKey(c.wish.app, c.wish.name)
	c.wire.received = func(int) {}
	in := newIntake(p, func(string) {}, func() {})
	for {
		m, err := c.next()
		if err != nil {
			return channel, err
		}
		if err := in.take(m, c.wire.arrival); err != nil {
			return channel, err
		}
	}
}

// tape is a connection that plays what the peer sent.
type tape struct {
	net.Conn
	*bytes.Reader
}

func (t *tape) Read(p []byte) (int, error)       { return t.Reader.Read(p) }
func (t *tape) Write(p []byte) (int, error)      { return len(p), nil }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }
