package edge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// pieces are buffers for what is passed through.
var pieces = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// conditions are the headers of a viewer that an origin answers when what it
// gives is passed through.
var conditions = [...]string{"If-None-Match", "If-Range", "Range"}

// pass lets one viewer load from the origin, without keeping anything: a
// playlist that is its alone, or what is too large to be shared.
func (e *Edge) pass(w http.ResponseWriter, r *http.Request, a *ask) {
	e.count.passed.Add(1)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	slow := time.AfterFunc(e.cfg.Timeout, func() { cancel(errSlow) })
	defer slow.Stop()
	resp, base := e.reach(ctx, r, a)
	if resp == nil {
		if r.Context().Err() == nil {
			e.giveUp(w, r, a)
		}
		return
	}
	defer resp.Body.Close()
	h := w.Header()
	for name, v := range pick(resp.Header) {
		h[name] = v
	}
	w.WriteHeader(resp.StatusCode)
	if r.Method == http.MethodHead {
		return
	}
	buffer := pieces.Get().(*[64 << 10]byte)
	defer pieces.Put(buffer)
	for {
		slow.Reset(e.cfg.BodyTimeout)
		n, err := resp.Body.Read(buffer[:])
		slow.Stop() // the viewer has a deadline of its own
		e.count.upstream.Add(uint64(n))
		if !e.send(w, buffer[:n]) || err == io.EOF {
			return
		}
		if err != nil {
			if r.Context().Err() == nil {
				e.complain(a.channel, base, fmt.Errorf("load from the origin: %w", err))
			}
			panic(http.ErrAbortHandler) // the answer is too short: cut it off
		}
	}
}

// reach asks the channel's origin, and once more if that gives nothing. It
// returns nil when there is none, and which one answered otherwise.
func (e *Edge) reach(ctx context.Context, r *http.Request, a *ask) (resp *http.Response, base string) {
	for range 2 {
		base, ok := e.cfg.Upstream(a.channel)
		if !ok {
			return nil, ""
		}
		req, err := a.request(ctx, r.Method, base)
		if err != nil {
			return nil, ""
		}
		if a.media {
			for _, name := range conditions {
				if v := r.Header[name]; len(v) == 1 && len(v[0]) <= longestValue {
					req.Header[name] = v
				}
			}
		}
		e.count.asked.Add(1)
		resp, err := e.cfg.Client.Do(req)
		switch {
		case err == nil && (resp.StatusCode < http.StatusMultipleChoices || resp.StatusCode >= http.StatusBadRequest || resp.StatusCode == http.StatusNotModified):
			e.remember(a.channel, base)
			return resp, base
		case err == nil:
			resp.Body.Close()
			return nil, ""
		case ctx.Err() != nil:
			return nil, ""
		}
		e.count.retried.Add(1)
		e.complain(a.channel, base, fmt.Errorf("ask the origin: %w", bare(err)))
	}
	return nil, ""
}

// giveUp answers a request for which there is no origin.
func (e *Edge) giveUp(w http.ResponseWriter, r *http.Request, a *ask) {
	_, there := e.cfg.Upstream(a.channel)
	if _, known := e.origin(a.channel); there || known {
		e.count.away.Add(1)
		e.answer(w, r, away, false)
		return
	}
	e.count.absent.Add(1)
	e.answer(w, r, absent, false)
}
