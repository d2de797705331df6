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
)

var (
	errScheme    = errors.New("not an http or https URL")
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errBudget    = errors.New("the probe's limit of requests or bytes is used up")
)

// getter makes requests and counts them. It is safe for concurrent use.
type getter struct {
	client   *http.Client
	now      func() time.Time
	requests atomic.Int64
	bytes    atomic.Int64
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
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := g.fetch(ctx, &e, limit, header)
	e.Received = g.now()
	if e.FirstByte.IsZero() {
		e.FirstByte = e.Received
	}
	if err != nil {
		e.Err = clip(err.Error())
	}
	e.Size = int64(len(body))
	return e, body
}

func (g *getter) fetch(ctx context.Context, e *Exchange, limit int64, header http.Header) ([]byte, error) {
	if g.requests.Add(1) > maxRequests || g.bytes.Load() > maxTotal {
		return nil, errBudget
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errScheme
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL, nil)
	if err != nil {
		return nil, err
	}
	// A browser's player sends an origin, and asks for gzip.
	r.Header.Set("Origin", "https://probe.invalid")
	r.Header.Set("Accept-Encoding", "gzip")
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := g.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	e.URL = answer.Request.URL.String()
	e.Status, e.Header, e.Proto = answer.StatusCode, answer.Header, answer.Proto
	if answer.TLS != nil {
		e.TLS = answer.TLS.Version
	}
	first := &firstRead{r: answer.Body, now: g.now, at: &e.FirstByte}
	raw, err := readAll(first, limit)
	g.bytes.Add(int64(len(raw)))
	if err != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		return raw, err
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	body, err := readAll(z, limit)
	g.bytes.Add(int64(len(body)))
	return body, err
}

// readAll reads up to limit bytes; more is an error.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return b, err
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
