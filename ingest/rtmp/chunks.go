package rtmp

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/cuelight/cuelight/ingest"
)

// Kinds of message. Spec: RTMP 1.0 §5.4, §7.1.
const (
	kindSetChunkSize  = 1
	kindAbort         = 2
	kindAcknowledge   = 3
	kindUserControl   = 4
	kindWindowAckSize = 5
	kindPeerBandwidth = 6
	kindEdge          = 7
	kindAudio         = 8
	kindVideo         = 9
	kindData3         = 15
	kindShared3       = 16
	kindCommand3      = 17
	kindData          = 18
	kindShared        = 19
	kindCommand       = 20
	kindAggregate     = 22
)

const (
	// maxMessage is what the length field can say.
	maxMessage = 1<<24 - 1
	// maxUnfinished is how much memory messages may take of which pieces are
	// still missing.
	maxUnfinished = 32 << 20
	// maxChunkStreams is how many a peer may use. Encoders use five or six.
	maxChunkStreams = 64
	// readStep is how much of a message is believed to come before it came.
	readStep = 64 << 10
	// extendedMark in the timestamp field says that four bytes follow.
	extendedMark = 1<<24 - 1
	// believableDelta bounds what a timestamp may say when it has to stand for
	// the step to the next message, in milliseconds.
	believableDelta = 1000
)

// message is one RTMP message. Its body belongs to whoever reads it.
type message struct {
	kind   uint8
	stream uint32 // message stream
	time   uint32 // ms, as the peer counts
	body   []byte
}

// chunks puts messages together. It belongs to one goroutine.
// Spec: RTMP 1.0 §5.3.
type chunks struct {
	r          *bufio.Reader
	size       int // of the peer's chunks
	streams    map[uint32]*chunkStream
	unfinished int // capacity of all unfinished bodies

	// Writers disagree whether the chunks that go on with a message repeat its
	// extended timestamp; repeats and bare are what was found out.
	repeats, bare bool
}

// chunkStream is what the chunks of one stream refer to.
type chunkStream struct {
	message
	length    int
	step      uint32 // to the next message, if that has no header
	extended  bool   // the last header's timestamp was extended
	extension uint32
	open      bool // a message is unfinished
}

func newChunks(r *bufio.Reader) *chunks {
	return &chunks{r: r, size: 128, streams: make(map[uint32]*chunkStream)}
}

// next returns the next message. What concerns chunks alone has then been
// obeyed.
//
// Errors: the reader's, and *ingest.Error with CodeMalformed.
func (c *chunks) next() (message, error) {
	for {
		format, s, err := c.basic()
		if err != nil {
			return message{}, err
		}
		if err := c.header(format, s); err != nil {
			return message{}, err
		}
		done, err := c.piece(s)
		if err != nil {
			return message{}, err
		}
		if !done {
			continue
		}
		m := s.message
		c.forget(s)
		return m, c.obey(m)
	}
}

// basic reads a basic header, of one to three bytes.
func (c *chunks) basic() (format byte, s *chunkStream, err error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	var more [2]byte
	id := uint32(b & 0x3f)
	switch id {
	case 0:
		_, err = io.ReadFull(c.r, more[:1])
		id = 64 + uint32(more[0])
	case 1:
		_, err = io.ReadFull(c.r, more[:])
		id = 64 + uint32(more[0]) + uint32(more[1])<<8
	}
	if err != nil {
		return 0, nil, err
	}
	s = c.streams[id]
	if s != nil {
		return b >> 6, s, nil
	}
	// A first message needs a header that says its length and kind.
	if b>>6 > 1 || len(c.streams) == maxChunkStreams {
		return 0, nil, malformed("a chunk refers to one that was never sent, or there are too many chunk streams")
	}
	s = new(chunkStream)
	c.streams[id] = s
	return b >> 6, s, nil
}

// headerLength is by format of the chunk.
var headerLength = [...]int{11, 7, 3, 0}

// header reads the rest of a chunk's header and opens a message, unless the
// chunk goes on with one.
func (c *chunks) header(format byte, s *chunkStream) error {
	if format == 3 {
		if err := c.repeated(s); err != nil {
			return err
		}
		if !s.open {
			s.time += s.step
			c.begin(s)
		}
		return nil
	}
	var h [11]byte
	if _, err := io.ReadFull(c.r, h[:headerLength[format]]); err != nil {
		return err
	}
	at := uint24(h[:])
	if s.extended = at == extendedMark; s.extended {
		var ext [4]byte
		if _, err := io.ReadFull(c.r, ext[:]); err != nil {
			return err
		}
		at = binary.BigEndian.Uint32(ext[:])
		s.extension = at
	}
	s.stamp(format, at)
	if format < 2 {
		s.length, s.kind = int(uint24(h[3:])), h[6]
	}
	if format == 0 {
		s.stream = binary.LittleEndian.Uint32(h[7:])
	}
	c.begin(s)
	return nil
}

// stamp takes an absolute timestamp or a step. After an absolute one the
// specification has the next message take the same number as its step, and
// some writers mean nothing by it: near zero it may be a step.
func (s *chunkStream) stamp(format byte, at uint32) {
	if format != 0 {
		s.time += at
		s.step = at
		return
	}
	s.time, s.step = at, 0
	if at < believableDelta {
		s.step = at
	}
}

// begin opens a message; an unfinished one before it is lost.
func (c *chunks) begin(s *chunkStream) {
	c.forget(s)
	s.open = true
}

func (c *chunks) forget(s *chunkStream) {
	c.unfinished -= cap(s.body)
	s.body, s.open = nil, false
}

// repeated takes the extended timestamp before a chunk that has no header, if
// it is there.
func (c *chunks) repeated(s *chunkStream) error {
	if !s.extended || c.bare {
		return nil
	}
	b, err := c.r.Peek(4)
	if err != nil {
		return err
	}
	switch v := binary.BigEndian.Uint32(b); {
	case v == s.extension, v == s.time:
		c.repeats = true
	case v == 0, c.repeats: // some leave the room and write nothing
	default:
		c.bare = true
		return nil
	}
	_, err = c.r.Discard(4)
	return err
}

// piece reads a chunk's part of its message and reports whether that is whole.
func (c *chunks) piece(s *chunkStream) (done bool, err error) {
	for left := min(c.size, s.length-len(s.body)); left > 0; {
		n := min(left, readStep)
		if err := c.room(s, n); err != nil {
			return false, err
		}
		end := len(s.body) + n
		if _, err := io.ReadFull(c.r, s.body[len(s.body):end]); err != nil {
			return false, err
		}
		s.body = s.body[:end]
		left -= n
	}
	return len(s.body) == s.length, nil
}

// room makes a message's memory ready for n more bytes. It grows with what has
// come, not with what is claimed, and ends as large as the message.
func (c *chunks) room(s *chunkStream, n int) error {
	have := len(s.body)
	if cap(s.body)-have >= n {
		return nil
	}
	size := min(s.length, max(have+n, 2*have, readStep))
	c.unfinished += size - cap(s.body)
	if c.unfinished > maxUnfinished {
		return malformed("more than %d MiB of unfinished messages", maxUnfinished>>20)
	}
	s.body = append(make([]byte, 0, size), s.body...)
	return nil
}

// obey does what a message says about chunks.
func (c *chunks) obey(m message) error {
	if m.kind != kindSetChunkSize && m.kind != kindAbort {
		return nil
	}
	if len(m.body) < 4 {
		return malformed("a message about chunks is too short")
	}
	v := binary.BigEndian.Uint32(m.body)
	if m.kind == kindAbort {
		if s := c.streams[v]; s != nil {
			c.forget(s)
		}
		return nil
	}
	if v == 0 || v >= 1<<31 {
		return malformed("chunks of %d bytes", v)
	}
	c.size = int(min(v, maxMessage))
	return nil
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// malformed is the error of bytes that make no sense.
func malformed(format string, args ...any) *ingest.Error {
	return ingest.Errorf(ingest.CodeMalformed, format+": restart the encoder", args...)
}
