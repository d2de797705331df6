package rtmp

import (
	"errors"
	"io"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/cuelight/cuelight/ingest"
)

const (
	// statusChunkStream is one that the library has not written to: what it
	// wrote last may have been taken back, and chunk headers refer to the chunk
	// before them.
	statusChunkStream = 4
	// streamOne is message stream 1 in the byte order of the library.
	streamOne = 0x1000000
	// linger is how long a refused peer may take to read why.
	linger = 2 * time.Second
	// lingerBytes is how much it may still send meanwhile.
	lingerBytes = 4 << 20
)

// statusCode is what encoders look at: OBS and ffmpeg give up on these, and
// show the description in their logs.
func statusCode(code ingest.Code) string {
	switch code {
	case ingest.CodeUnknownChannel, ingest.CodeBusy:
		return "NetStream.Publish.BadName"
	case ingest.CodeMode:
		return "NetStream.Play.Failed"
	case ingest.CodeWrongKey:
		return "NetStream.Publish.Denied"
	default:
		return "NetStream.Publish.Rejected"
	}
}

// refuse tells the peer why it must go and waits until it has gone. An answer
// still held back is never sent.
func (c *conn) refuse(err error) {
	reason, ok := errors.AsType[*ingest.Error](err)
	if !ok || !c.greeted {
		return
	}
	c.wire.takeBack()
	_ = c.wire.SetDeadline(time.Now().Add(linger))
	err = c.rtmp.Write(&message.CommandAMF0{
		ChunkStreamID:   statusChunkStream,
		MessageStreamID: streamOne,
		Name:            "onStatus",
		Arguments: []any{
			nil,
			amf0.Object{
				{Key: "level", Value: "error"},
				{Key: "code", Value: statusCode(reason.Code)},
				{Key: "description", Value: reason.Message},
			},
		},
	})
	if err == nil && c.wire.release() == nil {
		c.wire.drain()
	}
}

// drain reads until the peer closes, because closing a socket with unread
// bytes resets it, and the peer would lose our last message.
func (w *wire) drain() {
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = w.Conn.SetReadDeadline(time.Now().Add(linger))
	_, _ = io.CopyN(io.Discard, w.Conn, lingerBytes)
}

// interrupt makes a blocked Read return and leaves the connection able to
// carry a last message. It may be called from any goroutine.
func (w *wire) interrupt() { _ = w.Conn.SetReadDeadline(time.Unix(1, 0)) }
