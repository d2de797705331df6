package hlstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to probe. URL must be set, all else has a default.
type Config struct {
	// URL of a multivariant or media playlist, http or https.
	URL string
	// For is how long the stream is watched. Default 60s, at least 1s.
	For time.Duration
	// Client makes the requests. Cookies are not kept, redirects are counted.
	// Default: a client of its own, without a limit of time, since every request
	// has its own.
	Client *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Apple holds the stream against Apple's authoring specification too.
	Apple bool
	// Progress is told every second how far the probe is, by a goroutine of the
	// probe. Default: nobody.
	Progress func(Progress)
}

// Progress is how far a probe is.
type Progress struct {
	Elapsed, For time.Duration
	Requests     int64
	Bytes        int64
}

// requestTime is how long a request for something that is there may take.
const requestTime = 15 * time.Second

// Probe watches a live server for a time, asks it what players ask and what
// they should not, and judges what was seen. Every body, count and wait has a
// limit, whatever the server does.
//
// Errors: a URL that is none, a server that does not answer, or an answer that
// is no playlist with a media playlist that can be read; the cause of ctx if it
// ended before anything was seen. A stream that breaks rules is not an error.
func Probe(ctx context.Context, cfg Config) (*Report, error) {
	c, err := Collect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return NewReport(c, Check(*c)), nil
}

// Collect is the first half of Probe: it watches the server and judges
// nothing.
func Collect(ctx context.Context, cfg Config) (*Capture, error) {
	cfg.For = cmp.Or(cfg.For, time.Minute)
	if cfg.For < time.Second {
		return nil, errors.New("for: less than a second shows nothing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &prober{cfg: cfg, get: newGetter(cfg.Client, cfg.Now), c: &Capture{URL: cfg.URL, Apple: cfg.Apple, Began: cfg.Now()}}
	defer p.get.client.CloseIdleConnections()
	if err := p.open(ctx); err != nil {
		return nil, err
	}
	p.watch(ctx)
	p.reopen(ctx)
	p.c.Done = cfg.Now()
	if ctx.Err() != nil {
		p.note("the probe was stopped early")
	}
	for _, r := range p.c.Renditions {
		if r.first() != nil {
			return p.c, nil
		}
	}
	return nil, fmt.Errorf("no media playlist of %s could be read: %s", cfg.URL, p.problem())
}

// prober is a probe at work.
type prober struct {
	cfg  Config
	get  *getter
	c    *Capture
	kept atomic.Int64 // weight of the playlists that are kept
	text atomic.Int64 // bytes of their texts

	mu    sync.Mutex // protects c.Notes and the answers that come late
	noted map[string]bool
}

func (p *prober) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noted == nil {
		p.noted = map[string]bool{}
	}
	if !p.noted[text] {
		p.noted[text] = true
		p.c.Notes = append(p.c.Notes, text)
	}
}

// problem is why the first playlist could not be read.
func (p *prober) problem() string {
	for _, r := range p.c.Renditions {
		for i := range r.Reloads {
			e := &r.Reloads[i]
			return cmp.Or(e.Err, e.Problem, fmt.Sprintf("status %d", e.Status))
		}
	}
	return "the time was over"
}

// open reads the playlist that the URL names and makes the renditions.
func (p *prober) open(ctx context.Context) error {
	e, body := p.get.get(ctx, p.cfg.URL, requestTime, maxPlaylist, nil)
	switch {
	case e.Err != "":
		return fmt.Errorf("read %s: %s", p.cfg.URL, e.Err)
	case e.Status != http.StatusOK:
		return fmt.Errorf("read %s: status %d", p.cfg.URL, e.Status)
	}
	p.c.RoundTrip = e.took()
	if !IsMultivariant(body) {
		if _, err := ParsePlaylist(body); err != nil {
			return fmt.Errorf("read %s: %w", p.cfg.URL, err)
		}
		p.add(e.URL, e.URL, "", "")
		return nil
	}
	m, err := ParseMultivariant(body)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.cfg.URL, err)
	}
	e.Body = body
	p.c.Index, p.c.Multivariant = []Exchange{e}, m
	for _, uri := range m.Playlists() {
		if len(p.c.Renditions) == maxRenditions {
			p.note(fmt.Sprintf("only the first %d media playlists were looked at", maxRenditions))
			break
		}
		kind, group := "video", ""
		for _, alt := range m.Media {
			if alt.URI == uri {
				kind, group = strings.ToLower(alt.Type), alt.Group
			}
		}
		p.add(uri, resolve(e.URL, uri), kind, group)
	}
	return nil
}

// reopen reads the multivariant playlist again, as a viewer who comes later.
func (p *prober) reopen(ctx context.Context) {
	if p.c.Multivariant == nil {
		return
	}
	if e, body := p.get.get(ctx, p.cfg.URL, requestTime, maxPlaylist, nil); ctx.Err() == nil && e.OK() {
		e.Body = body
		p.c.Index = append(p.c.Index, e)
	}
}

func (p *prober) add(uri, target, kind, group string) {
	p.c.Renditions = append(p.c.Renditions, &Rendition{
		URI: uri, URL: target, Kind: kind, Group: group,
		Inits: map[string]*InitFile{}, Parts: map[string]*File{}, Whole: map[string]*File{},
	})
}

// watch follows all renditions and tries requests until the time is over.
func (p *prober) watch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.For)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range p.c.Renditions {
		wg.Go(func() { (&follower{prober: p, r: r}).run(ctx) })
	}
	wg.Go(func() { (&trier{prober: p}).run(ctx) })
	done := make(chan struct{})
	var told sync.WaitGroup
	if p.cfg.Progress != nil {
		told.Go(func() { p.tell(done) })
	}
	wg.Wait()
	close(done)
	told.Wait()
}

func (p *prober) tell(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			p.cfg.Progress(Progress{
				Elapsed: p.cfg.Now().Sub(p.c.Began), For: p.cfg.For,
				Requests: p.get.requests.Load(), Bytes: p.get.bytes.Load(),
			})
		}
	}
}

// pause waits; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// playlist requests a media playlist with directives.
func (p *prober) playlist(ctx context.Context, target string, d Directives, timeout time.Duration) Reload {
	e, body := p.get.get(ctx, withDirectives(target, d), timeout, maxPlaylist, nil)
	r := Reload{Exchange: e, Asked: d}
	if !e.OK() {
		return r
	}
	list, err := ParsePlaylist(body)
	if err != nil {
		r.Problem = err.Error()
		return r
	}
	if p.kept.Add(list.weight()) > maxKept {
		r.Err = "the playlists are too long to follow for longer"
		p.note(r.Err)
		return r
	}
	r.Playlist = list
	if p.text.Add(int64(len(body))) <= maxBodies {
		r.Body = body
	}
	return r
}

// withDirectives adds directives behind the query that is there, byte for byte,
// in the order that caches expect. Spec: rfc8216bis §6.2.5.
func withDirectives(target string, d Directives) string {
	var list []string
	if d.HasMSN {
		list = append(list, fmt.Sprintf("_HLS_msn=%d", d.MSN))
	}
	if d.HasPart {
		list = append(list, fmt.Sprintf("_HLS_part=%d", d.Part))
	}
	if d.Skip != "" {
		list = append(list, "_HLS_skip="+d.Skip)
	}
	if len(list) == 0 {
		return target
	}
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	return target + sep + strings.Join(list, "&")
}
