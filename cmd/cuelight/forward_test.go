package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/interact"
)

func TestTargets(t *testing.T) {
	for _, tc := range []struct {
		method, path, channel string
		to                    target
	}{
		{"GET", "/api/v1/channels", "", hereTarget},
		{"GET", "/api/v1/session", "", hereTarget},
		{"POST", "/api/v1/cues/c1/answers", "", hereTarget},
		{"GET", "/api/v1/channels/show", "show", hereTarget},
		{"GET", "/api/v1/channels/show/cues", "show", leaderTarget},
		{"POST", "/api/v1/channels/show/cues/c1/take", "show", leaderTarget},
		{"GET", "/api/v1/channels/show/cues/c1/tally", "show", leaderTarget},
		{"PUT", "/api/v1/channels/show/latency", "show", leaderTarget},
		{"GET", "/api/v1/channels/show/bans", "show", leaderTarget},
		{"POST", "/api/v1/channels/show/participants/p1/ban", "show", leaderTarget},
		{"POST", "/api/v1/channels/show/participants/p1/kick", "show", hereTarget},
		{"POST", "/api/v1/channels/show/participants", "show", hereTarget},
		{"GET", "/api/v1/channels/show/keys/k1", "show", hereTarget},
		{"POST", "/api/v1/channels/show/links", "show", hereTarget},
		{"POST", "/api/v1/channels/show/end", "show", homeTarget},
		{"GET", "/api/v1/channels/show/recordings", "show", hereTarget},
		{"DELETE", "/api/v1/channels/show/recordings/r1", "show", hereTarget},
	} {
		channel, to := targetOf(httptest.NewRequest(tc.method, tc.path, nil))
		if channel != tc.channel || to != tc.to {
			t.Errorf("%s %s is for %d of %q, want %d of %q", tc.method, tc.path, to, channel, tc.to, tc.channel)
		}
	}
}

// refusals answers as the API does, for a test.
func refusals(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusServiceUnavailable
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		status = http.StatusRequestEntityTooLarge
	}
	w.WriteHeader(status)
	io.WriteString(w, string(interact.CodeOf(err)))
}

func TestForwarder(t *testing.T) {
	p := peersOf(t, "a")
	var got *http.Request
	var body []byte
	leader := httptest.NewServer(p.only(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Cue", "taken")
		w.WriteHeader(http.StatusConflict)
	})))
	defer leader.Close()
	base, lost := leader.URL, error(nil)
	here := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	f := newForwarder(func(context.Context, string, target) (string, error) { return base, lost }, here, refusals,
		signing{p, http.DefaultTransport}, slog.New(slog.DiscardHandler))
	take := func(body string) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "http://studio.example/api/v1/channels/show/cues/c1/take?x=y", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Idempotency-Key", "once")
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Result()
	}

	answer := take(`{"a":1}`)
	if answer.StatusCode != http.StatusConflict || answer.Header.Get("Cue") != "taken" {
		t.Errorf("answered %s, want the leader's answer", answer.Status)
	}
	if got.Host != "studio.example" || got.Header.Get("Authorization") != "Bearer t" || got.Header.Get("Idempotency-Key") != "once" ||
		got.URL.RequestURI() != "/api/v1/channels/show/cues/c1/take?x=y" || string(body) != `{"a":1}` {
		t.Errorf("the leader got %s %s %v %s", got.Host, got.URL, got.Header, body)
	}
	if answer := take(strings.Repeat(" ", maxForward+1)); answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body: %s", answer.Status)
	}
	base = ""
	if answer := take(""); answer.StatusCode != http.StatusTeapot {
		t.Errorf("where this node leads: %s", answer.Status)
	}
	for name, set := range map[string]func(){
		"while nobody leads":       func() { lost = errNobody },
		"when the leader has gone": func() { leader.Close(); base, lost = leader.URL, nil },
	} {
		set()
		answer := take("")
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || string(text) != string(interact.CodeUnavailable) {
			t.Errorf("%s: %s %s", name, answer.Status, text)
		}
		lost, base = nil, leader.URL
	}
}
