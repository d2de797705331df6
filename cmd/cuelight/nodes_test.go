package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/redisproc"
	"github.com/cuelight/cuelight/internal/token"
)

// village is several nodes in this process, on a real Redis.
type village struct {
	t     *testing.T
	redis *redisproc.Server
}

func newVillage(t *testing.T) *village {
	t.Helper()
	redis, err := redisproc.Start(context.WithoutCancel(t.Context()), redisproc.Options{Dir: filepath.Join(t.TempDir(), "redis"), Args: redisproc.Durable()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Kill)
	return &village{t: t, redis: redis}
}

// resident is one of them.
type resident struct {
	*server
	t    *testing.T
	web  string
	stop func() // idempotent
}

// settle starts a node and waits until it lets viewers in.
func (v *village) settle(name, roles, more string) *resident {
	v.t.Helper()
	const free = "127.0.0.1:0"
	text := fmt.Sprintf("secret: %s\nroles: [%s]\nnode: {id: %s, listen: %q}\nredis: {addresses: [%q]}\n%s", strings.Repeat("k7", 16), roles, name, free, v.redis.Addr, more)
	flags := listenFlags{HTTP: free, RTMP: "off", SRT: "off", RTSP: "off", WebRTC: "off", Admin: "off", Data: v.t.TempDir()}
	if strings.Contains(roles, "ingest") {
		flags.RTMP = free
	}
	s, err := readSettings(writeFile(v.t, text), flags)
	if err != nil {
		v.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(v.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})).With("node", name)
	srv, err := newServer(v.t.Context(), s, log)
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.t.Context()))
	done := make(chan error, 1)
	go func() { done <- srv.run(ctx) }()
	stopped := false
	r := &resident{server: srv, t: v.t, web: "http://" + srv.open.http.Addr().String()}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			v.t.Errorf("%s stopped with %v", name, err)
		}
	}
	v.t.Cleanup(r.stop)
	until(v.t, name+" lets viewers in", srv.cluster.opened.Load, func(is bool) bool { return is })
	return r
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r *resident) do(method, path string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.web+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (r *resident) get(path string, headers ...string) reply {
	r.t.Helper()
	return r.do(http.MethodGet, path, headers...)
}

// got waits until a path answers 200.
func (r *resident) got(path string, headers ...string) reply {
	r.t.Helper()
	return until(r.t, path, func() reply { return r.get(path, headers...) }, func(a reply) bool { return a.status == http.StatusOK })
}

// mint makes a token that lasts so long.
func (r *resident) mint(role string, lasts time.Duration, channels ...string) string {
	r.t.Helper()
	now := time.Now()
	if lasts < 0 { // one that has expired was good once
		now = now.Add(2 * lasts)
		lasts = -lasts
	}
	tok, err := r.tokens.Mint(token.Claims{Role: role, Subject: "someone", Channels: channels, Expires: now.Add(lasts)}, now)
	if err != nil {
		r.t.Fatal(err)
	}
	return tok
}

// push pushes a picture to one of the node's channels.
func (r *resident) push(channel string) *ingesttest.Encoder {
	r.t.Helper()
	return encode(r.t, "-f", "flv", "rtmp://"+r.open.rtmp.Addr().String()+"/live/"+channel)
}
