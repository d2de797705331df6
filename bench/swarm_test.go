package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// untilDone asks so many times and leaves.
type untilDone struct {
	request []byte
	left    int
	bodies  []string
}

func (u *untilDone) first() ([]byte, bool) { return u.request, true }

func (u *untilDone) next(r *reply, _ instant) ([]byte, bool) {
	u.bodies = append(u.bodies, string(r.body))
	if u.left--; u.left == 0 {
		return nil, false
	}
	return u.request, true
}

// runEmpty drives a swarm until everybody has left.
func runEmpty(t *testing.T, w *swarm) {
	t.Helper()
	for deadline := now() + instant(20*time.Second); len(w.members) > 0; {
		if now() > deadline {
			t.Fatalf("%d members have no answer", len(w.members))
		}
		if err := w.run(t.Context(), now()+instant(20*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

// Every request of every member reaches a real server, and every answer its
// member, whole.
func TestSwarmAgainstARealServer(t *testing.T) {
	long := strings.Repeat("0123456789", 50_000)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/long" {
			for i := range 10 {
				w.Write([]byte(long[i*len(long)/10 : (i+1)*len(long)/10]))
			}
			return
		}
		w.Write([]byte("short"))
	}))
	defer server.Close()
	w, err := newSwarm(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	var users []*untilDone
	for i := range 40 {
		u := &untilDone{request: w.request([]string{"/long", "/short"}[i%2]), left: 5}
		users = append(users, u)
		if err := w.join(u); err != nil {
			t.Fatal(err)
		}
	}
	runEmpty(t, w)
	if w.failed > 0 || w.requests != 200 || asked.Load() != 200 || w.bytes != 100*int64(len(long)+len("short")) {
		t.Fatalf("%d answers of %d bytes to %d requests, %d failed: %v", w.requests, w.bytes, asked.Load(), w.failed, w.failure)
	}
	for i, u := range users {
		for _, body := range u.bodies {
			if want := []string{long, "short"}[i%2]; body != want {
				t.Fatalf("member %d was answered with %d bytes, want %d", i, len(body), len(want))
			}
		}
	}
}

func TestSwarmCountsWhatFails(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) },
		"a hang-up": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	} {
		server := httptest.NewServer(handler)
		w, err := newSwarm(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.join(&untilDone{request: w.request("/"), left: 1}); err != nil {
			t.Fatal(err)
		}
		runEmpty(t, w)
		if w.failed != 1 || w.requests != 0 || w.failure == nil {
			t.Errorf("%s: %d failed, %d answered: %v", name, w.failed, w.requests, w.failure)
		}
		w.close()
		server.Close()
	}
}

func TestSwarmWantsAnAddress(t *testing.T) {
	for _, bad := range []string{"", "http://localhost:80", "http://[::1]:80", "http://127.0.0.1"} {
		if w, err := newSwarm(bad); err == nil {
			w.close()
			t.Errorf("%q is taken for an address", bad)
		}
	}
}
