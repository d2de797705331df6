package origin

import (
	"context"
	"errors"
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
	// WriteTimeout is how long a viewer may take to receive one part, or one
	// playlist, before its connection is given up. Default 10s.
	WriteTimeout time.Duration
}

// Validate reports every setting that cannot be used.
func (c Config) Validate() error {
	var errs []error
	if c.MaxHeld < 0 {
		errs = append(errs, errors.New("max_held: less than nothing"))
	}
	if c.WriteTimeout < 0 {
		errs = append(errs, errors.New("write_timeout: less than nothing"))
	}
	return errors.Join(errs...)
}

// Stats are counts since the origin was made, except Held.
type Stats struct {
	Held     int64 // requests that wait for media now
	Refused  int64 // requests that found too many waiting (503)
	TimedOut int64 // requests whose media did not come in time (503)
	Slow     int64 // answers given up because the viewer did not read
}

// Origin is the HTTP handler. It is safe for concurrent use.
type Origin struct {
	lookup func(channel string) (*packager.Channel, bool)
	cfg    Config
	ages   *ages

	held, refused, timedOut, slow atomic.Int64
}

// New makes the handler for /hls/. The function lookup finds a channel by its
// name and has to be safe for concurrent use.
func New(lookup func(channel string) (*packager.Channel, bool), cfg Config) *Origin {
	if cfg.MaxHeld <= 0 {
		cfg.MaxHeld = 20_000
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	return &Origin{lookup: lookup, cfg: cfg, ages: newAges()}
}

// Stats returns the counts.
func (o *Origin) Stats() Stats {
	return Stats{
		Held: o.held.Load(), Refused: o.refused.Load(),
		TimedOut: o.timedOut.Load(), Slow: o.slow.Load(),
	}
}

// unknownAge is how long a cache may keep the answer that a channel does not
// exist or has no media yet. Somebody may be about to publish.
const unknownAge = time.Second

// ServeHTTP answers requests for /hls/{channel}/{file}.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/hls/")
	channel, file, whole := strings.Cut(rest, "/")
	name, known := packager.ParseName(file)
	if ok && whole && !known && o.cfg.Extra != nil {
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
	if !ok || !whole || !known {
		o.refuse(w, http.StatusNotFound, unknownAge, "no such file")
		return
	}
	c, found := o.lookup(channel)
	if !found {
		o.refuse(w, http.StatusNotFound, unknownAge, "no such channel")
		return
	}
	o.serve(w, r, c, name)
}

func (o *Origin) serve(w http.ResponseWriter, r *http.Request, c *packager.Channel, name packager.Name) {
	v := c.View()
	if name.Kind == packager.NameIndex {
		o.index(w, r, c, v)
		return
	}
	edge := v.Window(name.Rendition)
	if edge == nil {
		o.refuse(w, http.StatusNotFound, unknownAge, "the channel has no such rendition")
		return
	}
	q := request{o: o, w: w, r: r, view: v, edge: edge}
	switch name.Kind {
	case packager.NamePlaylist:
		q.playlist()
	case packager.NameInit:
		q.init(name)
	case packager.NameSegment:
		q.segment(name)
	case packager.NamePart:
		q.part(name)
	}
}

// hold runs a wait, unless too many run already. It answers the request itself
// and returns false when the wait was of no use.
func (o *Origin) hold(w http.ResponseWriter, wait func() error) bool {
	defer o.held.Add(-1)
	if o.held.Add(1) > int64(o.cfg.MaxHeld) {
		o.refused.Add(1)
		o.busy(w, "too many requests are waiting; try again in a second")
		return false
	}
	switch err := wait(); {
	case err == nil:
		return true
	case errors.Is(err, context.DeadlineExceeded):
		o.timedOut.Add(1)
		o.busy(w, "the media did not come in time; the publisher may have stopped")
	}
	return false // otherwise the viewer left, and there is nobody to answer
}
