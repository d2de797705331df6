package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// apiChannels begins the paths of channels in the API.
const apiChannels = "/api/v1/channels/"

// target is whose a request of a producer is.
type target int

const (
	hereTarget   target = iota // any node
	leaderTarget               // the node whose engine leads the channel
	homeTarget                 // the node that has the channel's media
)

// targetOf says who answers a request, and of which channel it is.
func targetOf(r *http.Request) (channel string, to target) {
	rest, ok := strings.CutPrefix(r.URL.Path, apiChannels)
	if !ok {
		return "", hereTarget
	}
	channel, rest, _ = strings.Cut(rest, "/")
	what, rest, _ := strings.Cut(rest, "/")
	switch what {
	case "cues", "latency", "bans":
		return channel, leaderTarget
	case "participants":
		if strings.HasSuffix(rest, "/ban") {
			return channel, leaderTarget
		}
	case "end":
		return channel, homeTarget
	}
	return channel, hereTarget
}

// forwarder hands requests to the node that can answer them. What changes
// something carries an idempotency key, so who is told to come back may.
type forwarder struct {
	// find returns the base address of the node that a request is for, "" for
	// this one.
	// Errors: nobody is that at the moment.
	find func(ctx context.Context, channel string, to target) (string, error)
	here http.Handler
	// refuse answers with an error, as the API does.
	refuse func(http.ResponseWriter, *http.Request, error)
	proxy  *httputil.ReverseProxy
	log    *slog.Logger
}

// forwardWait bounds one request to another node. Those of the API take up to
// five seconds there.
const forwardWait = 8 * time.Second

// maxForward is the longest body, as in the API.
const maxForward = 64 << 10

// errNobody means that a lease is free at the moment.
var errNobody = errors.New("no node has taken over yet")

type forwardKey struct{}

func newForwarder(find func(context.Context, string, target) (string, error), here http.Handler, refuse func(http.ResponseWriter, *http.Request, error),
	transport http.RoundTripper, log *slog.Logger) *forwarder {
	f := &forwarder{find: find, here: here, refuse: refuse, log: log}
	f.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			to, _ := r.In.Context().Value(forwardKey{}).(*url.URL)
			r.SetURL(to)
			r.Out.Host = r.In.Host // pages of other origins are told apart by it
			r.Out.Header.Del(peerHeader)
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { f.unavailable(w, r, err) },
	}
	return f
}

// ServeHTTP answers here, or hands on.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	channel, to := targetOf(r)
	if to == hereTarget {
		f.here.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), forwardWait)
	defer cancel()
	base, err := f.find(ctx, channel, to)
	if err != nil {
		f.unavailable(w, r, err)
		return
	}
	if base == "" {
		f.here.ServeHTTP(w, r)
		return
	}
	address, err := url.Parse(base)
	if err != nil {
		f.unavailable(w, r, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForward))
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	r = r.WithContext(context.WithValue(ctx, forwardKey{}, address))
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	f.proxy.ServeHTTP(w, r)
}

// unavailable asks to come back in a second.
func (f *forwarder) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	channel, _ := targetOf(r)
	f.log.Warn("request not handed on", "channel", channel, "err", err)
	w.Header().Set("Retry-After", "1")
	f.refuse(w, r, interact.Errorf(interact.CodeUnavailable, "Another server is taking over. Try again in a second."))
}
