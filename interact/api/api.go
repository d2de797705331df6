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
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/token"
	"github.com/cuelight/cuelight/sync/clock"
)

// commandWait is how long a room may take over one request.
const commandWait = 5 * time.Second

// Room is a channel's engine as the API needs it. Safe for concurrent use.
//
// Cues are returned in the producer's view. Errors are *interact.Error for
// what the producer did wrong; anything else is our fault. A command given
// again with the same idempotency key, if it is not empty, returns what it
// returned the first time and does nothing.
type Room interface {
	// Cues returns all cues, drafts included, and the tallies of those taken.
	Cues(ctx context.Context) ([]wire.Cue, []wire.Tally, error)
	// Prepare adds a draft.
	Prepare(ctx context.Context, q interact.Question) (wire.Cue, error)
	// Edit replaces the question of a draft, or of a cue whose O can still move.
	Edit(ctx context.Context, id string, q interact.Question) (wire.Cue, error)
	// Remove deletes a draft.
	Remove(ctx context.Context, id string) error
	// TakeAt asks a draft's question at a picture, or at an instant.
	TakeAt(ctx context.Context, id string, at interact.Spot, idempotency string) (wire.Cue, error)
	// Move shifts the opening of a window.
	Move(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error)
	// Pause stops the counting of answers for a while, Resume ends that.
	Pause(ctx context.Context, id, idempotency string) (wire.Cue, error)
	Resume(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Extend makes an open window longer.
	Extend(ctx context.Context, id string, by time.Duration, idempotency string) (wire.Cue, error)
	// CloseNow ends an open window early.
	CloseNow(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Reveal publishes the result of a closed cue.
	Reveal(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// RevealWhenClear publishes it as soon as all windows are closed.
	RevealWhenClear(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Cancel withdraws a cue.
	Cancel(ctx context.Context, id, idempotency string) (wire.Cue, error)
	// Tally returns the count so far.
	Tally(ctx context.Context, id string) (wire.Tally, error)
	// SetLatency changes the target latency and returns from when on it holds.
	SetLatency(ctx context.Context, latency time.Duration) (clock.Instant, error)
	// Key returns the key of a sealed text once it is out.
	Key(keyID string) (interact.Key, error)
}

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

// Config says what the API serves. All functions are needed and safe for
// concurrent use.
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
	// Log receives our own mistakes at Error. Nil discards.
	Log *slog.Logger
}

// API is the handler of /api/v1/. Safe for concurrent use.
type API struct {
	cfg     Config
	h       http.Handler
	signIns attempts
}

// New returns the handler of everything under /api/v1/.
//
// Errors: a Config without one of its functions.
func New(cfg Config) (*API, error) {
	if cfg.Rooms == nil || cfg.Channels == nil || cfg.Health == nil || cfg.Tokens == nil || !cfg.Events.complete() {
		return nil, errors.New("api: rooms, channels, health, events, tokens: all are needed")
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	a := &API{cfg: cfg}
	a.h = a.guarded(a.mux())
	return a, nil
}

// ServeHTTP answers a request under /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	a.h.ServeHTTP(w, r)
}

// route is one line of the table in docs/architecture.md.
type route struct {
	method, path string
	serve        func(*API, *http.Request) (reply, error)
}

const root = "/api/v1"

// routes is the whole API. Everything below /channels but keys needs a
// producer.
var routes = []route{
	{"POST", "/session", (*API).signIn},
	{"GET", "/session", (*API).session},
	{"DELETE", "/session", (*API).signOut},
	{"GET", "/channels", (*API).channels},
	{"GET", "/channels/{channel}", (*API).channel},
	{"POST", "/channels/{channel}/end", (*API).endEvent},
	{"GET", "/channels/{channel}/recordings", (*API).recordings},
	{"DELETE", "/channels/{channel}/recordings/{id}", (*API).deleteRecording},
	{"GET", "/channels/{channel}/cues", (*API).cues},
	{"POST", "/channels/{channel}/cues", (*API).prepare},
	{"PUT", "/channels/{channel}/cues/{id}", (*API).edit},
	{"DELETE", "/channels/{channel}/cues/{id}", (*API).remove},
	{"POST", "/channels/{channel}/cues/{id}/{action}", (*API).act},
	{"PUT", "/channels/{channel}/latency", (*API).setLatency},
	{"GET", "/channels/{channel}/keys/{kid}", (*API).key},
	{"GET", "/channels/{channel}/cues/{id}/tally", (*API).tally},
	{"GET", "/openapi.json", (*API).openAPI},
}

func (a *API) mux() *http.ServeMux {
	mux := http.NewServeMux()
	paths := make(map[string]methods)
	for _, rt := range routes {
		if paths[rt.path] == nil {
			paths[rt.path] = methods{}
		}
		paths[rt.path][rt.method] = rt.serve
	}
	for path, m := range paths {
		mux.Handle(root+path, a.serve(m))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, notFound("There is nothing at this address. GET "+root+"/openapi.json lists what there is."))
	})
	return mux
}

// guarded refuses what a page of another origin wants to change (AP1).
func (a *API) guarded(h http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &problem{http.StatusForbidden, interact.CodeDenied, "A page of another origin may not do this."})
	}))
	return guard.Handler(h)
}

// serve turns functions of a path into its handler.
func (a *API) serve(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run, err := m.pick(r.Method)
		if err != nil {
			w.Header().Set("Allow", m.allow())
			a.fail(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), commandWait)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := run(a, r)
		for name, value := range out.header {
			w.Header().Set(name, value)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if out.cookie != nil {
			http.SetCookie(w, out.cookie)
		}
		a.write(w, out.status, out.body)
	})
}

// room returns the room of the request's channel, for a producer who may use
// it (AP2).
func (a *API) room(r *http.Request) (Room, error) {
	name, err := a.admitted(r)
	if err != nil {
		return nil, err
	}
	room, ok := a.cfg.Rooms(name)
	if !ok {
		return nil, unknownChannel(name)
	}
	return room, nil
}

// admitted returns the name of the request's channel, if its producer may use
// one of that name.
func (a *API) admitted(r *http.Request) (string, error) {
	claims, err := a.producer(r)
	if err != nil {
		return "", err
	}
	name := r.PathValue("channel")
	if !claims.May(name) {
		return "", &problem{http.StatusForbidden, interact.CodeDenied, "This token is not for this channel."}
	}
	return name, nil
}

func unknownChannel(name string) error {
	return notFound(fmt.Sprintf("There is no channel %.64q.", name))
}
