package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cuelight/cuelight/interact/wire"
)

// The peer counts every viewer once, gives a receipt to each, and tells all of
// them what is published.
func TestCentrifugeCountsAndPublishes(t *testing.T) {
	mux := http.NewServeMux()
	if err := addCentrifuge(mux); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	const viewers = 20
	crowdOf := func(broadcast string) *crowd {
		c, err := connect(t.Context(), socketOf(server.URL, centrifugePath), []byte(centrifugeHello), viewers, broadcast)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.close)
		return c
	}
	c, k := crowdOf(""), new(calls)
	for range 2 {
		_, message, err := k.begin(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.load(message); err != nil {
			t.Fatal(err)
		}
		if err := c.fire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.end(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	listeners := crowdOf(`{"push":`)
	err := listeners.hear(t.Context(), func() error {
		return put(t.Context(), server.URL+centrifugePublish, `{"t":"cue"}`)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBallotCountsOnce(t *testing.T) {
	b := &ballot{counts: make(map[string][]uint64), first: make(map[vote]wire.Receipt)}
	a := wire.Answer{ID: "a1", Cue: "c1", Choice: []int{1}}
	first, err := b.count("ann", &a)
	if err != nil {
		t.Fatal(err)
	}
	a.ID, a.Choice = "a2", []int{0}
	again, err := b.count("ann", &a)
	if err != nil || again.ID != first.ID || again.Seq != first.Seq {
		t.Errorf("again %+v (%v), first %+v", again, err, first)
	}
	if n := b.counts["c1"][len(poll.Options)]; n != 1 {
		t.Errorf("counted %d times", n)
	}
	if _, err := b.count("bob", &wire.Answer{Cue: "c1", Choice: []int{9}}); err == nil {
		t.Error("counted an option that there is none of")
	}
}
