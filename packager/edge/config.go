package edge

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Config says whose channels are served. Upstream must be set, all else has a
// default.
type Config struct {
	// Upstream returns where a channel's origin is now, such as
	// "http://10.0.0.7:8080", and false while nobody has the channel. It is asked
	// for every object and about four times a second while one is waited for, so
	// it must be quick, and be safe for concurrent use.
	Upstream func(channel string) (baseURL string, ok bool)
	// Admit lets in who may load a file, and answers everybody else itself. It is
	// called before anything else happens. Default: everybody, everything that the
	// origin gives. What it lets pass of the paths that a protected channel's
	// playlist names is judged by the origin as well.
	Admit func(w http.ResponseWriter, r *http.Request, channel string, file packager.Name) bool
	// Token returns what this server shows to the origin for the multivariant
	// playlist of a channel that is protected, so that all whom Admit lets in
	// share one answer; "" for a channel that is public. Default: each viewer's own
	// token is passed on, and nothing is shared.
	Token func(channel string) string
	// Extra answers requests below /hls/ for files that no packager makes.
	// Default: 404.
	Extra http.Handler
	// Client asks the origins. It must not follow redirects nor unpack answers.
	// Default: one with keep-alive, 64 connections kept to each origin, and heads
	// of 16 KiB at most.
	Client *http.Client
	// MaxBytes is how much is kept, and how much more may be on its way. Default
	// 256 MiB.
	MaxBytes int64
	// MaxObjects is how many objects are kept. Default 65536.
	MaxObjects int
	// MaxObject is up to which size an object is shared. What is larger is passed
	// through, for every viewer by itself. Default 32 MiB.
	MaxObject int64
	// MaxFlights is how many objects may be on their way at once. Further ones are
	// answered 503 with Retry-After. Default 1024.
	MaxFlights int
	// MaxHeld is how many requests may wait at once, for whatever. Further ones
	// are answered 503 with Retry-After. Default 20000.
	MaxHeld int
	// MaxHeldPerAddress is how many of them may come from one address, or one /64
	// of IPv6. Further ones are answered 429. Default 5000.
	MaxHeldPerAddress int
	// Timeout is how long an origin may take to answer. It has to be longer than
	// it holds a reload, which is three target durations. Default 35s.
	Timeout time.Duration
	// BodyTimeout is how long an object may be on its way once it was begun.
	// Default 10s.
	BodyTimeout time.Duration
	// Away is how long a playlist waits for an origin that cannot be reached or
	// is moving. Default 6s.
	Away time.Duration
	// Stale is how long after its time the multivariant playlist is given out
	// while the origin is away. Default 10s. Media playlists never are: an older
	// one than its last takes a player back.
	Stale time.Duration
	// WriteTimeout is how long a viewer may take for a piece of 256 KiB. Default
	// 10s.
	WriteTimeout time.Duration
	// Log is told of origins that cannot be reached. Default: nothing.
	Log *slog.Logger
}

// Validate reports every setting that cannot be used.
func (c Config) Validate() error {
	var errs []error
	if c.Upstream == nil {
		errs = append(errs, errors.New("edge: a function that finds a channel's origin is needed"))
	}
	for name, n := range map[string]int64{
		"max_bytes": c.MaxBytes, "max_objects": int64(c.MaxObjects), "max_object": c.MaxObject, "max_flights": int64(c.MaxFlights),
		"max_held": int64(c.MaxHeld), "max_held_per_address": int64(c.MaxHeldPerAddress), "timeout": int64(c.Timeout),
		"body_timeout": int64(c.BodyTimeout), "away": int64(c.Away), "stale": int64(c.Stale), "write_timeout": int64(c.WriteTimeout),
	} {
		if n < 0 {
			errs = append(errs, errors.New("edge."+name+": less than nothing"))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	fill(&c.MaxBytes, 256<<20)
	fill(&c.MaxObjects, 1<<16)
	fill(&c.MaxObject, 32<<20)
	fill(&c.MaxFlights, 1024)
	fill(&c.MaxHeld, 20_000)
	fill(&c.MaxHeldPerAddress, 5_000)
	fill(&c.Timeout, 35*time.Second)
	fill(&c.BodyTimeout, 10*time.Second)
	fill(&c.Away, 6*time.Second)
	fill(&c.Stale, 10*time.Second)
	fill(&c.WriteTimeout, 10*time.Second)
	if c.Client == nil {
		c.Client = newClient()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func fill[T int | int64 | time.Duration](v *T, standard T) {
	if *v == 0 {
		*v = standard
	}
}

// newClient makes the default of Config.Client.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
