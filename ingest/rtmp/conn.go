package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"

	"github.com/cuelight/cuelight/ingest"
)

const protocol = "rtmp"

// serve is one connection from its first byte to its last.
func (s *Server) serve(ctx context.Context, nc net.Conn) {
	defer nc.Close()
	unhook := context.AfterFunc(ctx, func() { nc.Close() })
	defer unhook()
	remote := nc.RemoteAddr().String()
	leave, ok := s.Registry.Enter(protocol, remote)
	if !ok {
		return
	}
	defer leave()
	_ = nc.SetDeadline(time.Now().Add(s.Registry.HandshakeTimeout()))
	c := &conn{wire: newWire(nc)}
	req, err := c.greet()
	req.Protocol, req.Remote = protocol, remote
	if err != nil {
		if !quiet(err) {
			c.refuse(s.Registry.Refuse(req, err))
		}
		return
	}
	session, err := s.Registry.Admit(req)
	if err != nil {
		c.refuse(err)
		return
	}
	leave()
	c.publish(ctx, session)
}

// quiet reports whether a connection ended before it asked for anything, as
// port scanners and health checks do.
func quiet(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// conn is one publisher's connection.
type conn struct {
	wire *wire
	rtmp *gortmplib.ServerConn
	// greeted says that the peer understands RTMP, so that it can be told why
	// it is refused.
	greeted bool
}

// greet goes on until the peer has said what it wants; our answer to that is
// still held back.
func (c *conn) greet() (req ingest.Request, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = ingest.Errorf(ingest.CodeMalformed, "this is not how an RTMP publisher begins (%v)", p)
		}
	}()
	c.rtmp = &gortmplib.ServerConn{RW: c.wire}
	if err := c.rtmp.Initialize(); err != nil {
		return req, handshakeError(err)
	}
	c.greeted = true
	if err := c.rtmp.Accept(); err != nil {
		return req, handshakeError(err)
	}
	req.Channel, req.Key = keyOf(c.rtmp.URL)
	if !c.rtmp.Publish {
		return req, ingest.Errorf(ingest.CodeMode, "this port takes streams in: watch them with a browser at /watch/CHANNEL")
	}
	return req, nil
}

// handshakeError says what went wrong in words of ours: the library's hold
// whole commands and URLs, and with them stream keys.
func handshakeError(err error) error {
	if quiet(err) {
		return err
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return ingest.Errorf(ingest.CodeMalformed, "the stream key has characters that a URL cannot have: use CHANNEL:KEY")
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return ingest.Errorf(ingest.CodeTimeout, "the handshake took too long")
	}
	if errors.Is(err, errGreeting) {
		return ingest.Errorf(ingest.CodeMalformed, "more than %d KiB before publishing", greeting>>10)
	}
	return ingest.Errorf(ingest.CodeMalformed, "this is not how an RTMP publisher begins")
}

// keyOf finds the stream key in rtmp://HOST/APP/KEY. The usual APP is "live";
// without one the whole path is the key.
func keyOf(u *url.URL) (channel string, key ingest.Secret) {
	path := strings.TrimPrefix(u.Path, "/")
	if app, rest, ok := strings.Cut(path, "/"); ok && app == "live" {
		path = rest
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return ingest.ParseKey(path)
}

// publish runs an admitted session.
func (c *conn) publish(ctx context.Context, session *ingest.Session) {
	c.wire.received = session.Received
	_ = c.wire.SetDeadline(time.Time{}) // from here on the session's limits hold
	stop := session.Guard(ctx, c.wire.interrupt)
	defer stop()
	err := session.Protect(func() error { return c.readMedia(session) })
	if ctx.Err() != nil {
		err = nil
	}
	if public := session.Close(err); public != nil {
		c.refuse(public)
	}
}

func (c *conn) readMedia(session *ingest.Session) error {
	if err := c.wire.release(); err != nil {
		return err
	}
	in := newIntake(session)
	for {
		msg, err := c.rtmp.Read()
		if err != nil {
			return messageError(err)
		}
		if err := in.take(msg, c.wire.arrival); err != nil {
			return err
		}
	}
}

// messageError tells the end of a connection from a codec that the library
// cannot read and from bytes that make no sense; its errors have no types.
func messageError(err error) error {
	if _, ok := errors.AsType[net.Error](err); ok || quiet(err) {
		return err
	}
	if text := err.Error(); strings.HasPrefix(text, "unsupported ") {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "%s: set the encoder to H.264 video and AAC audio", text)
	}
	return ingest.Errorf(ingest.CodeMalformed, "an RTMP message makes no sense: %v", err)
}
