package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// largestError is up to how many bytes of an answer that is no media are kept.
const largestError = 64 << 10

var errLargeError = errors.New("the origin answers with an error of more than 64 KiB")

var errOwn = errors.New("the origin lets in viewers and not this server: it is of another release, or the servers' secrets or clocks differ")

// request loads an object as a whole. Errors: everything but an answer.
func (e *Edge) request(ctx context.Context, cancel context.CancelCauseFunc, base string, a *ask, kept *object) (*object, error) {
	req, err := a.request(ctx, http.MethodGet, base)
	if err != nil {
		return nil, err
	}
	if kept != nil && kept.whole && kept.etag != "" {
		req.Header["If-None-Match"] = []string{kept.etag}
	}
	e.count.asked.Add(1)
	resp, err := e.cfg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the origin: %w", bare(err))
	}
	defer resp.Body.Close()
	slow := time.AfterFunc(e.cfg.BodyTimeout, func() { cancel(errSlow) })
	defer slow.Stop()
	if resp.StatusCode == http.StatusNotModified && kept != nil {
		return kept.renewed(resp.Header), nil
	}
	if a.own && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden) {
		e.complain(a.channel, base, errOwn)
		return &object{key: a.key, status: resp.StatusCode, alone: true, born: time.Now(), fresh: ownFresh}, nil
	}
	return e.receive(resp, a)
}

// bare is err without the address, which holds the token or path of a viewer.
func bare(err error) error {
	if at, ok := errors.AsType[*url.Error](err); ok {
		return at.Err
	}
	return err
}

// request makes one to an origin, with nothing of a viewer's in it except what
// decides about the answer.
func (a *ask) request(ctx context.Context, method, base string) (*http.Request, error) {
	target := strings.TrimSuffix(base, "/") + a.key.path
	query := a.key.query
	if a.token != "" {
		query = a.token
	}
	if query != "" {
		target += "?" + query
	}
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the origin: %w", bare(err))
	}
	req.Header["Accept-Encoding"] = []string{"identity"}
	if a.key.gzip {
		req.Header["Accept-Encoding"] = []string{"gzip"}
	}
	if a.auth != "" {
		req.Header["Authorization"] = []string{a.auth}
	}
	req.Header[hops] = []string{strings.Repeat("1", int(a.key.hops)+1)}
	return req, nil
}

// receive makes an object of an answer.
func (e *Edge) receive(resp *http.Response, a *ask) (*object, error) {
	limit := e.cfg.MaxObject
	switch {
	case resp.StatusCode == http.StatusOK:
	case resp.StatusCode >= http.StatusBadRequest:
		limit = min(limit, largestError)
	default:
		return nil, fmt.Errorf("the origin answers with status %d", resp.StatusCode)
	}
	framed := resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || resp.ProtoMajor > 1
	if !framed {
		return nil, errors.New("the origin does not say how long its answer is")
	}
	o := &object{
		key: a.key, status: resp.StatusCode, header: pick(resp.Header), etag: resp.Header.Get("Etag"),
		ranges: resp.Header.Get("Accept-Ranges") == "bytes",
		fresh:  freshness(resp.StatusCode, resp.Header),
		whole:  a.media && resp.StatusCode == http.StatusOK,
		index:  a.index && resp.StatusCode == http.StatusOK,
	}
	o.born = time.Now().Add(-time.Duration(seconds(resp.Header.Get("Age"))) * time.Second)
	o.fresh += time.Since(o.born)
	if a.own && o.status == http.StatusOK {
		o.fresh = ownFresh
	}
	err := e.read(o, resp, limit)
	return o, err
}

// read takes the body in, unless it is too large to be shared, or too much is on
// its way already.
func (e *Edge) read(o *object, resp *http.Response, limit int64) (err error) {
	reserved := resp.ContentLength
	if reserved < 0 {
		reserved = limit
	}
	defer e.onTheWay.Add(-reserved)
	if e.onTheWay.Add(reserved) > e.cfg.MaxBytes || resp.ContentLength > limit {
		if o.status != http.StatusOK {
			return errLargeError
		}
		o.alone = true
		return nil
	}
	if resp.ContentLength >= 0 {
		o.body = make([]byte, resp.ContentLength)
		_, err = io.ReadFull(resp.Body, o.body)
	} else {
		o.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		o.alone = int64(len(o.body)) > limit
		o.header["Content-Length"] = []string{strconv.Itoa(len(o.body))}
	}
	e.count.upstream.Add(uint64(len(o.body)))
	if o.alone {
		o.body = nil
	}
	if err == nil && o.alone && o.status != http.StatusOK {
		err = errLargeError
	}
	if err != nil {
		return fmt.Errorf("load from the origin: %w", err)
	}
	return nil
}

// renewed is o once the origin has said that it is what it was.
func (o *object) renewed(h http.Header) *object {
	next := *o
	next.born, next.fresh = time.Now(), freshness(http.StatusOK, h)
	next.header = make(http.Header, len(o.header))
	for name, v := range o.header {
		next.header[name] = v
	}
	for _, name := range [...]string{"Cache-Control", "Date"} {
		if v := h[name]; len(v) == 1 {
			next.header[name] = v
		}
	}
	return &next
}
