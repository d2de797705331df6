package hlstest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Limits of a probe, against servers that mean it ill.
const (
	maxRedirects  = 5
	maxRequests   = 100_000
	maxTotal      = 4 << 30 // bytes of bodies
	maxRenditions = 16
	maxHeld       = 512 << 20 // bytes of all bodies that are being read
)

var (
	errScheme    = errors.New("not an http or https URL")
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errBudget    = errors.New("the probe's limit of requests or bytes is used up")
	errHeld      = errors.New("more was sent at once than the probe can hold")
)

// getter makes requests and counts them. It is safe for concurrent use.
type getter struct {
	client   *http.Client
	now      func() time.Time
	requests atomic.Int64
	bytes    atomic.Int64
	held     atomic.Int64 // bytes of bodies that are being read
}

func newGetter(c *http.Client, now func() time.Time) *getter {
	if c == nil {
		c = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32,
			TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		}}
	}
	own := *c
	own.Jar = nil // a server that needs cookies cannot be cached
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxRedirects:
			return errRedirects
		case r.URL.Scheme != "http" && r.URL.Scheme != "https":
			return errScheme
		}
		return nil
	}
	return &getter{client: &own, now: now}
}

// get requests a URL and reads the answer up to limit bytes. It returns within
// the timeout. What went wrong is in the exchange.
func (g *getter) get(ctx context.Context, target string, timeout time.Duration, limit int64, header http.Header) (Exchange, []byte) {
	e := Exchange{URL: target, Sent: g.now()}
	var body []byte
	g.exchange(ctx, &e, timeout, header, func(r *http.Response, raw io.Reader) (err error) {
		body, err = g.body(r, raw, limit)
		e.Size = int64(len(body))
		return err
	})
	return e, body
}

// discard requests a URL and keeps nothing of the answer but its size, up to
// the limit of media.
func (g *getter) discard(ctx context.Context, target string, timeout time.Duration, header http.Header) Exchange {
	e := Exchange{URL: target, Sent: g.now()}
	g.exchange(ctx, &e, timeout, header, func(_ *http.Response, raw io.Reader) (err error) {
		e.Size, err = io.Copy(io.Discard, io.LimitReader(raw, maxMedia+1))
		g.bytes.Add(e.Size)
		if err == nil && e.Size > maxMedia {
			err = tooLong(maxMedia)
		}
		return err
	})
	return e
}

// exchange makes a request and has the body read.
func (g *getter) exchange(ctx context.Context, e *Exchange, timeout time.Duration, header http.Header, read func(*http.Response, io.Reader) error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := g.fetch(ctx, e, header, read)
	e.Received = g.now()
	if e.FirstByte.IsZero() {
		e.FirstByte = e.Received
	}
	if err != nil {
		e.Err = clip(err.Error())
	}
}

func (g *getter) fetch(ctx context.Context, e *Exchange, header http.Header, read func(*http.Response, io.Reader) error) error {
	if g.requests.Add(1) > maxRequests || g.bytes.Load() > maxTotal {
		return errBudget
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return errScheme
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return err
	}
	// A browser's player sends an origin, and asks for gzip.
	r.Header.Set("Origin", "https://probe.invalid")
	r.Header.Set("Accept-Encoding", "gzip")
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := g.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	e.URL = answer.Request.URL.String()
	e.Status, e.Header, e.Proto = answer.StatusCode, answer.Header, answer.Proto
	if answer.TLS != nil {
		e.TLS = answer.TLS.Version
	}
	return read(answer, &firstRead{r: answer.Body, now: g.now, at: &e.FirstByte})
}

// body reads an answer, decompressed.
func (g *getter) body(answer *http.Response, from io.Reader, limit int64) ([]byte, error) {
	raw, err := g.readAll(from, limit)
	if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		return raw, err
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	return g.readAll(z, limit)
}

// readAll reads up to limit bytes; more is an error.
func (g *getter) readAll(r io.Reader, limit int64) ([]byte, error) {
	h := &heldRead{r: io.LimitReader(r, limit+1), g: g}
	b, err := io.ReadAll(h)
	g.held.Add(-h.n)
	if err == nil && int64(len(b)) > limit {
		return nil, tooLong(limit)
	}
	return b, err
}

func tooLong(limit int64) error { return fmt.Errorf("the answer is longer than %d bytes", limit) }

// heldRead counts what is held of an answer, which all answers together must
// not overdo.
type heldRead struct {
	r io.Reader
	g *getter
	n int64
}

func (h *heldRead) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	h.n += int64(n)
	h.g.bytes.Add(int64(n))
	if h.g.held.Add(int64(n)) > maxHeld {
		return n, errHeld
	}
	return n, err
}

// firstRead notes when the first byte came.
type firstRead struct {
	r   io.Reader
	now func() time.Time
	at  *time.Time
}

func (f *firstRead) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if (n > 0 || err != nil) && f.at.IsZero() {
		*f.at = f.now()
	}
	return n, err
}
