package demo_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/cuelight/cuelight/internal/demo"
	"github.com/cuelight/cuelight/internal/media"
)

var errEnough = errors.New("enough")

func TestPlaySendsEveryFrameWhenItIsDue(t *testing.T) {
	c := load(t)
	// Less than the shortest gap between two frames, so it must never add up.
	const cost = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		start, sent := time.Now(), int64(0)
		err := demo.Play(t.Context(), c, func(f media.Frame) error {
			if want := c.Frame(sent).DTS; f.DTS != want {
				t.Fatalf("frame %d has DTS %d, want %d", sent, f.DTS, want)
			}
			late := time.Since(start) - f.DTS.Duration()
			// Sound that is due together with a picture waits for it to be sent.
			if late != 0 && (late != cost || c.Frame(sent-1).DTS != f.DTS) {
				t.Fatalf("frame %d of track %d sent %v after it was due", sent, f.Track, late)
			}
			if sent++; sent == 3*int64(c.Len()) {
				return errEnough
			}
			time.Sleep(cost)
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestPlayDropsFramesAfterAStall(t *testing.T) {
	c := load(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var after *media.Frame
		stalled := false
		err := demo.Play(t.Context(), c, func(f media.Frame) error {
			switch {
			case stalled:
				after = &f
				if at := time.Since(start); at != f.DTS.Duration() {
					t.Errorf("sent at %v, due at %v", at, f.DTS.Duration())
				}
				return errEnough
			case f.DTS.Duration() >= 2*time.Second:
				stalled = true
				time.Sleep(3500 * time.Millisecond)
			}
			return nil
		})
		if !errors.Is(err, errEnough) || after.DTS.Duration() != 6*time.Second || !after.Key || after.Track != 0 {
			t.Errorf("went on with %v of track %d, want the key frame at 6s (%v)", after.DTS.Duration(), after.Track, err)
		}
	})
}

// server is an RTMP server that hands over every connection it accepts.
type server struct {
	addr  string
	conns chan net.Conn
}

func listen(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().String(), conns: make(chan net.Conn)}
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case s.conns <- c:
			case <-stop:
				c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		l.Close()
		<-done
	})
	return s
}

// next waits for a connection. It closes with the test.
func (s *server) next(t *testing.T) net.Conn {
	t.Helper()
	select {
	case c := <-s.conns:
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no connection within 20s")
		return nil
	}
}

func handshake(t *testing.T, c net.Conn) *gortmplib.ServerConn {
	t.Helper()
	sc := &gortmplib.ServerConn{RW: c}
	if err := sc.Initialize(); err != nil {
		t.Fatal(err)
	}
	if err := sc.Accept(); err != nil {
		t.Fatal(err)
	}
	return sc
}

// received is what a server read of one connection.
type received struct {
	video, audio []time.Duration // DTS
	keys         []bool          // of video
}

// receive reads a connection until it has n pictures.
func receive(t *testing.T, sc *gortmplib.ServerConn, n int) received {
	t.Helper()
	r := &gortmplib.Reader{Conn: sc}
	if err := r.Initialize(); err != nil {
		t.Fatal(err)
	}
	var got received
	for _, track := range r.Tracks() {
		switch track.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(track, func(_, dts time.Duration, au [][]byte) {
				if h264.NALUType(au[0][0]&0x1f) == h264.NALUTypeSPS {
					return // the announcement of the track, not a picture
				}
				got.video = append(got.video, dts)
				got.keys = append(got.keys, h264.IsRandomAccess(au))
			})
		case *codecs.MPEG4Audio:
			r.OnDataMPEG4Audio(track, func(pts time.Duration, _ []byte) { got.audio = append(got.audio, pts) })
		default:
			t.Fatalf("unexpected track %T", track.Codec)
		}
	}
	for len(got.video) < n {
		if err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// start runs a broadcast until the test ends, and fails the test if it does
// not end then, and well.
func start(t *testing.T, b demo.Broadcast) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func wantIncreasing(t *testing.T, what string, dts []time.Duration, step time.Duration) {
	t.Helper()
	for i := 1; i < len(dts); i++ {
		// RTMP counts in milliseconds, so a step is right to within one.
		if d := dts[i] - dts[i-1]; d <= step-time.Millisecond || d >= step+time.Millisecond {
			t.Fatalf("%s frame %d: DTS steps by %v, want %v", what, i, d, step)
		}
	}
}

func TestBroadcastPublishesOverRTMP(t *testing.T) {
	s := listen(t)
	start(t, demo.Broadcast{Addr: s.addr, Channel: "show", Key: "k3y"})
	began := time.Now()
	sc := handshake(t, s.next(t))
	if want := "/live/show:k3y"; sc.URL.Path != want || !sc.Publish {
		t.Errorf("path = %q, publish = %v; want a publisher of %q", sc.URL.Path, sc.Publish, want)
	}
	got := receive(t, sc, 60)
	if lasted := time.Since(began); lasted < 59*time.Second/30 {
		t.Errorf("60 pictures within %v: faster than real time", lasted)
	}
	wantIncreasing(t, "video", got.video, time.Second/30)
	wantIncreasing(t, "audio", got.audio, 1024*time.Second/48000)
	if got.video[0] != 0 || got.audio[0] != 0 {
		t.Errorf("begins with video at %v and audio at %v, want both at zero", got.video[0], got.audio[0])
	}
	for i, key := range got.keys {
		if key != (i%30 == 0) {
			t.Errorf("picture %d: key = %v", i, key)
		}
	}
}

func TestBroadcastGoesOnAfterTheServerWasAway(t *testing.T) {
	s := listen(t)
	start(t, demo.Broadcast{Addr: s.addr, Channel: "show", Key: "k3y"})
	conn := s.next(t)
	first := receive(t, handshake(t, conn), 10)
	conn.Close()
	refused := s.next(t)
	refused.Close()
	second := receive(t, handshake(t, s.next(t)), 2)
	if last := first.video[len(first.video)-1]; second.video[0] <= last {
		t.Errorf("goes on at %v although it was at %v", second.video[0], last)
	}
	if !second.keys[0] || second.video[0]%time.Second != 0 {
		t.Errorf("goes on at %v, key = %v; want a key frame", second.video[0], second.keys[0])
	}
}

func TestBroadcastKeepsItsKeyOutOfTheLog(t *testing.T) {
	s := listen(t)
	var lines strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	b := demo.Broadcast{Addr: s.addr, Channel: "show", Key: "k3y", Log: slog.New(slog.NewTextHandler(&lines, nil))}
	go func() { done <- b.Run(ctx) }()
	for range 2 {
		conn := s.next(t)
		handshake(t, conn)
		conn.Close()
	}
	s.next(t).Close() // by now both interruptions are in the log
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if log := lines.String(); strings.Contains(log, "k3y") || strings.Count(log, "interrupted") < 2 {
		t.Errorf("log = %q; want two interruptions, and no key", log)
	}
}
