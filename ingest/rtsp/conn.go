package rtsp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const (
	writeTimeout = 10 * time.Second
	// queued is how many messages may wait for the session.
	queued = 256
)

// conn is one publisher's connection. Its goroutines only read; all of its
// state belongs to run.
type conn struct {
	nc       net.Conn
	registry *ingest.Registry
	leave    func() // of the registry's door

	messages chan message
	done     chan struct{} // closed when run ends
	wg       sync.WaitGroup

	session   *ingest.Session
	stop      func() // of the session's guard
	tracks    []*track
	intake    *intake
	recording bool
	sockets   []net.PacketConn
}

func newConn(nc net.Conn, registry *ingest.Registry, leave func()) *conn {
	return &conn{nc: nc, registry: registry, leave: leave, messages: make(chan message, queued), done: make(chan struct{})}
}

// cut makes run end. It may be called from any goroutine.
func (c *conn) cut() { c.nc.Close() }

// run serves the connection until it ends; nothing it started is then running.
func (c *conn) run(ctx context.Context) {
	ended := make(chan error, 1)
	c.wg.Go(func() { ended <- c.readTCP() })
	err := c.protect(func() error { return c.handle(ctx, ended) })
	c.nc.Close()
	close(c.done)
	for _, s := range c.sockets {
		s.Close()
	}
	c.wg.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	c.close(err)
}

// close ends the session, or counts a publisher who never had one.
func (c *conn) close(err error) {
	if c.session != nil {
		c.stop()
		c.session.Close(err)
		return
	}
	if _, ok := errors.AsType[*ingest.Error](err); ok || errors.Is(err, errRequest) {
		c.registry.Refuse(c.ask(), refusal(err))
	}
}

func refusal(err error) error {
	if errors.Is(err, errRequest) {
		return ingest.Errorf(ingest.CodeMalformed, "%v", errRequest)
	}
	return err
}

func (c *conn) ask() ingest.Request {
	return ingest.Request{Protocol: protocol, Remote: c.nc.RemoteAddr().String()}
}

// protect turns a panic into the end of this connection.
func (c *conn) protect(f func() error) (err error) {
	defer func() {
		p := recover()
		switch {
		case p == nil:
		case c.session != nil:
			err = c.session.Panicked(p)
		default:
			err = errRequest
		}
	}()
	return f()
}

// readTCP reads requests, and packets between them.
func (c *conn) readTCP() error {
	r := bufio.NewReaderSize(c.nc, maxLine)
	for {
		m, err := readMessage(r)
		if err != nil {
			return err
		}
		if !c.queue(m) {
			return nil
		}
	}
}

// queue hands m to run and reports whether there is still somebody to read it.
func (c *conn) queue(m message) bool {
	select {
	case c.messages <- m:
		return true
	case <-c.done:
		return false
	}
}

// handle is the session's owner: everything that was read passes here.
func (c *conn) handle(ctx context.Context, ended <-chan error) error {
	for {
		select {
		case m := <-c.messages:
			if over, err := c.take(ctx, m); over || err != nil {
				return err
			}
		case err := <-ended:
			return c.rest(ctx, err)
		}
	}
}

// rest handles what was read before the connection ended.
func (c *conn) rest(ctx context.Context, end error) error {
	for {
		select {
		case m := <-c.messages:
			if over, err := c.take(ctx, m); over || err != nil {
				return err
			}
		default:
			return end
		}
	}
}

func (c *conn) take(ctx context.Context, m message) (over bool, err error) {
	if c.session != nil {
		c.session.Received(m.size)
	}
	if m.request != nil {
		return c.answer(ctx, m.request)
	}
	if !c.recording {
		return false, nil
	}
	return false, c.intake.take(m.packet)
}

// answer carries a request out.
func (c *conn) answer(ctx context.Context, req *request) (over bool, err error) {
	reply, err := c.carryOut(ctx, req)
	if e, ok := errors.AsType[*ingest.Error](err); ok {
		reply = refuse(e)
	}
	if err2 := c.write(reply.marshal(req)); err2 != nil {
		return true, err2
	}
	return req.method == "TEARDOWN", err
}

func (c *conn) write(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

func (c *conn) carryOut(ctx context.Context, req *request) (response, error) {
	switch req.method {
	case "OPTIONS":
		return response{status: 200, reason: "OK", header: [][2]string{
			{"Public", "OPTIONS, ANNOUNCE, SETUP, RECORD, GET_PARAMETER, SET_PARAMETER, TEARDOWN"}}}, nil
	case "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN":
		return okResponse, nil
	case "ANNOUNCE":
		return c.announce(ctx, req)
	case "SETUP":
		return c.setup(req)
	case "RECORD":
		return c.record()
	case "DESCRIBE", "PLAY":
		return response{}, ingest.Errorf(ingest.CodeMode, "this port takes streams in: watch them with a browser at /watch/CHANNEL")
	}
	return response{status: 501, reason: "Not Implemented"}, nil
}

func (c *conn) announce(ctx context.Context, req *request) (response, error) {
	if c.session != nil {
		return response{}, ingest.Errorf(ingest.CodeMalformed, "ANNOUNCE came twice")
	}
	ask := c.ask()
	u, err := url.Parse(req.url)
	if err != nil { // its text holds the key
		return response{}, ingest.Errorf(ingest.CodeMalformed, "the address cannot be read: use rtsp://HOST/CHANNEL?key=KEY")
	}
	path := u.Path
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	ask.Channel, ask.Key = ingest.ParseKey(path)
	session, err := c.registry.Admit(ask)
	if err != nil {
		return refuse(err), errRefused
	}
	c.leave()
	c.session, c.stop = session, session.Guard(ctx, c.cut)
	_ = c.nc.SetReadDeadline(time.Time{}) // from here on the session's limits hold
	if c.tracks, err = parseSDP(req.body); err != nil {
		return response{}, err
	}
	c.intake = newIntake(session, c.tracks)
	return okResponse, nil
}

// errRefused ends a connection whose refusal has been counted and answered.
var errRefused = errors.New("refused")

func (c *conn) setup(req *request) (response, error) {
	t, err := c.trackOf(req.url)
	if err != nil {
		return response{}, err
	}
	transport, err := c.openTransport(t, req.header["Transport"])
	if err != nil {
		return response{}, err
	}
	t.ready = true
	return response{status: 200, reason: "OK", header: [][2]string{{"Transport", transport}, c.sessionHeader()}}, nil
}

// trackOf finds the track whose control attribute ends the address. With one
// track nothing else can be meant.
func (c *conn) trackOf(address string) (*track, error) {
	for _, t := range c.tracks {
		if t.control != "" && (address == t.control || hasSuffixPath(address, t.control)) {
			return t, nil
		}
	}
	if len(c.tracks) == 1 {
		return c.tracks[0], nil
	}
	return nil, ingest.Errorf(ingest.CodeMalformed, "SETUP of a track that ANNOUNCE did not name")
}

func (c *conn) record() (response, error) {
	ready := 0
	for _, t := range c.tracks {
		if t.ready {
			ready++
		}
	}
	if ready == 0 || ready < len(c.tracks) {
		return response{}, ingest.Errorf(ingest.CodeMalformed, "RECORD with %d of %d tracks set up", ready, len(c.tracks))
	}
	c.recording = true
	return response{status: 200, reason: "OK", header: [][2]string{c.sessionHeader()}}, nil
}

func (c *conn) sessionHeader() [2]string { return [2]string{"Session", c.session.Info().Session} }

// refuse says why in the status line, which is what encoders print.
func refuse(err error) response {
	e, ok := errors.AsType[*ingest.Error](err)
	if !ok {
		return response{status: 500, reason: "Internal Server Error"}
	}
	return response{status: status(e.Code), reason: fmt.Sprintf("%.200s", e.Message)}
}

func status(code ingest.Code) int {
	switch code {
	case ingest.CodeWrongKey:
		return 403
	case ingest.CodeUnknownChannel:
		return 404
	case ingest.CodeMode:
		return 405
	case ingest.CodeBusy:
		return 409
	case ingest.CodeUnsupportedCodec:
		return 415
	case ingest.CodeFull:
		return 503
	case ingest.CodeInternal:
		return 500
	default:
		return 400
	}
}
