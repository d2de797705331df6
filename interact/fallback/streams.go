package fallback

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/clock"
)

// The addresses of a stream, below the API's root.
const (
	PathStream   = "/api/v1/stream"
	PathMessages = "/api/v1/stream/messages"
	PathClock    = "/api/v1/stream/clock"
)

// Config says what streams are connected to. Gateway and Clock are needed.
type Config struct {
	// Gateway accepts the WebSockets that streams are relayed to. It is asked
	// with the address, host, origin and cookies of the stream's own request.
	Gateway http.Handler
	// Clock answers clock pings.
	Clock *clock.Room
	// Origins are the pages that may open streams: those of the gateway.
	Origins Origins
	Limits  Limits
	// Log receives streams at Debug and our own mistakes above. Nil discards.
	Log *slog.Logger
}

// Limits bound what streams may cost, beside the gateway's own limits. The zero
// value means the defaults.
type Limits struct {
	// Streams is how many there may be. Default 4000, of some 60 KB each.
	Streams int
	// RequestRate is how many requests with messages a second a stream may make
	// on average, RequestBurst how many at once. Defaults 40 and 80, above what
	// the gateway allows of messages, so that its limit is the one that is felt.
	RequestRate, RequestBurst int
	// ClockRate and ClockBurst are the same for clock pings. Defaults 20 and 40.
	ClockRate, ClockBurst int
	// BodyWait is how long a request's body may take. Default 10s.
	BodyWait time.Duration
	// WriteWait is how long one event may take to leave. Default 10s.
	WriteWait time.Duration
	// Beat is the time between two signs of life on a silent stream. Default
	// 15s, below the patience of every proxy.
	Beat time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Streams = cmp.Or(l.Streams, 4000)
	l.RequestRate = cmp.Or(l.RequestRate, 40)
	l.RequestBurst = cmp.Or(l.RequestBurst, 80)
	l.ClockRate = cmp.Or(l.ClockRate, 20)
	l.ClockBurst = cmp.Or(l.ClockBurst, 40)
	l.BodyWait = cmp.Or(l.BodyWait, 10*time.Second)
	l.WriteWait = cmp.Or(l.WriteWait, 10*time.Second)
	l.Beat = cmp.Or(l.Beat, 15*time.Second)
	return l
}

// Stats are counts since the start, and the gauge Open.
type Stats struct {
	Open   int    // streams
	Opened uint64 // streams that the gateway took
	// Refused are streams that were not opened, by this package or the gateway.
	Refused  uint64
	Messages uint64 // passed on to the gateway
	Pongs    uint64 // answers to pings
	Clocks   uint64 // clock pings answered
	// Bad are requests that made no sense, Unknown those for a stream that is
	// not there, Limited those above the rate.
	Bad, Unknown, Limited uint64
	Panics                uint64
}

type counters struct {
	opened, refused, messages, pongs, clocks atomic.Uint64
	bad, unknown, limited, panics            atomic.Uint64
}

// Streams is the handler of PathStream, PathMessages and PathClock. It keeps
// nothing when no stream is open, and a stream ends with its request: whoever
// stops the HTTP server stops it. Safe for concurrent use.
type Streams struct {
	cfg      Config
	lim      Limits
	counted  counters
	sessions sessions
	buffers  sync.Pool // of sockets that are written to
}

// New returns a handler without streams.
//
// Errors: a Config without gateway or clock.
func New(cfg Config) (*Streams, error) {
	if cfg.Gateway == nil || cfg.Clock == nil {
		return nil, errors.New("fallback: gateway, clock: both are needed")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	lim := cfg.Limits.withDefaults()
	return &Streams{cfg: cfg, lim: lim, sessions: newSessions(lim.Streams)}, nil
}

// Stats returns the counts now.
func (s *Streams) Stats() Stats {
	c := &s.counted
	return Stats{
		Open: s.sessions.size(), Opened: c.opened.Load(), Refused: c.refused.Load(), Messages: c.messages.Load(),
		Pongs: c.pongs.Load(), Clocks: c.clocks.Load(), Bad: c.bad.Load(), Unknown: c.unknown.Load(),
		Limited: c.limited.Load(), Panics: c.panics.Load(),
	}
}

// ServeHTTP answers a request for one of the three addresses. One for PathStream
// returns when its stream ends.
func (s *Streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve := s.handler(r.URL.Path)
	if serve == nil {
		refuse(w, http.StatusNotFound, interact.CodeInvalid, "There is nothing at this address.")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	switch ok := s.cfg.Origins.Permit(w, r, SessionHeader); {
	case !ok:
		s.counted.refused.Add(1)
		refuse(w, http.StatusForbidden, interact.CodeDenied, "Pages of this origin may not connect. Its owner can be added to the allowed origins.")
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "OPTIONS, POST")
		refuse(w, http.StatusMethodNotAllowed, interact.CodeInvalid, "This address knows OPTIONS, POST.")
	default:
		serve(w, r)
	}
}

func (s *Streams) handler(path string) http.HandlerFunc {
	switch path {
	case PathStream:
		return s.stream
	case PathMessages:
		return s.messages
	case PathClock:
		return s.clock
	default:
		return nil
	}
}
