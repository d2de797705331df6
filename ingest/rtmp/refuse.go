package rtmp

import (
	"errors"
	"io"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const (
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

// refuse tells the peer why it must go and waits until it has gone. Nil and
// errors that are not for the peer tell nothing.
func (c *conn) refuse(err error) {
	reason, ok := errors.AsType[*ingest.Error](err)
	if !ok || !c.greeted {
		return
	}
	_ = c.wire.SetDeadline(time.Now().Add(linger))
	if c.status("error", statusCode(reason.Code), reason.Message) == nil && c.wire.release() == nil {
		c.wire.drain()
	}
}

// farewell answers an encoder that ended its stream.
func (c *conn) farewell() {
	_ = c.wire.SetDeadline(time.Now().Add(linger))
	if c.status("status", "NetStream.Unpublish.Success", "unpublished") == nil && c.wire.release() == nil {
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
