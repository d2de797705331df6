package origin_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/origin"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// stream writes frames in real time until ctx ends or there are none.
func stream(ctx context.Context, c *packager.Channel, frames []media.Frame) error {
	start, from := time.Now(), frames[0].DTS
	for _, f := range frames {
		due := time.NewTimer(time.Until(start.Add((f.DTS - from).Duration())))
		select {
		case <-due.C:
		case <-ctx.Done():
			due.Stop()
			return nil
		}
		if err := c.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// TestOtherReader lets gohlslib's client, which shares no code with the
// packager's playlists, play a live channel of real media.
func TestOtherReader(t *testing.T) {
	clip := packagertest.Encode(t, 20*time.Second, first)
	s := newStage(t, origin.Config{})
	server := httptest.NewServer(s.o)
	defer server.Close()
	if err := s.c.Begin(clip.Tracks); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	fed := make(chan error, 1)
	go func() { fed <- stream(ctx, s.c, clip.Frames) }()

	const enough = 45 // pictures, more than a second
	pictures, sounds := make(chan int64, 1000), make(chan int64, 1000)
	client := &gohlslib.Client{URI: server.URL + "/hls/show/index.m3u8"}
	client.OnTracks = func(tracks []*gohlslib.Track) error {
		if len(tracks) != 2 {
			t.Errorf("the client found %d tracks", len(tracks))
		}
		for _, track := range tracks {
			switch track.Codec.(type) {
			case *codecs.H264:
				client.OnDataH26x(track, func(_, dts int64, _ [][]byte) { pictures <- dts })
			case *codecs.MPEG4Audio:
				client.OnDataMPEG4Audio(track, func(pts int64, _ [][]byte) { sounds <- pts })
			}
		}
		return nil
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	checkSteps(t, client, pictures, 3000, enough)
	checkSteps(t, client, sounds, 1024, enough)
	client.Close()
	stop()
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
}

// checkSteps takes so many timestamps and expects them one step apart.
func checkSteps(t *testing.T, client *gohlslib.Client, stamps <-chan int64, step int64, n int) {
	t.Helper()
	last := int64(-1)
	for range n {
		select {
		case ts := <-stamps:
			if last >= 0 && ts-last != step {
				t.Errorf("M3 timestamp %d after %d, want %d more", ts, last, step)
			}
			last = ts
		case err := <-client.Wait():
			t.Fatalf("the client gave up: %v", err)
		case <-time.After(30 * time.Second):
			t.Fatal("no media for 30 s")
		}
	}
}

// TestFFmpegReads lets ffmpeg decode a finished channel with a reconnect in it
// and counts what it saw.
func TestFFmpegReads(t *testing.T) {
	s := newStage(t, origin.Config{})
	for i := range clock.Ticks(2) {
		clip := packagertest.Encode(t, 5*time.Second, first+i*30*clock.TicksPerSecond)
		if err := s.c.Begin(clip.Tracks); err != nil {
			t.Fatal(err)
		}
		s.write(clip.Frames)
		if err := s.c.End(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.c.Finish(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.o)
	defer server.Close()
	for _, tc := range []struct {
		stream string
		frames string
	}{
		{"v:0", "300"}, // two clips of 5 s at 30 pictures a second
		{"a:0", "470"}, // 235 whole frames of 1024 samples at 48 kHz each
	} {
		got := ffprobe(t, "-count_frames", "-select_streams", tc.stream, "-show_entries", "stream=nb_read_frames",
			"-of", "csv=p=0", server.URL+"/hls/show/index.m3u8")
		if frames, _, _ := strings.Cut(got, "\n"); frames != tc.frames {
			t.Errorf("ffprobe decoded %q frames of %s, want %s", frames, tc.stream, tc.frames)
		}
	}
	for _, file := range []string{"video", "audio"} {
		w := s.get("/hls/show/" + file + ".m3u8")
		p, err := packagertest.Parse(w.Body.String())
		if err != nil {
			t.Fatal(err)
		}
		if p.Segments[0].Map == "" {
			t.Errorf("M1 no init section in %s.m3u8", file)
		}
	}
}

func ffprobe(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Fatalf("this test needs ffprobe (apt-get install ffmpeg): %v", err)
	}
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "ffprobe", append([]string{"-v", "error"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// pipes is a listener whose connections hold nothing: what the peer does not
// read blocks at once.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestSlowViewerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{WriteTimeout: 4 * time.Second})
		l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: s.o}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()

		ours, theirs := net.Pipe()
		l.conns <- theirs
		start := time.Now()
		if _, err := ours.Write([]byte("GET /hls/show/video-103.mp4 HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		for s.o.Stats().Slow == 0 && time.Since(start) < time.Minute {
			time.Sleep(100 * time.Millisecond) // fake time: a viewer that reads nothing
			synctest.Wait()
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("given up after %v, want the write timeout", took)
		}
		ours.Close()
		server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// TestDeadlineEndsWithTheAnswer guards connections that are used again, by
// this handler or another: a deadline left behind would break them.
func TestDeadlineEndsWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := seven(t, origin.Config{WriteTimeout: time.Second})
		l := &pipes{conns: make(chan net.Conn, 1), done: make(chan struct{})}
		server := &http.Server{Handler: s.o}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		dials := 0
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dials++
			ours, theirs := net.Pipe()
			l.conns <- theirs
			return ours, nil
		}}
		for range 3 {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/hls/show/video-103.0.mp4", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body := make([]byte, answer.ContentLength)
			for n := 0; n < len(body); {
				m, err := answer.Body.Read(body[n:])
				if n += m; err != nil && n < len(body) {
					t.Fatal(err)
				}
			}
			answer.Body.Close()
			time.Sleep(5 * time.Second)
		}
		if dials != 1 {
			t.Errorf("%d connections for three requests", dials)
		}
		transport.CloseIdleConnections()
		server.Close()
		<-ended
	})
}
