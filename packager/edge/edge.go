package edge

import (
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Edge is the HTTP handler for /hls/. It is safe for concurrent use.
type Edge struct {
	cfg   Config
	crowd *crowd
	count counts

	mu      sync.Mutex // protects what follows
	store   shelves
	flights map[key]*flight
	origins map[string]reached // by channel
	circled time.Time          // when a request last came that went in circles

	onTheWay atomic.Int64 // bytes of bodies
}

// reached is the origin that gave something of a channel last.
type reached struct {
	base    string
	at      time.Time
	trouble trouble
}

// New makes the handler. Errors: every problem of cfg.
func New(cfg Config) (*Edge, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Edge{
		cfg: cfg, crowd: newCrowd(cfg.MaxHeldPerAddress), store: newShelves(cfg.MaxBytes, cfg.MaxObjects),
		flights: make(map[key]*flight), origins: make(map[string]reached),
	}, nil
}

// Close gives back connections to origins that are not in use.
func (e *Edge) Close() { e.cfg.Client.CloseIdleConnections() }

// hops is the header in which edges count how often a request was passed on. Two
// edges in a row are a channel that has just moved; in a circle each would wait
// for the other.
const (
	hops    = "Cuelight-Hops"
	maxHops = 2
)

// ServeHTTP answers requests below /hls/.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at, ok := parseAddress(r.URL.Path)
	if ok && !at.known && e.cfg.Extra != nil {
		e.cfg.Extra.ServeHTTP(w, r)
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
		refuse(w, http.StatusMethodNotAllowed, "use GET or HEAD")
		return
	}
	if !ok || !at.known {
		refuse(w, http.StatusNotFound, "no such file")
		return
	}
	passed := len(r.Header.Get(hops))
	if passed >= maxHops {
		e.circle(at.channel)
		busy(w, "servers name each other as the origin of this channel")
		return
	}
	if e.cfg.Admit != nil && !e.cfg.Admit(w, r, at.channel, at.name) {
		e.count.denied.Add(1)
		return
	}
	a, err := e.ask(r, at, uint8(passed))
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	e.serve(w, r, a)
}

// ask is what an origin is asked for.
type ask struct {
	channel string
	key     key
	media   bool   // no playlist
	index   bool   // the multivariant playlist
	auth    string // Authorization
	own     bool   // auth is this server's
	token   string // a viewer's query with its token: the answer is its alone
	private bool
}

// ask translates a request. Errors: directives that no origin takes.
func (e *Edge) ask(r *http.Request, at address, passed uint8) (*ask, error) {
	a := &ask{channel: at.channel, key: key{path: r.URL.Path, hops: passed}}
	var err error
	switch at.name.Kind {
	case packager.NameIndex:
		a.key.gzip, a.index = acceptsGzip(r.Header), true
		e.credentials(a, r)
	case packager.NamePlaylist:
		a.key.gzip = acceptsGzip(r.Header)
		a.key.query, err = directives(r.URL.RawQuery)
	default:
		a.media = true
	}
	return a, err
}

// credentials settles who asks for a multivariant playlist: this server for all
// whom it let in, or the viewer for itself.
func (e *Edge) credentials(a *ask, r *http.Request) {
	if e.cfg.Token != nil {
		if tok := e.cfg.Token(a.channel); tok != "" {
			a.auth, a.own = "Bearer "+tok, true
			return
		}
	}
	if a.private = tokened(r); a.private {
		a.show(r)
	}
}

// show takes what the viewer has to show.
func (a *ask) show(r *http.Request) {
	a.auth, a.own, a.token = r.Header.Get("Authorization"), false, tokenQuery(r.URL.RawQuery)
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request, a *ask) {
	if o := e.kept(a.key); o != nil && !o.alone && !a.private {
		e.count.hits.Add(1)
		e.answer(w, r, o, true)
		return
	}
	from, ok := e.enter(w, r)
	if !ok {
		return
	}
	if a.private {
		defer e.exit(from)
		e.pass(w, r, a)
		return
	}
	o, old := e.get(r, a)
	switch {
	case o == nil && r.Context().Err() != nil: // nobody to answer
		e.exit(from)
	case o == nil:
		e.exit(from)
		e.count.refused.Add(1)
		busy(w, "too much is on its way; try again in a second")
	case o.alone:
		defer e.exit(from)
		if a.own {
			a.show(r)
		}
		e.pass(w, r, a)
	default:
		e.exit(from)
		e.answer(w, r, o, old)
	}
}

// kept returns a fresh object of the store, nil if there is none.
func (e *Edge) kept(k key) *object {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if o := e.store.get(k, now); o != nil && o.isFresh(now) {
		return o
	}
	return nil
}

// enter counts a request that waits, unless too many do, which it answers.
func (e *Edge) enter(w http.ResponseWriter, r *http.Request) (from netip.Addr, ok bool) {
	if e.count.held.Add(1) > int64(e.cfg.MaxHeld) {
		e.count.held.Add(-1)
		e.count.refused.Add(1)
		busy(w, "too many requests are waiting; try again in a second")
		return from, false
	}
	from = addressOf(r.RemoteAddr)
	if !e.crowd.enter(from) {
		e.count.held.Add(-1)
		e.count.crowded.Add(1)
		tooMany(w)
		return from, false
	}
	return from, true
}

func (e *Edge) exit(from netip.Addr) {
	e.crowd.leave(from)
	e.count.held.Add(-1)
}

// remember notes which origin gave something of a channel.
func (e *Edge) remember(channel, base string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	o := e.origins[channel]
	moved := o.base != base
	o.base, o.at = base, now
	lasted, failures, over := o.trouble.answer(now)
	e.origins[channel] = o
	if moved {
		e.cfg.Log.Info("channel is loaded from its origin", "channel", channel, "remote", base)
		e.forget()
	}
	if over {
		e.cfg.Log.Info("origin gives everything again", "channel", channel, "remote", base, "dur", lasted, "failures", failures)
	}
}

// forget drops origins that nobody has heard of for long. The caller holds the
// lock.
func (e *Edge) forget() {
	for name, o := range e.origins {
		if time.Since(o.at) > forgotten && time.Since(o.trouble.failed) > forgotten {
			delete(e.origins, name)
		}
	}
}

// complain notes that an origin did not give what it was asked for, and says so
// when that begins.
func (e *Edge) complain(channel, base string, err error) {
	e.count.failed.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	o := e.origins[channel]
	begins := o.trouble.fail(time.Now())
	e.origins[channel] = o
	if begins {
		e.cfg.Log.Warn("origin gives nothing", "channel", channel, "remote", base, "err", err)
	}
}

// circle notes a request that went through too many edges, and says so once
// until there are none for a while: anybody can make one up.
func (e *Edge) circle(channel string) {
	const quiet = time.Minute
	e.count.looped.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.circled.IsZero() || now.Sub(e.circled) > quiet {
		e.cfg.Log.Error("a request goes in circles: origins name each other", "channel", channel)
	}
	e.circled = now
}

// forgotten is how long after its last answer a channel without an origin is one
// that nobody has.
const forgotten = 2 * time.Minute

// origin returns who gave something of a channel last; false if nobody did.
func (e *Edge) origin(channel string) (base string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	o, ok := e.origins[channel]
	return o.base, ok && o.base != "" && time.Since(o.at) <= forgotten
}
