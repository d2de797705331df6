package hlspull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

const (
	protocol = "hls"

	// settled is how long a session must have lasted for the next attempt to
	// come after the shortest wait again.
	settled = 30 * time.Second
	// jitter is the share of a wait that is left to chance.
	jitter = 0.25
)

// Config says what to fetch. The zero value of every optional field is what a
// server should have.
type Config struct {
	// Channel takes the stream.
	Channel string
	// URL is a media or multivariant playlist: http or https. It may hold
	// credentials, which appear in no log and no error.
	URL string
	// Client fetches. Its redirects are limited to 5, to http and https. Nil
	// makes one.
	Client *http.Client
	// Log receives a line when the source fails in another way than before. Nil
	// discards.
	Log *slog.Logger
	// RetryAfter is the wait before the second attempt; each further one is
	// twice as long, up to RetryMax. Defaults: 1 s and 30 s.
	RetryAfter, RetryMax time.Duration
	// Rand returns numbers in [0, 1). Nil is math/rand/v2's.
	Rand func() float64
}

// Puller fetches one source. Its methods are safe for concurrent use; Run is
// called once.
type Puller struct {
	registry *ingest.Registry
	cfg      Config
	url      *url.URL
	fetch    *fetcher
	log      *slog.Logger

	mu        sync.Mutex // protects what follows
	connected bool
	lastErr   string
}

// New returns a puller for a channel of the registry. Nothing runs.
//
// Errors: a URL that is not an http or https one with a host. The error does
// not hold the URL.
func New(registry *ingest.Registry, cfg Config) (*Puller, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil { // its text holds the URL
		return nil, fmt.Errorf("source of channel %s: this is not a URL", cfg.Channel)
	}
	if err := fetchable(u); err != nil {
		return nil, fmt.Errorf("source of channel %s: %w", cfg.Channel, err)
	}
	cfg.RetryAfter = cmp.Or(cfg.RetryAfter, time.Second)
	cfg.RetryMax = cmp.Or(cfg.RetryMax, 30*time.Second)
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Puller{
		registry: registry,
		cfg:      cfg,
		url:      u,
		fetch:    newFetcher(cfg.Client),
		log:      cfg.Log.With("channel", cfg.Channel, "proto", protocol, "remote", remoteOf(u)),
	}, nil
}

// remoteOf returns host:port.
func remoteOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname() + ":" + port
}

// State reports whether the source's media are on the channel, and why the
// newest attempt ended or did not succeed, "" when none has failed. The text
// holds no credentials.
func (p *Puller) State() (connected bool, lastErr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connected, p.lastErr
}

// Run fetches until ctx ends, again and again. A source that is down is not an
// error.
func (p *Puller) Run(ctx context.Context) error {
	defer p.fetch.client.CloseIdleConnections()
	for attempt := 0; ; attempt++ {
		start := time.Now()
		err := p.pull(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p.ended(err)
		if time.Since(start) >= settled {
			attempt = 0
		}
		select {
		case <-time.After(p.delay(attempt)):
		case <-ctx.Done():
			return nil
		}
	}
}

// delay is how long to wait after so many failed attempts before.
func (p *Puller) delay(attempt int) time.Duration {
	wait := p.cfg.RetryAfter
	for range attempt {
		if wait *= 2; wait >= p.cfg.RetryMax {
			wait = p.cfg.RetryMax
			break
		}
	}
	return time.Duration(float64(wait) * (1 - jitter*p.cfg.Rand()))
}

// pull is one attempt: it returns when the stream has ended.
func (p *Puller) pull(ctx context.Context) error {
	src, err := p.open(ctx)
	if err != nil {
		return err
	}
	session, err := p.registry.Admit(ingest.Request{Channel: p.cfg.Channel, Protocol: protocol, Remote: remoteOf(p.url), Own: true})
	if err != nil {
		return err
	}
	session.SetLink(src.link)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := session.Guard(ctx, cancel)
	in := newIntake(session, src, p.begun)
	err = session.Protect(func() error { return in.run(ctx) })
	stop()
	public := session.Close(err)
	switch trouble := src.trouble(); {
	case public == nil:
		return err
	case trouble == nil:
		return public
	default: // it only says that nothing came
		return fmt.Errorf("%w (%w)", public, trouble)
	}
}

// open finds out what there is to follow. Nobody is admitted for a source that
// is not there: the channel stays free for others.
func (p *Puller) open(ctx context.Context) (src *source, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("playlist panicked", "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errMalformed
		}
	}()
	return openSource(ctx, p.fetch, p.url)
}

func (p *Puller) begun() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected, p.lastErr = true, ""
}

// ended notes why an attempt ended and logs what is new.
func (p *Puller) ended(err error) {
	text := "the source has ended"
	if err != nil && !errors.Is(err, errEnded) {
		text = err.Error()
	}
	p.mu.Lock()
	known := text == p.lastErr
	p.connected, p.lastErr = false, text
	p.mu.Unlock()
	if !known {
		p.log.Warn("source failed", "err", text)
	}
}
