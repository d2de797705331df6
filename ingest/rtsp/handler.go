package rtsp

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"github.com/cuelight/cuelight/ingest"
)

// handler hears from the library. The text of the library's errors holds what
// clients sent, keys too, and goes nowhere.
type handler struct {
	ctx        context.Context
	registry   *ingest.Registry
	publishers sync.WaitGroup
}

var (
	_ gortsplib.ServerHandlerOnConnClose    = (*handler)(nil)
	_ gortsplib.ServerHandlerOnSessionClose = (*handler)(nil)
	_ gortsplib.ServerHandlerOnRequest      = (*handler)(nil)
	_ gortsplib.ServerHandlerOnResponse     = (*handler)(nil)
	_ gortsplib.ServerHandlerOnAnnounce     = (*handler)(nil)
	_ gortsplib.ServerHandlerOnSetup        = (*handler)(nil)
	_ gortsplib.ServerHandlerOnRecord       = (*handler)(nil)
	_ gortsplib.ServerHandlerOnPacketsLost  = (*handler)(nil)
	_ gortsplib.ServerHandlerOnDecodeError  = (*handler)(nil)
)

// errRefused ends a connection whose refusal has been counted and answered.
var errRefused = errors.New("refused")

var errPlay = ingest.Errorf(ingest.CodeMode, "this port takes streams in: watch them with a browser at /watch/CHANNEL")

func connOf(c *gortsplib.ServerConn) *conn { return c.NetConn().(*conn) }

// ask is what a connection asks for.
func ask(c *conn) ingest.Request {
	return ingest.Request{Protocol: protocol, Remote: c.RemoteAddr().String()}
}

// OnRequest is called before the library looks at the request. It reads the
// body in a goroutine of its own, where nothing would stop a panic; so that is
// tried here first.
func (h *handler) OnRequest(sc *gortsplib.ServerConn, req *base.Request) {
	c := connOf(sc)
	c.method = req.Method
	if req.Method != base.Announce {
		return
	}
	c.encoder = encoderOf(req)
	if !readable(req.Body) {
		req.Body = nil
	}
}

// OnResponse is called before the response is sent.
func (h *handler) OnResponse(sc *gortsplib.ServerConn, res *base.Response) {
	c := connOf(sc)
	res.Header["Server"] = base.HeaderValue{"cuelight"}
	if res.StatusCode < 400 || res.StatusMessage != "" {
		return
	}
	switch c.method {
	case base.Describe, base.Play, base.Pause:
		h.refusePlay(c, res)
	default:
		res.StatusMessage = hints[c.method]
	}
}

func (h *handler) refusePlay(c *conn, res *base.Response) {
	res.StatusCode, res.StatusMessage = statusOf(errPlay)
	if c.publisher == nil && !c.refused {
		h.registry.Refuse(ask(c), errPlay)
		c.refused = true
		c.dismiss()
	}
}

// OnAnnounce decides who publishes.
func (h *handler) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	c := connOf(ctx.Conn)
	if c.publisher != nil {
		return refuse(ingest.Errorf(ingest.CodeMalformed, "ANNOUNCE came twice")), errRefused
	}
	path := ctx.Path
	if ctx.Query != "" {
		path += "?" + ctx.Query
	}
	request := ask(c)
	request.Channel, request.Key = ingest.ParseKey(path)
	session, err := h.registry.Admit(request)
	if err != nil {
		c.refused = true
		return refuse(err), errRefused
	}
	tracks, err := tracksOf(ctx.Description)
	if err != nil {
		c.refused = true
		session.Close(err)
		return refuse(err), errRefused
	}
	c.admit()
	c.publisher = newPublisher(c, ctx.Session, session, tracks)
	ctx.Session.SetUserData(c.publisher)
	h.publishers.Go(func() { c.publisher.run(h.ctx) })
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSetup lets a publisher set its tracks up.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if ctx.Session.UserData() == nil {
		c := connOf(ctx.Conn)
		c.refused = true
		return refuse(h.registry.Refuse(ask(c), errPlay)), nil, errRefused
	}
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

// OnRecord begins the media.
func (h *handler) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	ctx.Session.UserData().(*publisher).listen()
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose is called once no packet of the session comes any more.
func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	p, ok := ctx.Session.UserData().(*publisher)
	if !ok {
		return
	}
	if _, ok := errors.AsType[liberrors.ErrServerSessionTornDown](ctx.Error); ok {
		p.conn.dismiss()
		p.finish(nil)
		return
	}
	p.conn.Close()
	<-p.conn.closed
	p.finish(h.fault(p.conn.end))
}

// OnConnClose ends the session too: with UDP the library would keep it.
func (h *handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	c := connOf(ctx.Conn)
	if c.publisher != nil {
		c.publisher.lib.Close()
	} else if err := h.fault(ctx.Error); err != nil && !c.refused {
		h.registry.Refuse(ask(c), err)
	}
	c.end = ctx.Error
	close(c.closed)
}

// fault is what the client did wrong, nil when it just went.
func (h *handler) fault(err error) error {
	if h.ctx.Err() != nil || ingest.CodeOf(err) == "" {
		return nil
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return nil
	}
	if _, ok := errors.AsType[liberrors.ErrServerTerminated](err); ok {
		return nil
	}
	return ingest.Errorf(ingest.CodeMalformed, "%v", errRequest)
}

// OnPacketsLost counts datagrams that did not come in time.
func (h *handler) OnPacketsLost(ctx *gortsplib.ServerHandlerOnPacketsLostCtx) {
	if p, ok := ctx.Session.UserData().(*publisher); ok {
		p.way.lost.Add(ctx.Lost)
	}
}

// OnDecodeError keeps the library from printing it.
func (h *handler) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}
