package edge_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager/edge"
)

// TestTroubleIsToldOnce: an origin is away for a while, and then gives some
// files and others not.
func TestTroubleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var gives atomic.Int32 // 0 nothing, 1 segments with even numbers, 2 everything
		gives.Store(2)
		up := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			even := strings.HasSuffix(r.URL.Path, "0.mp4")
			if g := gives.Load(); g == 0 || g == 1 && !even {
				return nil, errors.New("no route")
			}
			return &http.Response{StatusCode: 200, ContentLength: 5, Body: io.NopCloser(strings.NewReader("media")), Header: http.Header{}}, nil
		})}
		e := newEdge(t, edge.Config{Upstream: at("http://one"), Client: up, Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer e.Close()
		file := 0
		ask := func(n int, every time.Duration) {
			for range n {
				file++
				e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/hls/show/video-%d.mp4", 10*(file/2)+file%2), nil))
				time.Sleep(every)
			}
		}
		lines := func(what string) int { return strings.Count(log.String(), what) }

		ask(10, 100*time.Millisecond)
		if e.Stats().Failed != 0 || lines("origin gives") != 0 {
			t.Fatalf("ED9 nothing failed: %+v\n%s", e.Stats(), &log)
		}
		gives.Store(0)
		ask(100, 100*time.Millisecond) // twice each: media are asked for again
		gives.Store(1)
		ask(100, 100*time.Millisecond)
		if st := e.Stats(); lines("level=WARN") != 1 || lines("origin gives everything again") != 0 || st.Failed != 300 {
			t.Errorf("ED9 while it lasts: %+v\n%s", st, &log)
		}
		gives.Store(2)
		ask(40, 100*time.Millisecond)
		if n := lines("origin gives everything again"); n != 1 || lines("failures=300") != 1 || lines("dur=19.9s") != 1 {
			t.Errorf("ED9 when it is over:\n%s", &log)
		}
		gives.Store(0)
		ask(3, time.Second)
		if lines("level=WARN") != 2 {
			t.Errorf("ED9 the next one:\n%s", &log)
		}
	})
}

// TestCircleIsToldOnce: anybody can say that a request has come through edges.
func TestCircleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := newEdge(t, edge.Config{Upstream: at("http://one"), Log: slog.New(slog.NewTextHandler(&log, nil))})
		defer e.Close()
		for i := range 100 {
			r := httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/hls/c%d/video-7.mp4", i), nil)
			r.Header.Set("Cuelight-Hops", "11")
			e.ServeHTTP(httptest.NewRecorder(), r)
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "circles"); n != 1 || e.Stats().Looped != 100 {
			t.Errorf("ED9 %d lines:\n%s", n, &log)
		}
	})
}

// TestNoSecretIsLogged: where an origin cannot be reached, neither a viewer's
// token nor a path is in the log.
func TestNoSecretIsLogged(t *testing.T) {
	up := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })}
	for _, path := range []string{"index.m3u8?token=sesame", "sesame/video.m3u8", "sesame/video-7.mp4"} {
		var log bytes.Buffer
		e := newEdge(t, edge.Config{Upstream: at("http://one"), Client: up, Away: time.Nanosecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/hls/show/"+path, nil))
		if strings.Contains(log.String(), "sesame") || !strings.Contains(log.String(), "no route") {
			t.Errorf("A6 ED9 %s: %s", path, &log)
		}
	}
}

// TestAnOriginRefusesTheServer: the origin is of another release. It is asked
// with each viewer's token, and with the server's once a second.
func TestAnOriginRefusesTheServer(t *testing.T) {
	var log bytes.Buffer
	s := theatre(t)
	one := httptest.NewServer(s.o)
	defer one.Close()
	e := newEdge(t, edge.Config{Upstream: at(one.URL), Token: func(string) string { return "stranger" }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer e.Close()
	for tok, want := range map[string]int{"viewer": http.StatusOK, "thief": http.StatusUnauthorized} {
		for range 10 {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/hls/show/index.m3u8?token="+tok, nil))
			if w.Code != want {
				t.Errorf("ED8 %s: %d %v %s", tok, w.Code, w.Header(), w.Body)
			}
		}
	}
	if st := e.Stats(); st.Passed != 20 || st.Failed == 0 || st.Failed > 10 || strings.Count(log.String(), "origin gives") != 1 {
		t.Errorf("ED8 %+v\n%s", st, &log)
	}
}

// roundTrip is an origin without a network that may give nothing.
type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
