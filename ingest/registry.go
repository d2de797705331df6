package ingest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"sync"
	"time"
)

// Channel is one thing to publish to.
type Channel struct {
	// Name is 1 to 64 of a-z, 0-9, - and _, not beginning with - or _.
	Name string
	// Key is what a publisher must know: 1 to 128 of A-Z a-z 0-9 . _ ~ -, which
	// need no escaping in any encoder. May be empty only when Open.
	Key Secret
	// Open lets anybody publish who reaches the port; a Key is then not asked for.
	Open bool
	// Passphrase is what SRT callers must encrypt with, 10 to 79 printable ASCII
	// characters.
	// Empty lets them come without; the other protocols do not ask for it.
	Passphrase Secret
	// Takeover lets a second publisher with the key, or any on an open channel,
	// take the place of the first. Otherwise it is refused while the first one
	// sends (IG40, IG41). What the server fetches itself (Request.Own) never
	// takes the place of a publisher that sends, and gives way as any other.
	Takeover bool
	// Output receives the media.
	Output Output
}

var (
	channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	streamKey   = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
	passphrase  = regexp.MustCompile(`^[ -~]{10,79}$`)
)

func (c Channel) validate() error {
	switch {
	case !channelName.MatchString(c.Name):
		return fmt.Errorf("channel %q: a name is 1 to 64 of a-z, 0-9, - and _, not beginning with - or _", c.Name)
	case c.Output == nil:
		return fmt.Errorf("channel %s: no output", c.Name)
	case c.Key == "" && !c.Open:
		return fmt.Errorf("channel %s: no stream key: set one, or open the channel to everybody", c.Name)
	case c.Key != "" && !streamKey.MatchString(string(c.Key)):
		return fmt.Errorf("channel %s: a stream key is 1 to 128 of A-Z a-z 0-9 . _ ~ -", c.Name)
	case c.Passphrase != "" && !passphrase.MatchString(string(c.Passphrase)):
		return fmt.Errorf("channel %s: a passphrase is 10 to 79 printable ASCII characters", c.Name)
	}
	return nil
}

// Config limits publishers. The zero value is what a server should have.
type Config struct {
	MaxSessions  int           // admitted at once. Default 64
	MaxPerRemote int           // admitted at once from one IP address. Default 16
	MaxBitrate   int           // of one session, bits/s with overhead. Default 50 Mbit/s
	MaxWidth     int           // of pictures, either way round. Default 4096
	MaxHeight    int           // of pictures, either way round. Default 2304
	Handshake    time.Duration // from the connection to Begin. Default 10 s
	Stall        time.Duration // the longest silence after Begin. Default 10 s

	// Counters may be shared with whoever shows them. Nil makes one.
	Counters *Counters
	// Log receives a line when a publisher is admitted, refused or leaves. Nil
	// discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.MaxSessions = cmp.Or(c.MaxSessions, 64)
	c.MaxPerRemote = cmp.Or(c.MaxPerRemote, 16)
	c.MaxBitrate = cmp.Or(c.MaxBitrate, 50_000_000)
	c.MaxWidth = cmp.Or(c.MaxWidth, 4096)
	c.MaxHeight = cmp.Or(c.MaxHeight, 2304)
	c.Handshake = cmp.Or(c.Handshake, 10*time.Second)
	c.Stall = cmp.Or(c.Stall, 10*time.Second)
	if c.Counters == nil {
		c.Counters = new(Counters)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Registry knows the channels and who publishes to them. It is safe for
// concurrent use.
//
// Locks are taken in this order: a session's turn, the registry's lock, a
// session's, the counters'.
type Registry struct {
	cfg      Config
	channels []*entry
	byName   map[string]*entry

	mu     sync.Mutex // protects what follows and what changes of every entry
	total  int
	remote map[string]int // slots by IP address, none of them zero
	doors  map[string]int // connections not yet admitted, by IP address
	open   int            // sum of doors
	quiet  logLimit
}

type entry struct {
	Channel
	sum  [sha256.Size]byte // of the key
	live *Session
	// claimed says that a publisher has been let in and waits for the one
	// before it to go.
	claimed bool
	last    departure
}

// NewRegistry returns a registry of these channels. Nothing runs.
//
// Errors: every invalid or repeated channel, joined.
func NewRegistry(channels []Channel, cfg Config) (*Registry, error) {
	r := &Registry{
		cfg:    cfg.withDefaults(),
		byName: make(map[string]*entry),
		remote: make(map[string]int),
		doors:  make(map[string]int),
	}
	var errs []error
	for _, c := range channels {
		if err := c.validate(); err != nil {
			errs = append(errs, err)
			continue
		}
		if r.byName[c.Name] != nil {
			errs = append(errs, fmt.Errorf("channel %s: given twice", c.Name))
			continue
		}
		e := &entry{Channel: c, sum: sha256.Sum256([]byte(c.Key))}
		r.byName[c.Name] = e
		r.channels = append(r.channels, e)
	}
	return r, errors.Join(errs...)
}

// HandshakeTimeout is how long a protocol may wait for a publisher's request.
func (r *Registry) HandshakeTimeout() time.Duration { return r.cfg.Handshake }

// Counters returns what has been counted so far.
func (r *Registry) Counters() Snapshot { return r.cfg.Counters.Snapshot() }

// Live returns who publishes to the channel, once its media have begun.
func (r *Registry) Live(channel string) (Info, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.byName[channel]
	if e == nil || e.live == nil || !e.live.isBegun() {
		return Info{}, false
	}
	return e.live.info, true
}

// Admit gives the publisher the channel, until Session.Close. Where it takes
// another one's place, that one has been told to go and the Output's End has
// returned; Admit waits for that, at most 2.5 s. A refusal is counted and
// logged here.
//
// Errors: *Error with CodeUnknownChannel, CodeWrongKey, CodeBusy or CodeFull.
func (r *Registry) Admit(req Request) (*Session, error) {
	e, err := r.wanted(req)
	if err != nil {
		return nil, r.Refuse(req, err)
	}
	s, err := r.seat(e, req)
	if err != nil {
		req.Channel = e.Name
		return nil, r.Refuse(req, err)
	}
	return s, nil
}

// Refuse counts and logs a publisher that is turned away before Admit or
// without it, and returns err as an *Error.
func (r *Registry) Refuse(req Request, err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = Errorf(CodeMalformed, "this is not how %s begins: %v", req.Protocol, err)
	}
	r.cfg.Counters.change(func(s *Snapshot) { count(&s.Refused, e.Code) })
	r.logRefused(req, e)
	return e
}

// Passphrase returns what a caller that asks for this channel has to encrypt
// with, "" if nothing or if there is no such channel. It does not check the
// key: Admit does, once the caller has shown that it knows the passphrase, and
// says of a channel that does not exist what it says to everybody.
func (r *Registry) Passphrase(channel string, key Secret) Secret {
	if e, err := r.find(channel, key); err == nil {
		return e.Passphrase
	}
	if e := r.byName[channel]; e != nil {
		return e.Passphrase
	}
	return ""
}

func (r *Registry) wanted(req Request) (*entry, error) {
	if !req.Own {
		return r.find(req.Channel, req.Key)
	}
	if e := r.byName[req.Channel]; e != nil {
		return e, nil
	}
	return nil, Errorf(CodeUnknownChannel, "there is no channel %s", req.Channel)
}

// find compares the key with every channel's, so that the time it takes says
// nothing about any of them.
func (r *Registry) find(channel string, key Secret) (*entry, error) {
	sum := sha256.Sum256([]byte(key))
	var named, holder *entry
	holders := 0
	for _, e := range r.channels {
		if subtle.ConstantTimeCompare(sum[:], e.sum[:]) != 1 {
			continue
		}
		if e.Name == channel {
			named = e
		}
		if e.Key != "" {
			holder = e
			holders++
		}
	}
	if named != nil {
		return named, nil
	}
	return r.explain(channel, key, holder, holders)
}

// explain handles whatever is not simply CHANNEL and its KEY.
func (r *Registry) explain(channel string, key Secret, holder *entry, holders int) (*entry, error) {
	bare := channel == ""
	if bare && holders == 1 {
		return holder, nil
	}
	if bare {
		channel = string(key) // perhaps a channel's name and no key
	}
	e := r.byName[channel]
	switch {
	case e != nil && e.Open:
		return e, nil
	case e != nil && bare:
		return nil, Errorf(CodeWrongKey, "channel %s needs its key: use %s:KEY as the stream key", channel, channel)
	case e != nil:
		return nil, Errorf(CodeWrongKey, "wrong key for channel %s: copy its stream key again", channel)
	case bare && holders > 1:
		return nil, Errorf(CodeUnknownChannel, "this key belongs to several channels: use CHANNEL:KEY as the stream key")
	case bare:
		return nil, Errorf(CodeUnknownChannel, "no channel has this key: use CHANNEL:KEY as the stream key")
	case channelName.MatchString(channel):
		return nil, Errorf(CodeUnknownChannel, "there is no channel %s: use CHANNEL:KEY as the stream key", channel)
	}
	return nil, Errorf(CodeUnknownChannel, "there is no such channel: use CHANNEL:KEY as the stream key")
}

// Enter counts a connection that nobody is known behind yet; the same limits
// as for sessions hold for those. Leave is called once, when it has been
// admitted or has gone. A connection that may not enter is counted as refused.
func (r *Registry) Enter(protocol, remote string) (leave func(), ok bool) {
	addr := hostOf(remote)
	r.mu.Lock()
	full := r.open >= r.cfg.MaxSessions || r.doors[addr] >= r.cfg.MaxPerRemote
	if !full {
		r.open++
		r.doors[addr]++
	}
	r.mu.Unlock()
	if full {
		r.Refuse(Request{Protocol: protocol, Remote: remote}, Errorf(CodeFull, "too many connections that have not said what they want"))
		return nil, false
	}
	return sync.OnceFunc(func() { r.exit(addr) }), true
}

func (r *Registry) exit(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	if r.doors[addr]--; r.doors[addr] == 0 {
		delete(r.doors, addr)
	}
}

func hostOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

func newID() string { return rand.Text()[:12] }
