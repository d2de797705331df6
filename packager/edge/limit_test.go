package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// sized answers every segment with as many bytes as its number says.
func sized(asked *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, number, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, ".mp4"), "video-")
		n, err := strconv.Atoi(number)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=12")
		w.Header().Set("ETag", `"`+number+`"`)
		w.Header().Set("Accept-Ranges", "bytes")
		w.Header().Set("Content-Type", "video/mp4")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(bytes.Repeat([]byte("0123456789"), n/10)))
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var asked atomic.Int64
	one := httptest.NewServer(sized(&asked))
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), MaxBytes: 1 << 20, MaxObjects: 50})
	defer e.Close()
	get := func(n int, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/hls/show/video-%d.mp4", n), nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code == 200 && w.Body.Len() != n/10*10 {
			t.Errorf("ED1 %d bytes of %d", w.Body.Len(), n)
		}
		return w
	}
	for i := range 100 {
		get(100_000 + 10*i)
		if st := e.Stats(); st.Bytes > 1<<20 || st.Objects > 11 {
			t.Fatalf("ED4 %+v", st)
		}
	}
	before := asked.Load()
	get(100_990)
	if asked.Load() != before {
		t.Error("ED6 what was used last is not kept")
	}
	get(100_000)
	if asked.Load() != before+1 {
		t.Error("ED4 what was used first is kept")
	}
	for i := range 100 {
		get(10 * i)
	}
	if st := e.Stats(); st.Objects > 50 {
		t.Errorf("ED4 %d objects", st.Objects)
	}
}

// TestErrorsDriveOutNothing: somebody asks for thousands of files that do not
// exist.
func TestErrorsDriveOutNothing(t *testing.T) {
	var asked atomic.Int64
	missing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=12")
		if strings.HasPrefix(r.URL.Path, "/hls/show/video") {
			io.WriteString(w, "media")
			return
		}
		w.WriteHeader(http.StatusNotFound)
	})
	one := httptest.NewServer(missing)
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), MaxObjects: 10})
	defer e.Close()
	get := func(file string) int {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/hls/show/"+file, nil))
		return w.Code
	}
	get("video-7.mp4")
	for i := range 2000 {
		if code := get(fmt.Sprintf("audio-%d.mp4", i)); code != 404 {
			t.Fatalf("ED1 %d", code)
		}
	}
	if st := e.Stats(); st.Objects > 1025 || get("video-7.mp4") != 200 || asked.Load() != 2001 {
		t.Errorf("ED4 %d objects are kept, the origin was asked %d times", st.Objects, asked.Load())
	}
}

// TestLargeObjects are passed through, in ranges too, and never kept.
func TestLargeObjects(t *testing.T) {
	var asked atomic.Int64
	one := httptest.NewServer(sized(&asked))
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), MaxObject: 1 << 20})
	defer e.Close()
	two := httptest.NewServer(e)
	defer two.Close()
	for range 2 {
		a := fetch(t.Context(), two.Client(), "GET", two.URL+"/hls/show/video-5000000.mp4")
		if a.status != 200 || len(a.body) != 5_000_000 || a.err != nil {
			t.Errorf("ED4 %d, %d bytes, %v", a.status, len(a.body), a.err)
		}
	}
	if st := e.Stats(); st.Passed != 2 || st.Bytes > 4096 || asked.Load() != 3 {
		t.Errorf("ED4 the origin was asked %d times: %+v", asked.Load(), st)
	}
	a := fetch(t.Context(), two.Client(), "GET", two.URL+"/hls/show/video-5000000.mp4", "Range", "bytes=4999990-")
	if a.status != 206 || string(a.body) != "0123456789" {
		t.Errorf("ED4 %d %q", a.status, a.body)
	}
	head := fetch(t.Context(), two.Client(), "HEAD", two.URL+"/hls/show/video-5000000.mp4")
	if head.status != 200 || head.header.Get("Content-Length") != "5000000" {
		t.Errorf("ED4 %d %v", head.status, head.header)
	}
}

// TestLargeObjectBreaksOff: the viewer is told, as nobody else's bytes may follow.
func TestLargeObjectBreaksOff(t *testing.T) {
	one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3000000")
		w.Write(make([]byte, 100_000))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), MaxObject: 1 << 20})
	defer e.Close()
	two := httptest.NewServer(e)
	defer two.Close()
	a := fetch(t.Context(), two.Client(), "GET", two.URL+"/hls/show/video-7.mp4")
	if a.status != 200 || !errors.Is(a.err, io.ErrUnexpectedEOF) {
		t.Errorf("ED3 %d, %d bytes, %v", a.status, len(a.body), a.err)
	}
}

// TestCrowd: an address that asks for too much at once.
func TestCrowd(t *testing.T) {
	block := make(chan struct{})
	one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-block }))
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), MaxHeldPerAddress: 2})
	defer e.Close()
	ask := func(from string, n int) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/hls/show/video-%d.mp4", n), nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	done := make(chan struct{}, 3)
	for i, from := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.7:1"} {
		go func() { ask(from, i); done <- struct{}{} }()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for e.Stats().Held < 3 {
		<-tick.C
	}
	w := ask("192.0.2.1:3", 9)
	if w.Code != 429 || w.Header().Get("Cache-Control") != "no-store" || e.Stats().Crowded != 1 {
		t.Errorf("ED4 %d %v", w.Code, w.Header())
	}
	close(block)
	for range 3 {
		<-done
	}
}

// TestStrangeOrigins give what no origin should; nothing of it is taken.
func TestStrangeOrigins(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
		},
		"a range":         func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusPartialContent) },
		"nothing changed": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"a huge head": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", 32<<10))
		},
		"a huge error": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			w.Write(make([]byte, 100<<10))
		},
		"no length": func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nhalf of it")
				conn.Close()
			}
		},
	} {
		one := httptest.NewServer(answer)
		e := newEdge(t, edge.Config{Upstream: at(one.URL)})
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/hls/show/video-7.mp4", nil))
		if w.Code != 503 || w.Header().Get("X-Large") != "" || w.Header().Get("Location") != "" || e.Stats().Objects != 0 {
			t.Errorf("ED3 %s: %d %v", name, w.Code, w.Header())
		}
		e.Close()
		one.Close()
	}
	cookie := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Cache-Control", "max-age=9")
		if len(r.Header["Cookie"]) > 0 || r.Header.Get("X-Forwarded-For") != "" {
			t.Errorf("ED1 the origin is told of a viewer: %v", r.Header)
		}
		io.WriteString(w, "media")
	}))
	defer cookie.Close()
	e := newEdge(t, edge.Config{Upstream: at(cookie.URL)})
	defer e.Close()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/hls/show/video-7.mp4", nil)
	r.Header.Set("Cookie", "c=d")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.String() != "media" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("ED1 %d %v", w.Code, w.Header())
	}
}

// TestCircle: two edges that take each other for the origin.
func TestCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		up, c := w.client(), w.client()
		a := newEdge(t, edge.Config{Upstream: at("http://b"), Client: up})
		b := newEdge(t, edge.Config{Upstream: at("http://a"), Client: up})
		w.serve("a", a)
		w.serve("b", b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if got := fetch(ctx, c, "GET", "http://a/hls/show/video-7.mp4"); got.status != 503 || a.Stats().Looped == 0 || time.Since(began) > time.Second {
			t.Errorf("ED4 %d %v: %+v", got.status, got.err, b.Stats())
		}
		w.end(up, c)
	})
}

var errToken = errors.New("the token is not ours")

// theatre is a protected channel's origin.
func theatre(t testing.TB) *stage {
	t.Helper()
	s := newStage(t, packager.Config{}, packager.Start{MSN: 100}, origin.Config{Playback: origin.Playback{
		Protected: func(string) bool { return true },
		Check: func(tok, _ string, _ time.Time) error {
			if tok != "viewer" && tok != "node" {
				return errToken
			}
			return nil
		},
		Key: bytes.Repeat([]byte("k"), 32),
	}})
	s.write(packagertest.Show{Start: first, Duration: 7 * time.Second})
	return s
}

func TestProtected(t *testing.T) {
	s := theatre(t)
	one := httptest.NewServer(s.o)
	defer one.Close()
	door := theatre(t).o // has no channel that is asked for here
	admit := func(w http.ResponseWriter, r *http.Request, _ string, _ packager.Name) bool { return door.Admit(w, r) }
	for _, tc := range []struct {
		name  string
		cfg   edge.Config
		asked uint64 // for ten viewers' multivariant playlists
	}{
		{"ED8 each with its own token", edge.Config{}, 10},
		{"ED8 all with the server's", edge.Config{Admit: admit, Token: func(string) string { return "node" }}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Upstream = at(one.URL)
			e := newEdge(t, tc.cfg)
			defer e.Close()
			two := httptest.NewServer(e)
			defer two.Close()
			c := two.Client()
			var index got
			for i := range 10 {
				if i%2 == 0 || tc.cfg.Admit != nil {
					index = fetch(t.Context(), c, "GET", two.URL+"/hls/show/index.m3u8?token=viewer&x=y")
				} else {
					index = fetch(t.Context(), c, "GET", two.URL+"/hls/show/index.m3u8", "Authorization", "Bearer viewer")
				}
				if index.status != 200 || index.header.Get("Cache-Control") != "private, no-store" {
					t.Fatalf("A1 A4 %d %v", index.status, index.header)
				}
			}
			if st := e.Stats(); st.Asked != tc.asked {
				t.Errorf("ED8 the origin was asked %d times: %+v", st.Asked, st)
			}
			for _, bad := range []string{"?token=thief", ""} {
				a := fetch(t.Context(), c, "GET", two.URL+"/hls/show/index.m3u8"+bad)
				of := fetch(t.Context(), c, "GET", one.URL+"/hls/show/index.m3u8"+bad)
				if a.status != 401 || !bytes.Equal(a.body, of.body) || a.header.Get("Cache-Control") != of.header.Get("Cache-Control") ||
					a.header.Get("Www-Authenticate") != of.header.Get("Www-Authenticate") {
					t.Errorf("A2 %q: %d %v %s, the origin says %v %s", bad, a.status, a.header, a.body, of.header, of.body)
				}
			}
			at := bytes.Index(index.body, []byte("/video.m3u8"))
			secret := string(index.body[at-40 : at])
			direct := fetch(t.Context(), one.Client(), "GET", one.URL+"/hls/show/"+secret+"/video-103.0.mp4")
			through := fetch(t.Context(), c, "GET", two.URL+"/hls/show/"+secret+"/video-103.0.mp4")
			if through.status != 200 || !bytes.Equal(through.body, direct.body) {
				t.Errorf("A3 %d", through.status)
			}
			for _, path := range []string{"video-103.0.mp4", strings.Repeat("0", 40) + "/video-103.0.mp4"} {
				if a := fetch(t.Context(), c, "GET", two.URL+"/hls/show/"+path); a.status != 404 {
					t.Errorf("A5 %s: %d", path, a.status)
				}
			}
			if st := e.Stats(); tc.cfg.Admit != nil && (st.Denied != 4 || door.Stats().Denied != 4 || st.Asked != tc.asked+1) {
				t.Errorf("ED8 %+v", st)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []edge.Config{{}, {Upstream: at(""), MaxHeld: -1}, {Upstream: at(""), Away: -1}} {
		if _, err := edge.New(cfg); err == nil {
			t.Errorf("ED4 %+v is taken", cfg)
		}
	}
}

// FuzzRequests asks an edge for anything; the origin is asked for nothing but
// what players can ask for.
func FuzzRequests(f *testing.F) {
	f.Add("/hls/show/video.m3u8", "_HLS_part=1&_HLS_msn=7&_HLS_skip=v2&token=x", "bytes=0-")
	f.Add("/hls/show/0123/video-7.1.mp4", "%", "bytes=-3")
	f.Add("/hls/../index.m3u8", "token=%0d%0a", "bytes=5-2,1-")
	f.Fuzz(func(t *testing.T, path, query, ranges string) {
		up := &http.Client{Transport: answering(func(r *http.Request) *http.Response {
			for _, pair := range strings.Split(r.URL.RawQuery, "&") {
				if key, _, _ := strings.Cut(pair, "="); pair != "" && key != "_HLS_msn" && key != "_HLS_part" && key != "_HLS_skip" && key != "token" {
					t.Errorf("ED1 the origin is asked for %s", r.URL)
				}
			}
			if r.URL.Host != "one" || !strings.HasPrefix(r.URL.Path, "/hls/") || strings.Contains(r.URL.Path+"/", "/../") {
				t.Errorf("ED1 the origin is asked for %s", r.URL)
			}
			return &http.Response{
				StatusCode: 200, ContentLength: 5, Body: io.NopCloser(strings.NewReader("media")),
				Header: http.Header{"Accept-Ranges": {"bytes"}, "Etag": {`"x"`}, "Content-Length": {"5"}},
			}
		})}
		e := newEdge(t, edge.Config{Upstream: at("http://one"), Client: up})
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header["Range"] = []string{ranges}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 206 && w.Code != 400 && w.Code != 404 && w.Code != 416 && w.Code != 503 {
			t.Errorf("ED1 %d for %q?%q", w.Code, path, query)
		}
	})
}

// answering is an origin without a network.
type answering func(r *http.Request) *http.Response

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
