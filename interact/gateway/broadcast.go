package gateway

import (
	"sync"

	"github.com/cuelight/cuelight/interact/wire"
)

// broadcast is one message to many. It has one form for each codec, made once,
// by whoever needs it first, and shared by everybody.
type broadcast struct {
	m      wire.Message
	offset uint64 // in the channel's log, 0 if it is not in there
	era    uint32 // of a shared log
	lane   lane
	worth  worth
	about  subject
	forms  [2]form    // text, binary
	bare   *broadcast // the same without offset, nil until somebody needs it
}

// form is a broadcast as one codec writes it.
type form struct {
	once  sync.Once
	frame []byte // of a WebSocket, whole
	data  []byte // what the frame holds; a part of it
	err   error
}

// newBroadcast makes a broadcast and its text, which proves that the message
// can be written. With an offset it is one of the channel's log: those leave in
// the order of the log, and none is left out, whatever they are about (GW25).
func newBroadcast(m wire.Message, offset uint64) (*broadcast, error) {
	about, lane := subjectOf(m)
	b := &broadcast{m: m, offset: offset, lane: lane, worth: worthOf(m), about: about}
	if offset > 0 {
		b.lane, b.worth = laneCue, worthCue
	}
	_, err := b.data(wire.JSON)
	return b, err
}

// data returns the message as codec writes it. Nobody changes it. Safe for
// concurrent use.
func (b *broadcast) data(codec wire.Codec) ([]byte, error) {
	f := b.form(codec)
	return f.data, f.err
}

// framed is data inside a WebSocket frame. As data.
func (b *broadcast) framed(codec wire.Codec) ([]byte, error) {
	f := b.form(codec)
	return f.frame, f.err
}

func (b *broadcast) form(codec wire.Codec) *form {
	f := &b.forms[0]
	if codec.Binary() {
		f = &b.forms[1]
	}
	f.once.Do(func() { f.write(codec, b) })
	return f
}

func (f *form) write(codec wire.Codec, b *broadcast) {
	data, err := codec.EncodeAt(b.m, b.offset)
	if err != nil {
		f.err = err
		return
	}
	f.frame = appendFrame(make([]byte, 0, len(data)+frameHead), opcodeOf(codec), data)
	f.data = f.frame[len(f.frame)-len(data):]
}
