package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/interact/api"
	redisstore "github.com/cuelight/cuelight/interact/redis"
	"github.com/cuelight/cuelight/internal/token"
)

const onTape = "channels: {show: {open: true, record: true}}\n"

type listed struct {
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"`
	Live  bool   `json:"live"`
	URL   string `json:"url"`
}

// recordings lists what a node says that there is.
func (r *resident) recordings(auth ...string) []listed {
	r.t.Helper()
	var said struct{ Recordings []listed }
	if a := r.get("/api/v1/channels/show/recordings", auth...); a.status != 200 || json.Unmarshal([]byte(a.body), &said) != nil {
		r.t.Fatalf("recordings: %d %s", a.status, a.body)
	}
	return said.Recordings
}

var segmentName = regexp.MustCompile(`(?m)^video-\d+\.mp4$`)

// TestRecordingElsewhere plays, lists and deletes a recording over a node that
// did not make it.
func TestRecordingElsewhere(t *testing.T) {
	v := newVillage(t)
	home := v.settle("home", "engine, studio, ingest, origin", onTape)
	far := v.settle("far", "gateway, studio, origin", onTape)
	auth := []string{"Authorization", "Bearer " + home.mint(token.RoleProducer, time.Hour)}
	encoder := home.push("show")
	list := until(t, "a recording", func() []listed { return far.recordings(auth...) }, func(all []listed) bool { return len(all) == 1 })
	rec := list[0]
	at := strings.TrimSuffix(rec.URL, "index.m3u8")
	names := until(t, "two segments", func() []string { return segmentName.FindAllString(far.get(at+"video.m3u8").body, -1) },
		func(names []string) bool { return len(names) >= 2 })
	if a := far.got(rec.URL); !strings.Contains(a.body, "video.m3u8") || a.header.Get("Content-Type") != "application/vnd.apple.mpegurl" {
		t.Errorf("VD5 %v %s", a.header, a.body)
	}
	here, there := home.got(at+names[0]), far.got(at+names[0])
	if here.body != there.body || len(here.body) == 0 || here.header.Get("ETag") != there.header.Get("ETag") || there.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("VD5 %d bytes %v, where it was made %d bytes %v", len(there.body), there.header, len(here.body), here.header)
	}
	if a := far.get(at+names[0], "Range", "bytes=8-15"); a.status != http.StatusPartialContent || a.body != here.body[8:16] || a.header.Get("Content-Range") == "" {
		t.Errorf("VD5 a range: %d %q %v", a.status, a.body, a.header)
	}
	if a := far.get(at+names[0], "If-None-Match", here.header.Get("ETag")); a.status != http.StatusNotModified {
		t.Errorf("VD5 what the viewer has: %d", a.status)
	}
	if a := far.do(http.MethodHead, at+names[0]); a.status != 200 || a.header.Get("Content-Length") != here.header.Get("Content-Length") {
		t.Errorf("VD5 HEAD: %d %v", a.status, a.header)
	}
	for path, want := range map[string]string{
		at + "video-1.mp4":                        "has no such file",
		"/vod/show/20200101T000000Z/index.m3u8":   "start the server that made it",
		"/vod/nobody/20200101T000000Z/x.m3u8":     "no such file",
		"/vod/show/" + rec.ID + "/recording.json": "no such file",
	} {
		if a := far.get(path); a.status != http.StatusNotFound || !strings.Contains(a.body, want) {
			t.Errorf("VD5 %s: %d %s", path, a.status, a.body)
		}
	}
	path := "/api/v1/channels/show/recordings/" + rec.ID
	if a := far.do(http.MethodDelete, path, auth...); a.status != http.StatusConflict || !strings.Contains(a.body, "end the event first") {
		t.Errorf("RC9 while it is made: %d %s", a.status, a.body)
	}
	encoder.Stop(t)
	if a := far.do(http.MethodPost, "/api/v1/channels/show/end", auth...); a.status != 200 {
		t.Fatalf("end: %d %s", a.status, a.body)
	}
	until(t, "its end", func() []listed { return far.recordings(auth...) }, func(all []listed) bool { return len(all) == 1 && !all[0].Live })
	if a := far.do(http.MethodDelete, path, auth...); a.status != http.StatusNoContent {
		t.Errorf("RC9 %d %s", a.status, a.body)
	}
	if a := far.do(http.MethodDelete, path, auth...); a.status != http.StatusNotFound {
		t.Errorf("RC9 again: %d %s", a.status, a.body)
	}
	if all := far.recordings(auth...); len(all) != 0 {
		t.Errorf("RC9 %+v is left", all)
	}
	until(t, "gone for viewers too", func() reply { return far.get(at + names[0]) }, func(a reply) bool { return a.status == http.StatusNotFound })
}

// TestRecordingOfANodeThatStopped: viewers and producers are told.
func TestRecordingOfANodeThatStopped(t *testing.T) {
	v := newVillage(t)
	home := v.settle("home", "engine, studio, ingest, origin", onTape)
	far := v.settle("far", "gateway, studio, origin", onTape)
	auth := []string{"Authorization", "Bearer " + home.mint(token.RoleProducer, time.Hour)}
	home.push("show")
	list := until(t, "a recording", func() []listed { return far.recordings(auth...) }, func(all []listed) bool { return len(all) == 1 })
	far.got(list[0].URL)
	home.stop()
	a := until(t, "that it is not there", func() reply { return far.get(list[0].URL) }, func(a reply) bool { return a.status == http.StatusNotFound })
	if !strings.Contains(a.body, "start the server that made it") || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Cache-Control") != "max-age=1" {
		t.Errorf("VD5 %v %s", a.header, a.body)
	}
	if all := far.recordings(auth...); len(all) != 0 {
		t.Errorf("VD5 %+v is listed", all)
	}
}

// TestShelves: however many look for what nobody has, the nodes are asked once a
// second.
func TestShelves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked, found, silent := 0, []farRecording{{Recording: api.Recording{ID: "one"}, node: "a"}}, []string(nil)
		s := newShelves(func(context.Context, string) ([]farRecording, []string) {
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			asked++
			return found, silent
		}, slog.New(slog.DiscardHandler))
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for range 20 {
					if _, err := s.find(t.Context(), "show", "none"); !errors.Is(err, errNowhere) {
						t.Errorf("VD5 %v", err)
					}
					if node, err := s.find(t.Context(), "show", "one"); node != "a" || err != nil {
						t.Errorf("VD5 %s, %v", node, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if asked > 3 {
			t.Errorf("VD5 asked %d times in two seconds", asked)
		}
		mu.Lock()
		found, silent = nil, []string{"a"}
		mu.Unlock()
		time.Sleep(shelfAgain)
		if node, err := s.find(t.Context(), "show", "one"); node != "a" || err != nil {
			t.Errorf("VD5 what was known a moment ago: %s, %v", node, err)
		}
		s.forget("show", "one")
		if _, err := s.find(t.Context(), "show", "one"); !errors.Is(err, errSilent) {
			t.Errorf("VD5 a node that does not answer: %v", err)
		}
		// Who leaves while it waits for others' question takes nothing along.
		time.Sleep(shelfAgain)
		ctx, leave := context.WithCancel(t.Context())
		all.Go(func() { _, _ = s.find(ctx, "show", "none") }) // leaves
		synctest.Wait()
		all.Go(func() {
			if _, err := s.find(t.Context(), "show", "none"); !errors.Is(err, errSilent) {
				t.Errorf("VD5 %v", err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
	})
}

// TestReplayer: what a viewer is told when the node with a recording does not
// answer as it should, and what the node is told of the viewer.
func TestReplayer(t *testing.T) {
	var got *http.Request
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("ETag", `"x"`)
		io.WriteString(w, "media")
	}))
	defer node.Close()
	base, lost := node.URL, 0
	var fails error
	p := newReplayer(func(context.Context, string, string) (string, error) { return base, fails }, func(string, string) { lost++ },
		&http.Transport{DisableKeepAlives: true}, slog.New(slog.DiscardHandler))
	ask := func() *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/vod/show/r/video-1.mp4?token=x", nil)
		r.Header.Set("Range", "bytes=0-")
		r.Header.Set("Cookie", "session=secret")
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		p.serve(w, r, "show", "r")
		return w
	}
	if w := ask(); w.Code != 200 || w.Body.String() != "media" || w.Header().Get("ETag") != `"x"` {
		t.Errorf("VD5 %d %v %s", w.Code, w.Header(), w.Body)
	}
	if got.URL.String() != "/vod/show/r/video-1.mp4" || got.Header.Get("Range") != "bytes=0-" || got.Header.Get("Cookie") != "" || got.Header.Get("Authorization") != "" {
		t.Errorf("VD5 the node is told %s %v", got.URL, got.Header)
	}
	for range maxReplays {
		p.busy <- struct{}{}
	}
	if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "too many") {
		t.Errorf("VD5 with many: %d %s", w.Code, w.Body)
	}
	for range maxReplays {
		<-p.busy
	}
	fails = errSilent
	if w := ask(); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "does not answer") {
		t.Errorf("VD5 while a node does not answer: %d %s", w.Code, w.Body)
	}
	node.Close()
	fails = nil
	if w := ask(); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || lost != 1 {
		t.Errorf("VD5 when the node has gone: %d %s, lost %d", w.Code, w.Body, lost)
	}
}

// TestReplayIsBounded: a node that stops in the middle of an answer is not
// waited for.
func TestReplayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := answer(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, ContentLength: 640 << 10, Body: stalled{r.Context()}, Header: http.Header{}, Request: r}, nil
		})
		p := newReplayer(func(context.Context, string, string) (string, error) { return "http://node", nil }, func(string, string) {}, stuck, slog.New(slog.DiscardHandler))
		began := time.Now()
		func() {
			defer func() {
				if gone := recover(); gone != http.ErrAbortHandler {
					t.Errorf("VD5 the answer is not cut off: %v", gone)
				}
			}()
			r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.ServerContextKey, new(http.Server)), http.MethodGet, "/vod/show/r/video-1.mp4", nil)
			p.serve(httptest.NewRecorder(), r, "show", "r")
		}()
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("VD5 given up after %v", took)
		}
	})
}

type answer func(*http.Request) (*http.Response, error)

func (f answer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stalled is a body of which nothing comes.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
func (stalled) Close() error { return nil }

// TestAskShelves asks nodes of which some do not answer as they should.
func TestAskShelves(t *testing.T) {
	p := peersOf(t, "a")
	node := func(h http.HandlerFunc) peer {
		s := httptest.NewServer(p.only(h))
		t.Cleanup(s.Close)
		return peer{Node: redisstore.Node{URL: s.URL}}
	}
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	all := map[string]peer{
		"self": {Node: redisstore.Node{URL: dead.URL}},
		"good": node(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/node/v1/channels/show/recordings" {
				t.Errorf("VD5 asked for %s", r.URL)
			}
			io.WriteString(w, `{"recordings":[{"id":"20270115T080010Z","started_at_us":1,"duration_ms":2000,"bytes":3,"live":true,"more":1}],"more":2}`)
		}),
		"older":  node(http.NotFound),
		"dead":   {Node: redisstore.Node{URL: dead.URL}},
		"broken": node(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }),
		"nonsense": node(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"recordings":`+strings.Repeat(" ", maxShelfBytes+1)+`[]}`)
		}),
	}
	for id, n := range all {
		n.ID = id
		all[id] = n
	}
	c := &cluster{
		transport: signing{p, &http.Transport{DisableKeepAlives: true}},
		directory: &directory{own: func() redisstore.Node { return all["self"].Node }, peers: all},
	}
	found, silent := c.askShelves(t.Context(), "show")
	want := farRecording{node: "good", Recording: api.Recording{
		ID: "20270115T080010Z", Started: 1, Duration: 2 * time.Second, Bytes: 3, Live: true, URL: "/vod/show/20270115T080010Z/index.m3u8",
	}}
	slices.Sort(silent)
	if len(found) != 1 || found[0] != want || !slices.Equal(silent, []string{"broken", "dead", "nonsense"}) {
		t.Errorf("VD5 found %+v, silent %v", found, silent)
	}
}
