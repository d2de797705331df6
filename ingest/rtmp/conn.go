package rtmp

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	rtmpmessage "github.com/bluenviron/gortmplib/pkg/message"

	"github.com/cuelight/cuelight/ingest"
)

// readAhead is how much is read from the system at once.
const readAhead = 16 << 10

// serve is one connection from its first byte to its last.
func (s *Server) serve(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	unhook := context.AfterFunc(ctx, func() { nc.Close() })
	defer unhook()
	req := ingest.Request{Protocol: s.protocol(), Remote: nc.RemoteAddr().String()}
	leave, ok := s.Registry.Enter(req.Protocol, req.Remote)
	if !ok {
		return
	}
	defer leave()
	_ = nc.SetDeadline(time.Now().Add(s.Registry.HandshakeTimeout()))
	secured, err := s.secure(ctx, nc)
	if err != nil {
		s.turnAway(req, err)
		return
	}
	c := newConn(secured, newLink(nc, s.TLS != nil), func() { s.ignored.Add(1) })
	wanted, err := s.greet(c, req.Remote)
	wanted.Protocol, wanted.Remote = req.Protocol, req.Remote
	if err != nil {
		c.refuse(s.turnAway(wanted, err))
		return
	}
	session, err := s.Registry.Admit(wanted)
	if err != nil {
		c.refuse(err)
		return
	}
	leave()
	c.publish(ctx, session)
}

// greet hears what the peer wants. What it sends must not end the process.
func (s *Server) greet(c *conn, remote string) (wanted ingest.Request, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logger().Error("connection panicked", "remote", remote, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = ingest.Errorf(ingest.CodeMalformed, "the server could not read this: report it with its log")
		}
	}()
	return c.greet()
}

// turnAway counts and logs a refusal, unless the peer just left.
func (s *Server) turnAway(req ingest.Request, err error) error {
	if quiet(err) {
		return nil
	}
	return s.Registry.Refuse(req, err)
}

// quiet reports whether a connection ended before it asked for anything, as
// port scanners and health checks do.
func quiet(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// conn is one publisher's connection. It belongs to one goroutine.
type conn struct {
	wire   *wire
	in     *bufio.Reader
	chunks *chunks
	out    *rtmpmessage.Writer
	link   *link
	// ignored is told of each data message that makes no sense.
	ignored func()
	wish    wish
	// greeted says that the peer understands RTMP, so that it can be told why
	// it is refused.
	greeted bool
}

func newConn(nc net.Conn, l *link, ignored func()) *conn {
	c := &conn{wire: newWire(nc), link: l, ignored: ignored}
	c.in = bufio.NewReaderSize(c.wire, readAhead)
	c.chunks = newChunks(c.in)
	c.out = rtmpmessage.NewWriter(c.wire, bytecounter.NewWriter(c.wire), false)
	return c
}

// next returns the next message that is not about the connection itself.
func (c *conn) next() (message, error) {
	for {
		m, err := c.chunks.next()
		if err != nil {
			return message{}, err
		}
		switch m.kind {
		case kindSetChunkSize, kindAbort, kindAcknowledge, kindPeerBandwidth, kindEdge:
		case kindWindowAckSize:
			if len(m.body) >= 4 {
				c.wire.window = binary.BigEndian.Uint32(m.body)
			}
		case kindUserControl:
			if err := c.control(m.body); err != nil {
				return message{}, err
			}
		case kindAudio, kindVideo, kindData, kindData3, kindCommand, kindCommand3, kindShared, kindShared3, kindAggregate:
			return m, nil
		default:
			return message{}, malformed("an RTMP message of kind %d", m.kind)
		}
	}
}

// control answers pings; the rest of what it may say is about players.
func (c *conn) control(body []byte) error {
	const ping = 6
	if len(body) < 6 || binary.BigEndian.Uint16(body) != ping {
		return nil
	}
	return c.out.Write(&rtmpmessage.UserControlPingResponse{ServerTime: binary.BigEndian.Uint32(body[2:])})
}

func (c *conn) acknowledge(total uint32) error {
	return c.out.Write(&rtmpmessage.Acknowledge{Value: total})
}

// publish runs an admitted session.
func (c *conn) publish(ctx context.Context, session *ingest.Session) {
	c.wire.received = session.Received
	_ = c.wire.SetDeadline(time.Time{}) // from here on the session's limits hold
	session.SetLink(c.link.state)
	stop := session.Guard(ctx, c.wire.interrupt)
	defer stop()
	err := session.Protect(func() error { return c.readMedia(session) })
	if ctx.Err() != nil {
		err = nil
	}
	if public := session.Close(err); public != nil {
		c.refuse(public)
	} else if errors.Is(err, errUnpublished) {
		c.farewell()
	}
}

// errUnpublished ends a session whose encoder said goodbye.
var errUnpublished = errors.Join(errors.New("unpublished"), io.EOF)

func (c *conn) readMedia(session *ingest.Session) error {
	if err := c.start(); err != nil {
		return err
	}
	c.link.name(encoderOf(c.wish.flashVer))
	in := newIntake(session, c.link.name, c.ignored)
	for _, m := range c.wish.early {
		if err := in.take(m, c.wire.arrival); err != nil {
			return err
		}
	}
	c.wish.early = nil
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		if cmd, ok := readCommand(m); ok && ends(cmd) {
			return errUnpublished
		}
		if err := in.take(m, c.wire.arrival); err != nil {
			return err
		}
	}
}

// start tells the encoder to go on.
func (c *conn) start() error {
	if err := c.out.Write(&rtmpmessage.UserControlStreamBegin{StreamID: c.wish.stream}); err != nil {
		return err
	}
	if err := c.status("status", "NetStream.Publish.Start", "publishing"); err != nil {
		return err
	}
	return c.wire.release()
}

// ends reports whether a command says that the encoder has finished.
func ends(cmd command) bool {
	return cmd.name == "FCUnpublish" || cmd.name == "deleteStream" || cmd.name == "closeStream"
}

// status tells the peer how its stream does.
func (c *conn) status(level, code, description string) error {
	return c.send("onStatus", 0, max(c.wish.stream, 1), nil, amf0.Object{
		{Key: "level", Value: level},
		{Key: "code", Value: code},
		{Key: "description", Value: description},
	})
}
