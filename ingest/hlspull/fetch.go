package hlspull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxRedirects = 5
	maxPlaylist  = 1 << 20
	maxInit      = 1 << 20
	// maxSegment is 10 s of 50 Mbit/s.
	maxSegment = 64 << 20

	playlistTimeout = 10 * time.Second
	segmentTimeout  = 30 * time.Second
	dialTimeout     = 5 * time.Second
	maxIdle         = 4 // connections
)

// errHTTP is an answer that is not what was asked for.
type errHTTP struct{ status int }

func (e *errHTTP) Error() string {
	return fmt.Sprintf("the source answers %d %s", e.status, http.StatusText(e.status))
}

// errSize is more than may be sent at once.
type errSize struct{ limit int }

func (e *errSize) Error() string {
	return fmt.Sprintf("the source sends more than %d KiB at once", e.limit>>10)
}

// fetchable refuses what is not on the web.
func fetchable(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("only http and https URLs can be fetched")
	case u.Hostname() == "":
		return errors.New("the URL has no host")
	}
	return nil
}

// fetcher gets bytes, with limits. It is safe for concurrent use.
type fetcher struct{ client *http.Client }

func newFetcher(client *http.Client) *fetcher {
	c := http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     time.Minute,
	}}
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return fetchable(to.URL)
	}
	return &fetcher{&c}
}

// byteRange is a piece of a resource; the zero value is all of it.
type byteRange struct{ start, length uint64 }

// request is one thing to fetch.
type request struct {
	url     *url.URL
	piece   byteRange
	limit   int
	timeout time.Duration
}

// get returns the body and where it was in the end.
//
// Errors: *errHTTP, *errSize; a reason without the URL, which may hold credentials.
func (f *fetcher) get(ctx context.Context, r request) (body []byte, at *url.URL, err error) {
	if err := fetchable(r.url); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return nil, nil, errMalformed
	}
	if r.piece.length > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatUint(r.piece.start, 10)+"-"+strconv.FormatUint(r.piece.start+r.piece.length-1, 10))
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, nil, withoutURL(ctx, r, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && (r.piece.length == 0 || res.StatusCode != http.StatusPartialContent) {
		return nil, nil, &errHTTP{res.StatusCode}
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, int64(r.limit)+1))
	if err != nil {
		return nil, nil, withoutURL(ctx, r, err)
	}
	if len(body) > r.limit {
		return nil, nil, &errSize{r.limit}
	}
	if res.StatusCode == http.StatusOK {
		body, err = cut(body, r.piece)
	}
	return body, res.Request.URL, err
}

// cut takes the piece out of a whole resource, which servers without ranges send.
func cut(body []byte, piece byteRange) ([]byte, error) {
	if piece.length == 0 {
		return body, nil
	}
	size := uint64(len(body))
	if piece.start > size || piece.length > size-piece.start {
		return nil, errors.New("the source's byte range lies beyond the end")
	}
	return body[piece.start : piece.start+piece.length], nil
}

func withoutURL(ctx context.Context, r request, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the source has not answered within %v", r.timeout)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("fetch from the source: %w", err)
}
