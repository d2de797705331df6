package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The real client against the real echo: every viewer's message comes back to
// that viewer.
func TestCrowdHearsItsOwnEcho(t *testing.T) {
	server := httptest.NewServer(newEcho())
	defer server.Close()
	greeting, err := hello()
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), greeting, 50, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	m := new(mirror)
	for range 3 {
		_, message, err := m.begin(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.load(message); err != nil {
			t.Fatal(err)
		}
		if err := c.fire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.end(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range c.sockets {
		if s.heard.sub(s.sent) <= 0 || s.heard.sub(s.sent) > time.Minute {
			t.Errorf("viewer %d: sent %d, heard %d", i, s.sent, s.heard)
		}
	}
}

// A message of 126 bytes and more has another frame head.
func TestCrowdSendsLongMessages(t *testing.T) {
	server := httptest.NewServer(newEcho())
	defer server.Close()
	c, err := connect(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), []byte("hi"), 2, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	long := `{"t":"answer","id":"` + strings.Repeat("x", 300) + `"}`
	if err := c.load(func(int) ([]byte, error) { return []byte(long), nil }); err != nil {
		t.Fatal(err)
	}
	if err := c.fire(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, s := range c.sockets {
		if string(s.reply) != long {
			t.Errorf("viewer %d heard %q", i, s.reply)
		}
	}
}
