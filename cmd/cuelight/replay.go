package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

const (
	// maxReplays is how many answers may be on their way from other nodes at once.
	maxReplays = 256
	// replayWait bounds the way to the node that has a recording, and to its first
	// byte.
	replayWait = 10 * time.Second
	// replayRate is what a viewer has to take a second, beyond replayWait. Units:
	// bytes.
	replayRate = 64 << 10
	// longestReplay is for answers of which the length is not told: playlists.
	longestReplay = 16 << 20
)

// replayHeaders are those that decide about an answer. Nothing else of a viewer
// goes to the other node.
var replayHeaders = [...]string{"Accept-Encoding", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range"}

// replayer gives viewers the recordings of other nodes. It is safe for
// concurrent use.
type replayer struct {
	// find returns the base address of the node that has a recording.
	//
	// Errors: errNowhere, errSilent.
	find func(ctx context.Context, channel, id string) (string, error)
	// lost is told that a node could not be asked for a recording.
	lost  func(channel, id string)
	proxy *httputil.ReverseProxy
	busy  chan struct{} // a token for every answer that is on its way
	log   *slog.Logger
}

// replay is one answer on its way.
type replay struct {
	base        *url.URL
	channel, id string
	conn        *http.ResponseController
	limit       *time.Timer // ends it
}

type replayKey struct{}

func newReplayer(find func(context.Context, string, string) (string, error), lost func(string, string), transport http.RoundTripper, log *slog.Logger) *replayer {
	p := &replayer{find: find, lost: lost, busy: make(chan struct{}, maxReplays), log: log}
	p.proxy = &httputil.ReverseProxy{
		Transport:      transport,
		Rewrite:        rewriteReplay,
		ModifyResponse: patientReplay,
		ErrorHandler:   p.broken,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return p
}

// serve answers a request for a file of a recording that is not here.
func (p *replayer) serve(w http.ResponseWriter, r *http.Request, channel, id string) {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	default:
		refuseReplay(w, http.StatusServiceUnavailable, "too many are watching recordings; try again in a second")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	limit := time.AfterFunc(replayWait, cancel)
	defer limit.Stop()
	base, err := p.find(ctx, channel, id)
	if err != nil {
		p.unfound(w, err)
		return
	}
	at, err := url.Parse(base)
	if err != nil {
		p.log.Error("address of a node is none", "remote", base, "err", err)
		p.unfound(w, errSilent)
		return
	}
	this := &replay{base: at, channel: channel, id: id, conn: http.NewResponseController(w), limit: limit}
	defer func() { _ = this.conn.SetWriteDeadline(time.Time{}) }()
	p.proxy.ServeHTTP(w, r.WithContext(context.WithValue(ctx, replayKey{}, this)))
}

func (p *replayer) unfound(w http.ResponseWriter, err error) {
	if errors.Is(err, errNowhere) {
		refuseReplay(w, http.StatusNotFound, "there is no such recording on a server that runs: start the server that made it")
		return
	}
	refuseReplay(w, http.StatusServiceUnavailable, "the server that has this recording does not answer; try again in a second, or start it")
}

// broken answers where the node gives none.
func (p *replayer) broken(w http.ResponseWriter, r *http.Request, err error) {
	this := r.Context().Value(replayKey{}).(*replay)
	p.lost(this.channel, this.id)
	p.log.Debug("recording not loaded from its node", "channel", this.channel, "remote", this.base.Host, "err", err)
	p.unfound(w, errSilent)
}

// rewriteReplay asks the other node, with nothing of the viewer's but what
// decides about the answer.
func rewriteReplay(r *httputil.ProxyRequest) {
	this := r.In.Context().Value(replayKey{}).(*replay)
	r.SetURL(this.base)
	r.Out.URL.RawQuery = ""
	r.Out.Header = make(http.Header, len(replayHeaders))
	for _, name := range replayHeaders {
		if v := r.In.Header[name]; len(v) > 0 {
			r.Out.Header[name] = v
		}
	}
	if r.Out.Header["Accept-Encoding"] == nil { // or the transport asks for gzip and unpacks it
		r.Out.Header["Accept-Encoding"] = []string{"identity"}
	}
}

// patientReplay sets how long an answer may take: what its length needs.
func patientReplay(resp *http.Response) error {
	this := resp.Request.Context().Value(replayKey{}).(*replay)
	size := resp.ContentLength
	if size < 0 {
		size = longestReplay
	}
	limit := replayWait + time.Duration(size)*time.Second/replayRate
	this.limit.Reset(limit)
	// A server that knows no deadlines has its own way to be rid of slow readers.
	_ = this.conn.SetWriteDeadline(time.Now().Add(limit))
	return nil
}

// refuseReplay answers as one does who has recordings, so that pages of any
// origin can read why.
func refuseReplay(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Timing-Allow-Origin", "*")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "max-age=1")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a viewer that left cannot be told
}

// serveRecording plays a recording: from here, or from the node that has it.
func (srv *server) serveRecording(w http.ResponseWriter, r *http.Request) {
	if c := srv.cluster; c != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		channel, id, here, ok := srv.recordings.Has(r.URL.Path)
		if ok && !here && c.seats[channel] != nil {
			c.replayer.serve(w, r, channel, id)
			return
		}
	}
	srv.recordings.ServeHTTP(w, r)
}

// findReplay returns the address of the node that has a recording.
//
// Errors: errNowhere, errSilent; ctx's.
func (c *cluster) findReplay(ctx context.Context, channel, id string) (string, error) {
	node, err := c.shelves.find(ctx, channel, id)
	if err != nil {
		return "", err
	}
	p, ok := c.directory.find(node)
	if !ok { // it has left
		c.shelves.forget(channel, id)
		return "", errNowhere
	}
	return p.URL, nil
}
