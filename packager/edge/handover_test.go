package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/edge"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// player follows one rendition as low-latency players do, and notes what breaks
// a rule.
type player struct {
	c      *http.Client
	folder string // with a slash at its end
	list   string

	mu       sync.Mutex
	problems []string
	worst    time.Duration // that a playlist took
	parts    map[string][]byte
	last     *packagertest.Playlist
	domains  map[uint64]bool
	errors   int // answers that were none
}

func (p *player) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// play reloads until ctx ends.
func (p *player) play(ctx context.Context) {
	p.parts, p.domains = map[string][]byte{}, map[uint64]bool{}
	url := p.folder + p.list
	for ctx.Err() == nil {
		began := time.Now()
		a := fetch(ctx, p.c, "GET", url)
		if ctx.Err() != nil {
			return
		}
		p.worst = max(p.worst, time.Since(began))
		if a.status != 200 || a.err != nil {
			p.errors++
			if a.status != 503 || a.header.Get("Retry-After") == "" {
				p.problem("%s: %d %v", url, a.status, a.err)
			}
			pause(ctx, time.Second)
			continue
		}
		l, err := packagertest.Parse(string(a.body))
		if err != nil {
			p.problem("%v", err)
			return
		}
		p.read(l)
		newest := l.Segments[len(l.Segments)-1]
		p.load(ctx, newest)
		next := query(p.list, newest.MSN, uint64(len(newest.Parts)))
		if newest.URI != "" {
			next = query(p.list, newest.MSN+1, 0)
		}
		url = p.folder + next
	}
}

// read holds a playlist against the one before.
func (p *player) read(l *packagertest.Playlist) {
	for _, s := range l.Segments {
		p.domains[s.Domain] = true
	}
	if b := p.last; b != nil {
		was, is := b.Segments[len(b.Segments)-1], l.Segments[len(l.Segments)-1]
		if l.MediaSequence < b.MediaSequence || is.MSN < was.MSN || l.Discontinuity < b.Discontinuity || is.Domain < was.Domain {
			p.problem("HV1 segment %d of domain %d after %d of %d", is.MSN, is.Domain, was.MSN, was.Domain)
		}
		if is.Date.Before(was.Date) {
			p.problem("HV3 date %v after %v", is.Date, was.Date)
		}
		if first := firstMedia(l); l.MediaSequence > was.MSN && !first.Discontinuity {
			p.problem("HV1 segment %d behind %d has no discontinuity", first.MSN, was.MSN)
		}
	}
	p.last = l
}

// firstMedia is the first segment that is no gap, or the last one.
func firstMedia(l *packagertest.Playlist) packagertest.Segment {
	for _, s := range l.Segments {
		if !s.Gap && (s.URI != "" || len(s.Parts) > 0 && !s.Parts[0].Gap) {
			return s
		}
	}
	return l.Segments[len(l.Segments)-1]
}

// load loads the newest parts, and notes bytes that are not what they were.
func (p *player) load(ctx context.Context, s packagertest.Segment) {
	for _, part := range s.Parts {
		if _, ok := p.parts[part.URI]; ok || part.Gap {
			continue
		}
		a := fetch(ctx, p.c, "GET", p.folder+part.URI)
		if ctx.Err() != nil {
			return
		}
		if a.status == 200 && a.err == nil {
			p.parts[part.URI] = a.body
		} else {
			p.errors++
			p.parts[part.URI] = nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// TestHandover: viewers of two edges play while the origin is killed and the
// encoder connects to another one, which goes on from numbers that are seconds
// old.
func TestHandover(t *testing.T) {
	for _, tc := range []struct {
		name string
		away time.Duration // until another origin has the channel
	}{
		{"ED5 at once", 0},
		{"ED5 after 4 s", 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { handover(t, tc.away) })
		})
	}
}

func handover(t *testing.T, away time.Duration) {
	w := newWorld(t)
	var where atomic.Value
	where.Store("http://one")
	up, c := w.client(), w.client()
	upstream := func(string) (string, bool) { s := where.Load().(string); return s, s != "" }
	edges := []*edge.Edge{newEdge(t, edge.Config{Upstream: upstream, Client: up}), newEdge(t, edge.Config{Upstream: upstream, Client: up})}
	var going sync.WaitGroup
	players := []*player{}
	watching, leave := context.WithCancel(t.Context())
	one := newStage(t, packager.Config{}, packager.Start{MSN: 100, Discontinuity: 7}, origin.Config{})
	first1 := w.serve("one", one.o)
	onAir, dies := context.WithCancel(t.Context())
	going.Go(func() { one.perform(onAir, packagertest.Show{Start: first, Duration: time.Minute}) })
	time.Sleep(5 * time.Second)
	for i, e := range edges {
		name := fmt.Sprintf("edge%d", i)
		w.serve(name, e)
		for _, list := range []string{"video.m3u8", "audio.m3u8", "video.m3u8"} {
			p := &player{c: c, folder: "http://" + name + "/hls/show/", list: list}
			players = append(players, p)
			going.Go(func() { p.play(watching) })
		}
	}
	time.Sleep(10 * time.Second)
	kept := one.c.Numbers()
	time.Sleep(3*time.Second + 50*time.Millisecond) // and nobody keeps them any more
	dies()
	w.kill(first1)
	end := one.c.Numbers()
	where.Store("")
	time.Sleep(away)
	start, err := kept.Resume(packager.Start{MSN: 1})
	if err != nil {
		t.Fatal(err)
	}
	two := newStage(t, packager.Config{}, start, origin.Config{})
	w.serve("two", two.o)
	where.Store("http://two")
	time.Sleep(800 * time.Millisecond) // until the encoder's tracks are known
	back := first + clock.TicksOf(19*time.Second+away)
	going.Go(func() {
		two.perform(watching, packagertest.Show{Start: back, Duration: time.Minute, SPS: packagertest.SPS180})
	})
	time.Sleep(15 * time.Second)
	leave()
	going.Wait()
	synctest.Wait()
	for i, p := range players {
		if len(p.problems) > 0 {
			t.Errorf("player %d: %s", i, strings.Join(p.problems, "\n"))
		}
		if len(p.domains) != 2 || p.last.Segments[0].MSN < end.MSN+16 {
			t.Errorf("HV1 player %d saw domains %v", i, p.domains)
		}
		if p.worst > 10*time.Second {
			t.Errorf("N7 player %d waited %v", i, p.worst)
		}
		same := 0
		for uri, body := range p.parts {
			name, _ := packager.ParseName(uri)
			at := packager.Position{MSN: name.MSN, Part: name.Part}
			s := one
			if name.MSN >= start.MSN {
				s = two
			}
			part := s.c.View().Window(name.Rendition).Load().Part(at)
			switch {
			case body == nil:
			case part == nil || !bytes.Equal(body, part.Bytes):
				t.Errorf("ED3 %s is not what its origin has", uri)
			default:
				same++
			}
		}
		if same < 60 {
			t.Errorf("ED3 player %d loaded %d parts", i, same)
		}
		t.Logf("player %d: %d parts, %d answers that were none, a playlist took %v at most", i, same, p.errors, p.worst)
	}
	for _, e := range edges {
		if st := e.Stats(); st.Held != 0 || st.Flights != 0 {
			t.Errorf("ED4 %+v", st)
		}
	}
	w.end(up, c)
}

// TestMovesWhileHeld: the origin of before lives, and holds the request, but the
// channel is elsewhere now.
func TestMovesWhileHeld(t *testing.T) {
	var where atomic.Value
	where.Store("http://one")
	cfg := edge.Config{Upstream: func(string) (string, bool) { return where.Load().(string), true }}
	bubble(t, cfg, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		other := newStage(t, packager.Config{}, packager.Start{MSN: 100}, origin.Config{})
		other.write(packagertest.Show{Start: first, Duration: 20 * time.Second})
		w.serve("two", other.o)
		hint := s.c.View().Window(packager.Video).Load().Hint
		url := "http://edge/hls/show/" + query("video.m3u8", hint.MSN, hint.Part+5)
		waits := make(chan got, 1)
		began := time.Now()
		go func() { waits <- fetch(t.Context(), c, "GET", url) }()
		synctest.Wait()
		where.Store("http://two")
		a := <-waits
		if took := time.Since(began); a.status != 200 || took > time.Second || e.Stats().Moved != 1 || s.o.Stats().Held != 0 {
			t.Errorf("ED5 %d after %v: %+v", a.status, took, e.Stats())
		}
	})
}

// TestBreaksOff: an origin dies in the middle of a body, and another one has the
// channel then. Nobody sees a byte of the first.
func TestBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := seven(t)
		w.serve("two", s.o)
		var where atomic.Value
		where.Store("http://one")
		w.serve("one", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "5000")
			rw.Header().Set("Content-Type", "video/mp4")
			rw.Write(bytes.Repeat([]byte("x"), 3000))
			rw.(http.Flusher).Flush()
			where.Store("http://two")
			panic(http.ErrAbortHandler)
		}))
		up, c := w.client(), w.client()
		e := newEdge(t, edge.Config{Upstream: func(string) (string, bool) { return where.Load().(string), true }, Client: up})
		w.serve("edge", e)
		a := fetch(t.Context(), c, "GET", "http://edge/hls/show/video-103.0.mp4")
		part := s.c.View().Window(packager.Video).Load().Part(packager.Position{MSN: 103})
		if a.status != 200 || !bytes.Equal(a.body, part.Bytes) || e.Stats().Retried != 1 {
			t.Errorf("ED3 %d, %d bytes: %+v", a.status, len(a.body), e.Stats())
		}
		where.Store("http://nowhere")
		began := time.Now()
		if a := fetch(t.Context(), c, "GET", "http://edge/hls/show/video-102.0.mp4"); a.status != 503 || a.header.Get("Retry-After") != "1" || time.Since(began) > time.Second {
			t.Errorf("ED7 a part without an origin: %d after %v", a.status, time.Since(began))
		}
		time.Sleep(20 * time.Second)
		if a := fetch(t.Context(), c, "GET", "http://edge/hls/show/video-103.0.mp4"); a.status != 200 || !bytes.Equal(a.body, part.Bytes) || a.header.Get("Age") != "20" {
			t.Errorf("ED7 a part that is kept: %d %v", a.status, a.header)
		}
		w.end(up, c)
	})
}

// TestAway: what viewers get while the channel's origin is gone.
func TestAway(t *testing.T) {
	var where atomic.Value
	where.Store("http://one")
	cfg := edge.Config{Upstream: func(channel string) (string, bool) {
		s := where.Load().(string)
		return s, s != "" && channel == "show"
	}}
	bubble(t, cfg, func(t *testing.T, w *world, s *stage, e *edge.Edge, c *http.Client) {
		get := func(path string) (got, time.Duration) {
			began := time.Now()
			return fetch(t.Context(), c, "GET", "http://edge/hls/"+path), time.Since(began)
		}
		if a, took := get("other/video.m3u8"); a.status != 404 || a.header.Get("Cache-Control") != "max-age=0, s-maxage=1" || took > 0 {
			t.Errorf("ED7 a channel that nobody has: %d %v", a.status, a.header)
		}
		index, _ := get("show/index.m3u8")
		where.Store("")
		time.Sleep(5 * time.Second)
		if a, took := get("show/index.m3u8"); a.status != 200 || !bytes.Equal(a.body, index.body) || a.header.Get("Age") != "5" || took > 0 {
			t.Errorf("ED7 the playlist of before: %d %v after %v", a.status, a.header, took)
		}
		time.Sleep(7 * time.Second)
		if a, took := get("show/index.m3u8"); a.status != 503 || a.header.Get("Retry-After") != "1" || took < 5*time.Second || took > 7*time.Second {
			t.Errorf("ED7 no origin: %d after %v", a.status, took)
		}
		waits := make(chan got, 1)
		go func() { a, _ := get("show/video.m3u8"); waits <- a }()
		time.Sleep(3 * time.Second)
		where.Store("http://one")
		if a := <-waits; a.status != 200 {
			t.Errorf("ED7 %d though the origin came back", a.status)
		}
		where.Store("")
		time.Sleep(3 * time.Minute)
		if a, took := get("show/video.m3u8"); a.status != 404 || took > 0 {
			t.Errorf("ED7 minutes later: %d after %v", a.status, took)
		}
	})
}
