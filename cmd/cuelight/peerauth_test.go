package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cuelight/cuelight/internal/token"
)

func peersOf(t *testing.T, text string) peers {
	t.Helper()
	keys, err := token.Shared(strings.Repeat(text, 32))
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPeers(keys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeers(t *testing.T) {
	p := peersOf(t, "a")
	var seen string
	server := httptest.NewServer(p.only(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get(peerHeader)
	})))
	defer server.Close()
	ask := func(t *testing.T, by http.RoundTripper, change func(*http.Request)) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/a/b?c=d", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		answer, err := by.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	asIs := func(*http.Request) {}
	if got := ask(t, signing{p, http.DefaultTransport}, asIs); got != http.StatusOK {
		t.Errorf("another node: %d", got)
	}
	if seen != "" {
		t.Error("the proof goes on to the handler")
	}
	if got := ask(t, signing{peersOf(t, "b"), http.DefaultTransport}, asIs); got != http.StatusUnauthorized {
		t.Errorf("a node with another secret: %d", got)
	}
	if got := ask(t, http.DefaultTransport, asIs); got != http.StatusUnauthorized {
		t.Errorf("anybody: %d", got)
	}
	elsewhere := httptest.NewRequest(http.MethodPost, "/a/b?c=e", nil)
	if got := ask(t, http.DefaultTransport, func(r *http.Request) { r.Header.Set(peerHeader, p.proof(elsewhere)) }); got != http.StatusUnauthorized {
		t.Errorf("the proof of another address: %d", got)
	}
}
