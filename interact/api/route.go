package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cuelight/cuelight/interact"
)

// commandWait is how long a room may take over one request.
const commandWait = 5 * time.Second

// route is one line of the table in docs/architecture.md.
type route struct {
	method, path string
	serve        func(*API, *http.Request) (reply, error)
}

const root = "/api/v1"

// streamRoutes are answered by Config.Stream.
var streamRoutes = []string{"/stream", "/stream/messages", "/stream/clock"}

// viewerRoutes are for viewers, also on pages of other origins (AP10).
var viewerRoutes = []route{
	{"POST", "/cues/{id}/answers", (*API).answer},
	{"POST", "/channels/{channel}/participants", (*API).enter},
}

// routes is the rest of the API. Everything below /channels but keys needs a
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
	{"GET", "/channels/{channel}/shows", (*API).shows},
	{"GET", "/channels/{channel}/shows/{show}", (*API).show},
	{"GET", "/channels/{channel}/shows/{show}/export", (*API).export},
	{"GET", "/channels/{channel}/cues", (*API).cues},
	{"POST", "/channels/{channel}/cues", (*API).prepare},
	{"PUT", "/channels/{channel}/cues/{id}", (*API).edit},
	{"DELETE", "/channels/{channel}/cues/{id}", (*API).remove},
	{"POST", "/channels/{channel}/cues/{id}/{action}", (*API).act},
	{"PUT", "/channels/{channel}/latency", (*API).setLatency},
	{"GET", "/channels/{channel}/keys/{kid}", (*API).key},
	{"GET", "/channels/{channel}/cues/{id}/tally", (*API).tally},
	{"GET", "/channels/{channel}/participants", (*API).roster},
	{"POST", "/channels/{channel}/participants/{participant}/kick", (*API).kick},
	{"POST", "/channels/{channel}/participants/{participant}/ban", (*API).ban},
	{"DELETE", "/channels/{channel}/participants/{participant}/ban", (*API).unban},
	{"GET", "/channels/{channel}/bans", (*API).bans},
	{"POST", "/channels/{channel}/links", (*API).links},
	{"GET", "/openapi.json", (*API).openAPI},
}

func (a *API) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for path, m := range methodsByPath() {
		h := a.serve(m)
		if i := slices.IndexFunc(viewerRoutes, func(rt route) bool { return rt.path == path }); i >= 0 {
			h = a.forPages(viewerRoutes[i].method, h)
		}
		mux.Handle(root+path, h)
	}
	if a.cfg.Stream != nil {
		for _, path := range streamRoutes {
			mux.Handle(root+path, a.cfg.Stream)
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, notFound("There is nothing at this address. GET "+root+"/openapi.json lists what there is."))
	})
	return mux
}

func methodsByPath() map[string]methods {
	paths := make(map[string]methods)
	for _, rt := range slices.Concat(routes, viewerRoutes) {
		if paths[rt.path] == nil {
			paths[rt.path] = methods{}
		}
		paths[rt.path][rt.method] = rt.serve
	}
	return paths
}

// guarded refuses what a page of another origin wants to change (AP1).
func (a *API) guarded(h http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &problem{http.StatusForbidden, interact.CodeDenied, "A page of another origin may not do this."})
	}))
	for _, rt := range viewerRoutes { // forPages decides
		guard.AddInsecureBypassPattern(rt.method + " " + root + rt.path)
	}
	for _, path := range streamRoutes { // Config.Stream does
		guard.AddInsecureBypassPattern(root + path)
	}
	return guard.Handler(h)
}

// forPages lets pages of allowed origins do what viewers do with a method
// (AP10).
func (a *API) forPages(method string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch preflight := r.Method == http.MethodOptions; {
		case (preflight || r.Method == method) && !a.cfg.Permit(w, r):
			a.fail(w, r, &problem{http.StatusForbidden, interact.CodeDenied, "Pages of this origin may not do this. Its owner can be added to the allowed origins."})
		case preflight:
			w.WriteHeader(http.StatusNoContent)
		default:
			h.ServeHTTP(w, r)
		}
	})
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
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		out, err := run(a, r.WithContext(ctx))
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
		if out.stream != nil {
			out.stream(w, r)
			return
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
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !a.commanders.allow(name, commandPace, time.Now()) {
		return "", interact.Errorf(interact.CodeTooMany, "Too many commands for this channel. Wait a second, then go on more slowly.")
	}
	*r = *r.WithContext(interact.WithActor(r.Context(), claims.Subject)) // for the log
	return name, nil
}

func unknownChannel(name string) error {
	return notFound(fmt.Sprintf("There is no channel %.64q.", name))
}
