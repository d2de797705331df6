package origin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Config says how channels are served. The zero value works.
type Config struct {
	// Extra answers requests below /hls/ for files that no packager makes, such
	// as timeline.json. Default: 404.
	Extra http.Handler
	// MaxHeld is how many requests may wait for media at once. Further ones are
	// answered 503 with Retry-After. Default 20000.
	MaxHeld int
	// MaxHeldPerAddress is how many of them may come from one address, or one
	// /64 of IPv6. Further ones are answered 429 with Retry-After. The address is
	// that of the request's RemoteAddr; this machine's own are not limited.
	// Default 5000: one cache that asks for a venue full of viewers.
	MaxHeldPerAddress int
	// WriteTimeout is how long a viewer may take to receive one part, or one
	// playlist, before its connection is given up. Default 10s.
	WriteTimeout time.Duration
	// Playback says who may play what. The zero value: everybody everything.
	Playback Playback
	// Log gets what people should know of media that cannot be read. Default:
	// nothing.
	Log *slog.Logger
}

// Validate reports every setting that cannot be used.
func (c Config) Validate() error {
	var errs []error
	if c.MaxHeld < 0 {
		errs = append(errs, errors.New("max_held: less than nothing"))
	}
	if c.MaxHeldPerAddress < 0 {
		errs = append(errs, errors.New("max_held_per_address: less than nothing"))
	}
	if c.WriteTimeout < 0 {
		errs = append(errs, errors.New("write_timeout: less than nothing"))
	}
	return errors.Join(append(errs, c.Playback.Validate())...)
}

func (c Config) withDefaults() Config {
	if c.MaxHeld == 0 {
		c.MaxHeld = 20_000
	}
	if c.MaxHeldPerAddress == 0 {
		c.MaxHeldPerAddress = 5_000
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Playback = c.Playback.withDefaults()
	return c
}

// Stats are counts since the origin was made, except Held.
type Stats struct {
	Held     int64 // requests that wait for media now
	Refused  int64 // requests that found too many waiting (503)
	Crowded  int64 // requests that found too many of their address waiting (429)
	TimedOut int64 // requests whose media did not come in time (503)
	Slow     int64 // answers given up because the viewer did not read
	Denied   int64 // requests without a valid token or path (401, 403, 404, 410)
}

// Origin is the HTTP handler. It is safe for concurrent use.
type Origin struct {
	lookup func(channel string) (*packager.Channel, bool)
	cfg    Config
	ages   *ages
	crowd  *crowd
	guard  *guard // nil when everything is public

	held, refused, crowded, timedOut, slow, denied atomic.Int64
}

// New makes the handler for /hls/. The function lookup finds a channel by its
// name and has to be safe for concurrent use. New panics over a cfg that
// Validate refuses: serving with it could let anybody play what is protected.
func New(lookup func(channel string) (*packager.Channel, bool), cfg Config) *Origin {
	if err := cfg.Validate(); err != nil {
		panic(fmt.Errorf("origin: %w", err))
	}
	cfg = cfg.withDefaults()
	o := &Origin{lookup: lookup, cfg: cfg, ages: newAges(), crowd: newCrowd(cfg.MaxHeldPerAddress)}
	if cfg.Playback.Protected != nil {
		o.guard = newGuard(cfg.Playback)
	}
	return o
}

// Stats returns the counts.
func (o *Origin) Stats() Stats {
	return Stats{
		Held: o.held.Load(), Refused: o.refused.Load(), Crowded: o.crowded.Load(),
		TimedOut: o.timedOut.Load(), Slow: o.slow.Load(), Denied: o.denied.Load(),
	}
}

// unknownAge is how long a cache may keep the answer that a channel does not
// exist or has no media yet. Somebody may be about to publish.
const unknownAge = time.Second

// address is a path below /hls/, taken apart:
// /hls/{channel}/{file}, or /hls/{channel}/{secret}/{file} on a protected one.
type address struct {
	channel, secret string
	name            packager.Name
	known           bool // name is a file that packagers make
}

// parseAddress returns false for a path that names no file of a channel.
func parseAddress(path string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(path, "/hls/")
	if !ok {
		return a, false
	}
	var file string
	if a.channel, file, ok = strings.Cut(rest, "/"); !ok {
		return a, false
	}
	if first, second, nested := strings.Cut(file, "/"); nested {
		a.secret, file = first, second
		if a.secret == "" {
			return a, false
		}
	}
	a.name, a.known = packager.ParseName(file)
	return a, true
}

// Redact returns path as it may be logged: without the secret of a protected
// channel's media.
func Redact(path string) string {
	rest, below := strings.CutPrefix(path, "/hls/")
	channel, file, _ := strings.Cut(rest, "/")
	last := strings.LastIndexByte(file, '/')
	if !below || last < 0 {
		return path
	}
	return "/hls/" + channel + "/-" + file[last:]
}

// ServeHTTP answers requests below /hls/.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := parseAddress(r.URL.Path)
	if ok && !at.known && o.cfg.Extra != nil {
		o.cfg.Extra.ServeHTTP(w, r)
		return
	}
	allowAll(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		preflight(w)
		return
	default:
		w.Header()["Allow"] = methods
		o.refuse(w, http.StatusMethodNotAllowed, unknownAge, "use GET or HEAD")
		return
	}
	if !ok || !at.known {
		o.refuse(w, http.StatusNotFound, unknownAge, "no such file")
		return
	}
	c, found := o.lookup(at.channel)
	if !found {
		o.refuse(w, http.StatusNotFound, unknownAge, "no such channel")
		return
	}
	o.serve(w, r, c, at)
}

func (o *Origin) serve(w http.ResponseWriter, r *http.Request, c *packager.Channel, at address) {
	protected := o.protects(at.channel)
	if !o.admit(w, r, at, protected) {
		return
	}
	c = c.Holder(at.name)
	q := request{o: o, w: w, r: r, channel: c, view: c.View()}
	if at.name.Kind == packager.NameIndex {
		q.index(at.channel, protected)
		return
	}
	if q.edge = q.view.Window(at.name.Rendition); q.edge == nil {
		o.refuse(w, http.StatusNotFound, unknownAge, "the channel has no such rendition")
		return
	}
	switch at.name.Kind {
	case packager.NamePlaylist:
		q.playlist()
	case packager.NameInit:
		q.init(at.name)
	case packager.NameSegment:
		q.segment(at.name)
	case packager.NamePart:
		q.part(at.name)
	}
}

// hold runs a wait, unless too many run already. It answers the request itself
// and returns false when the wait was of no use.
func (o *Origin) hold(w http.ResponseWriter, r *http.Request, wait func() error) bool {
	defer o.held.Add(-1)
	if o.held.Add(1) > int64(o.cfg.MaxHeld) {
		o.refused.Add(1)
		o.busy(w, "too many requests are waiting; try again in a second")
		return false
	}
	from := addressOf(r.RemoteAddr)
	if !o.crowd.enter(from) {
		o.crowded.Add(1)
		o.tooMany(w)
		return false
	}
	defer o.crowd.leave(from)
	switch err := wait(); {
	case err == nil:
		return true
	case errors.Is(err, context.DeadlineExceeded):
		o.timedOut.Add(1)
		o.busy(w, "the media did not come in time; the publisher may have stopped")
	}
	return false // otherwise the viewer left, and there is nobody to answer
}
