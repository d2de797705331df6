package edge_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// bubble runs a test in fake time with a live show behind an origin "one" and an
// edge "edge" in front of it.
func bubble(t *testing.T, cfg edge.Config, test func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := newStage(t, packager.Config{}, packager.Start{MSN: 100}, origin.Config{})
		ctx, stop := context.WithCancel(t.Context())
		performed := make(chan struct{})
		go func() { s.perform(ctx, packagertest.Show{Start: first, Duration: time.Minute}); close(performed) }()
		w.serve("one", s.o)
		up, c := w.client(), w.client()
		cfg.Client = up
		if cfg.Upstream == nil {
			cfg.Upstream = at("http://one")
		}
		e := newEdge(t, cfg)
		w.serve("edge", e)
		time.Sleep(7*time.Second + 10*time.Millisecond) // of fake time, between two pictures
		test(t, w, s, e, c)
		stop()
		<-performed
		w.end(up, c)
	})
}

// TestManyWaitForOne: 200 viewers wait for the next playlist and the next part,
// of whom some leave, the first among them.
func TestManyWaitForOne(t *testing.T) {
	bubble(t, edge.Config{}, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		hint := s.c.View().Window(packager.Video).Load().Hint
		hint.Part++ // more than a part from now
		list := "http://edge/hls/show/" + query("video.m3u8", hint.MSN, hint.Part)
		before := w.hosts["one"].asked.Load()
		leaving, leave := context.WithCancel(t.Context())
		gone, answers := make(chan got, 200), make(chan got, 200)
		begin := func(ctx context.Context, into chan got) {
			go func() { into <- fetch(ctx, c, "GET", list) }()
			synctest.Wait()
		}
		begin(leaving, gone)
		for i := range 200 {
			if i%4 == 1 {
				begin(leaving, gone)
			} else {
				begin(t.Context(), answers)
			}
		}
		if st := e.Stats(); st.Held != 201 || st.Flights != 1 || st.Asked != 1 {
			t.Errorf("ED2 %+v", st)
		}
		leave()
		for range 51 {
			if a := <-gone; a.err == nil {
				t.Errorf("ED2 a viewer that left got %d", a.status)
			}
		}
		var body []byte
		for range 150 {
			a := <-answers
			if a.status != 200 || a.err != nil || body != nil && !bytes.Equal(a.body, body) {
				t.Fatalf("ED2 %d %v", a.status, a.err)
			}
			body = a.body
		}
		if n := w.hosts["one"].asked.Load() - before; n != 1 || !bytes.Contains(body, []byte(packager.Name{
			Kind: packager.NamePart, Rendition: packager.Video, MSN: hint.MSN, Part: hint.Part,
		}.String())) {
			t.Errorf("ED2 the origin was asked %d times", n)
		}
		synctest.Wait()
		if st := e.Stats(); st.Held != 0 || st.Flights != 0 {
			t.Errorf("ED4 %+v", st)
		}
	})
}

func query(file string, msn, part uint64) string {
	d := packager.Name{Kind: packager.NamePart, Rendition: "x", MSN: msn, Part: part}.String() // x-MSN.PART.mp4
	m, p, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(d, "x-"), ".mp4"), ".")
	return file + "?_HLS_msn=" + m + "&_HLS_part=" + p
}

// TestAllLeave: what nobody waits for any more is not asked for any more.
func TestAllLeave(t *testing.T) {
	bubble(t, edge.Config{}, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		hint := s.c.View().Window(packager.Video).Load().Hint
		url := "http://edge/hls/show/" + query("video.m3u8", hint.MSN, hint.Part+4)
		leaving, leave := context.WithCancel(t.Context())
		gone := make(chan got, 2)
		for range 2 {
			go func() { gone <- fetch(leaving, c, "GET", url) }()
		}
		synctest.Wait()
		if held := s.o.Stats().Held; held != 1 {
			t.Errorf("ED2 the origin holds %d", held)
		}
		leave()
		<-gone
		<-gone
		synctest.Wait()
		if st, up := e.Stats(), s.o.Stats(); st.Flights != 0 || st.Held != 0 || up.Held != 0 {
			t.Errorf("ED2 %+v, the origin holds %d", st, up.Held)
		}
		if a := fetch(t.Context(), c, "GET", url); a.status != 200 {
			t.Errorf("ED2 who comes next gets %d %v", a.status, a.err)
		}
	})
}

// TestHintedPart is waited for at the origin.
func TestHintedPart(t *testing.T) {
	bubble(t, edge.Config{}, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		hint := s.c.View().Window(packager.Video).Load().Hint
		name := packager.Name{Kind: packager.NamePart, Rendition: packager.Video, MSN: hint.MSN, Part: hint.Part}
		a := fetch(t.Context(), c, "GET", "http://edge/hls/show/"+name.String(), "Range", "bytes=0-")
		part := s.c.View().Window(packager.Video).Load().Part(hint)
		if a.status != 206 || part == nil || !bytes.Equal(a.body, part.Bytes) {
			t.Errorf("P13 %d, %d bytes", a.status, len(a.body))
		}
		time.Sleep(3 * time.Second)
		again := fetch(t.Context(), c, "GET", "http://edge/hls/show/"+name.String())
		if again.status != 200 || again.header.Get("Age") != "3" || again.header.Get("Cache-Control") != "max-age=12" {
			t.Errorf("ED6 %d %v", again.status, again.header)
		}
		asked := w.hosts["one"].asked.Load()
		time.Sleep(12 * time.Second)
		late := fetch(t.Context(), c, "GET", "http://edge/hls/show/"+name.String())
		if late.status != 200 || !bytes.Equal(late.body, a.body) || late.header.Get("Age") != "" || w.hosts["one"].asked.Load() != asked+1 {
			t.Errorf("ED6 after its time: %d %v", late.status, late.header)
		}
		if st := e.Stats(); st.Upstream != uint64(len(a.body)) {
			t.Errorf("ED6 %d bytes loaded of %d: what has not changed is not loaded again", st.Upstream, len(a.body))
		}
	})
}

// TestPlaylistsAge: without directives they are kept for a second.
func TestPlaylistsAge(t *testing.T) {
	bubble(t, edge.Config{}, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		one := fetch(t.Context(), c, "GET", "http://edge/hls/show/video.m3u8")
		time.Sleep(900 * time.Millisecond)
		two := fetch(t.Context(), c, "GET", "http://edge/hls/show/video.m3u8")
		time.Sleep(200 * time.Millisecond)
		three := fetch(t.Context(), c, "GET", "http://edge/hls/show/video.m3u8")
		if !bytes.Equal(one.body, two.body) || bytes.Equal(two.body, three.body) || two.header.Get("Age") != "0" {
			t.Errorf("ED6 Age %q, %q, %q", one.header.Get("Age"), two.header.Get("Age"), three.header.Get("Age"))
		}
		for range 2 {
			if a := fetch(t.Context(), c, "GET", "http://edge/hls/show/video-3.mp4"); a.status != 404 {
				t.Errorf("ED6 %d", a.status)
			}
		}
		asked := w.hosts["one"].asked.Load()
		time.Sleep(1100 * time.Millisecond)
		fetch(t.Context(), c, "GET", "http://edge/hls/show/video-3.mp4")
		if n := w.hosts["one"].asked.Load() - asked; n != 1 {
			t.Errorf("ED6 a 404 of a second ago was asked for %d times", n)
		}
	})
}

// TestTooManyWait: every wait has a limit.
func TestTooManyWait(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    edge.Config
		status int
	}{
		{"ED4 requests", edge.Config{MaxHeld: 3}, 503},
		{"ED4 objects", edge.Config{MaxFlights: 3}, 503},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bubble(t, tc.cfg, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
				hint := s.c.View().Window(packager.Video).Load().Hint
				all := make(chan got, 3)
				for i := range uint64(3) {
					go func() {
						all <- fetch(t.Context(), c, "GET", "http://edge/hls/show/"+query("video.m3u8", hint.MSN, hint.Part+i))
					}()
				}
				synctest.Wait()
				a := fetch(t.Context(), c, "GET", "http://edge/hls/show/"+query("video.m3u8", hint.MSN, hint.Part+3))
				if a.status != tc.status || a.header.Get("Retry-After") != "1" || e.Stats().Refused != 1 {
					t.Errorf("%s: %d %v %+v", tc.name, a.status, a.header, e.Stats())
				}
				for range 3 {
					if a := <-all; a.status != 200 {
						t.Errorf("%s: who waited got %d", tc.name, a.status)
					}
				}
				if a := fetch(t.Context(), c, "GET", "http://edge/hls/show/video-102.mp4"); a.status != 200 {
					t.Errorf("%s: %d afterwards", tc.name, a.status)
				}
			})
		})
	}
}

// TestMuteOrigin: one that takes requests and says nothing is waited for so long
// and no longer.
func TestMuteOrigin(t *testing.T) {
	bubble(t, edge.Config{Timeout: 4 * time.Second, BodyTimeout: time.Second}, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		w.serve("mute", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		half := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "100")
			rw.Write([]byte("beginning"))
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		w.serve("half", half)
		up := w.client()
		for _, tc := range []struct {
			base  string
			least time.Duration
			most  time.Duration
		}{
			{"http://mute", 4 * time.Second, 4 * time.Second},
			{"http://half", time.Second, 4 * time.Second},
		} {
			slow := newEdge(t, edge.Config{Upstream: at(tc.base), Client: up, Timeout: 4 * time.Second, BodyTimeout: time.Second})
			h := w.serve("slow", slow)
			began := time.Now()
			a := fetch(t.Context(), c, "GET", "http://slow/hls/show/video-102.mp4")
			if took := time.Since(began); a.status != 503 || took < tc.least || took > tc.most {
				t.Errorf("ED4 %s: %d after %v", tc.base, a.status, took)
			}
			w.kill(h)
		}
		up.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if a := fetch(ctx, c, "GET", "http://edge/hls/show/video-102.mp4"); a.status != 200 || errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("ED4 %d", a.status)
		}
	})
}
