// Package api is the HTTP API under /api/v1: everything a producer's console
// does, a script can do. docs/api.md describes it, openapi.json specifies it.
//
// These are its rules:
//
//   - AP1 A request that changes something is refused if a page of another
//     origin made it.
//   - AP2 Without a producer's token there is 401; with one that is not for the
//     channel 403, whether the channel exists or not.
//   - AP3 A body is one JSON object of at most 64 KiB without unknown fields.
//   - AP4 Every error is {"error":{"code","message"}}, and one table maps codes
//     to statuses.
//   - AP5 What went wrong inside is logged and not told.
//   - AP6 Sign-in attempts are limited for each address.
//   - AP8 A key is public, as the media are: who has it can read a text that is
//     on every screen in a moment. Before that it is 404 and not kept anywhere.
//   - AP7 Every route is in openapi.json and in docs/api.md.
//   - AP9 An answer over HTTP is judged as on a socket, as one of whose line
//     nothing was measured, and its receipt is the answer to the request. It
//     counts once by (cue, participant), whatever it came over.
//   - AP10 Who answers is known by the Authorization header alone, never by a
//     cookie. Pages of other origins may answer and become participants if the
//     operator allows their origin, and nothing else.
//   - AP11 New identities, guesses of PINs and links, and answers are limited
//     for each address, answers for each participant too.
//   - AP12 A ban is durable before the participant's sockets are closed.
//   - AP13 A producer sees the shows of its token's channels and no others. Two
//     requests at a time read the history, beside at most two exports.
//   - AP14 An export ends for whoever leaves, or does not take 64 KiB in 10 s. If
//     it cannot go on, the connection is cut: a part never looks like the whole.
//   - AP15 Commands are limited for each channel, whoever gives them: 200 at
//     once, 20 a second. Answers count against the quota of the channel's tenant.
//   - AP16 Every refusal is counted, by its code.
package api

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// ChannelInfo is a channel in the list of channels.
type ChannelInfo struct {
	Name, Title string
	Live        bool
	// Latency is the channel's target latency.
	Latency time.Duration
}

// Verifier checks tokens; *token.Keys does.
type Verifier interface {
	Verify(tok string, now time.Time) (token.Claims, error)
}

// Config says what the API serves. All is needed unless it says otherwise, and
// safe for concurrent use.
type Config struct {
	// Rooms returns the room of a channel.
	Rooms func(channel string) (Room, bool)
	// Channels returns all channels, in the order of the list.
	Channels func() []ChannelInfo
	// Health returns how a channel does.
	Health func(channel string) (wire.Health, bool)
	// Events are the media of the channels.
	Events Events
	Tokens Verifier
	Desk   Desk
	Crowd  Crowd
	// Clock stamps answers.
	Clock *clock.Room
	// Quota counts an answer against what the channel's tenant may take, and says
	// why it is too many. It does not block. Nil: tenants have no quota.
	Quota func(channel string) error
	// Stream answers everything under /api/v1/stream. Nil: there is nothing.
	Stream http.Handler
	// Permit reports whether the page that sent a request may act as a viewer
	// here, and tells its browser so. Nil: pages of the same host may.
	Permit func(w http.ResponseWriter, r *http.Request) bool
	// History is what is left of shows. Nil: none is kept.
	History History
	// Log receives our own mistakes at Error. Nil discards.
	Log *slog.Logger
}

// API is the handler of /api/v1/. Safe for concurrent use.
type API struct {
	cfg    Config
	h      http.Handler
	places places

	signIns, guesses, newcomers, answering debts[netip.Addr]
	answerers, commanders                  debts[string]
	refusals                               refusals

	looks, exports chan struct{} // hold one for each that reads the history
}

// New returns the handler of everything under /api/v1/.
//
// Errors: a Config without one of its functions.
func New(cfg Config) (*API, error) {
	if cfg.Rooms == nil || cfg.Channels == nil || cfg.Health == nil || cfg.Tokens == nil || !cfg.Events.complete() ||
		cfg.Desk == nil || cfg.Crowd == nil || cfg.Clock == nil {
		return nil, errors.New("api: rooms, channels, health, events, tokens, desk, crowd, clock: all are needed")
	}
	if cfg.Permit == nil {
		same := http.NewCrossOriginProtection()
		cfg.Permit = func(_ http.ResponseWriter, r *http.Request) bool { return same.Check(r) == nil }
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	a := &API{cfg: cfg, looks: make(chan struct{}, maxLooks), exports: make(chan struct{}, maxExports)}
	a.h = a.guarded(a.mux())
	return a, nil
}

// ServeHTTP answers a request under /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	a.h.ServeHTTP(w, r)
}
