package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cuelight/cuelight/interact"
)

// reply is what a route answers. A nil body is none; stream, if there is one,
// answers by itself, for as long as that takes.
type reply struct {
	status int
	body   any
	cookie *http.Cookie
	header map[string]string
	stream func(http.ResponseWriter, *http.Request)
}

// problem is an error with an HTTP status of its own.
type problem struct {
	status  int
	code    interact.Code
	message string
}

// Error returns code and message.
func (p *problem) Error() string { return string(p.code) + ": " + p.message }

func notFound(message string) error {
	return &problem{http.StatusNotFound, interact.CodeInvalid, message}
}

// statuses maps codes to HTTP (AP4). What is not here is 500.
var statuses = map[interact.Code]int{
	interact.CodeInvalid:       http.StatusBadRequest,
	interact.CodeUnknownOption: http.StatusBadRequest,
	interact.CodeDenied:        http.StatusForbidden,
	interact.CodeNotAdmitted:   http.StatusForbidden,
	interact.CodeBanned:        http.StatusForbidden,
	interact.CodeUnknownCue:    http.StatusNotFound,
	interact.CodeConflict:      http.StatusConflict,
	interact.CodeTooLate:       http.StatusConflict,
	interact.CodeEarly:         http.StatusConflict,
	interact.CodeTooFast:       http.StatusConflict,
	interact.CodeLate:          http.StatusConflict,
	interact.CodeClosed:        http.StatusConflict,
	interact.CodeVoid:          http.StatusConflict,
	interact.CodePaused:        http.StatusConflict,
	interact.CodeNotYet:        http.StatusNotFound,
	interact.CodeUnknown:       http.StatusNotFound,
	interact.CodeTooMany:       http.StatusTooManyRequests,
	interact.CodeBusy:          http.StatusServiceUnavailable,
	interact.CodeUnavailable:   http.StatusServiceUnavailable,
	interact.CodeInternal:      http.StatusInternalServerError,
}

// problemOf finds what to tell of err. ok is false if err is ours to log.
func problemOf(err error) (p problem, ok bool) {
	if p, ok := errors.AsType[*problem](err); ok {
		return *p, true
	}
	if e, ok := errors.AsType[*interact.Error](err); ok {
		if status, known := statuses[e.Code]; known {
			return problem{status, e.Code, e.Message}, e.Code != interact.CodeInternal
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return problem{http.StatusServiceUnavailable, interact.CodeBusy, "The server did not get to it in time. Try again."}, true
	}
	return problem{http.StatusInternalServerError, interact.CodeInternal, "Something went wrong here. It has been logged."}, false
}

// Refuse answers a request under /api/v1/ with an error, for who answers some of
// them elsewhere. One that is none of ours is that of reading the body.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if problem, ok := problemOf(err); !ok && problem.code == interact.CodeInternal {
		err = badBody(err)
	}
	a.fail(w, r, err)
}

// fail answers with an error (AP4, AP5).
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, told := problemOf(err)
	a.refusals.count(p.code)
	if !told {
		a.cfg.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	switch p.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="cuelight"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	type body struct {
		Code    interact.Code `json:"code"`
		Message string        `json:"message"`
	}
	a.write(w, p.status, map[string]body{"error": {p.code, p.message}})
}

func (a *API) write(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	data, err := json.Marshal(body)
	if err != nil {
		a.cfg.Log.Error("answer not encoded", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a client that left is its own business
}

// methods are the functions of one path.
type methods map[string]func(*API, *http.Request) (reply, error)

func (m methods) pick(method string) (func(*API, *http.Request) (reply, error), error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if run := m[method]; run != nil {
		return run, nil
	}
	return nil, &problem{http.StatusMethodNotAllowed, interact.CodeInvalid, "This address knows " + m.allow() + "."}
}

func (m methods) allow() string {
	names := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
