package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// encoder is a protocol's goroutine: it writes 25 pictures a second until it is
// cut or told to stop.
type encoder struct {
	session *ingest.Session
	pause   chan struct{} // closed: sends nothing more, and stays
	stop    func()
	told    *ingest.Error // once done is closed
	done    chan struct{}
}

func encode(t *testing.T, s *ingest.Session) *encoder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := &encoder{session: s, pause: make(chan struct{}), stop: cancel, done: make(chan struct{})}
	cut := make(chan struct{})
	var once sync.Once
	stop := s.Guard(ctx, func() { once.Do(func() { close(cut) }) })
	begin(t, s)
	go func() {
		defer close(e.done)
		defer cancel()
		defer stop()
		e.told = s.Close(e.run(cut))
	}()
	return e
}

func (e *encoder) run(cut <-chan struct{}) error {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for dts := clock.Ticks(0); ; dts += 3600 {
		select {
		case <-tick.C:
			if err := e.session.Write(picture(dts, true)); err != nil {
				return err
			}
		case <-e.pause:
			<-cut
			return io.EOF
		case <-cut:
			return io.EOF
		}
	}
}

func by(protocol, remote string) ingest.Request {
	return ingest.Request{Channel: "show", Key: "k", Protocol: protocol, Remote: remote}
}

func TestWhoGivesWay(t *testing.T) {
	for _, tc := range []struct {
		name     string
		takeover bool
		silence  time.Duration
		req      ingest.Request
		code     ingest.Code
		returned bool
	}{
		{"IG4 a second one is refused", false, 0, by("rtmp", "192.0.2.1:2"), ingest.CodeBusy, false},
		{"IG40 a second one takes over", true, 0, by("srt", "192.0.2.9:2"), "", false},
		{"IG42 a rival of the same host is not the encoder back", true, 0, by("rtmp", "192.0.2.1:2"), "", false},
		{"IG40 what the server fetches takes nothing over", true, 0, ingest.Request{Channel: "show", Protocol: "hls", Remote: "192.0.2.9:2", Own: true}, ingest.CodeBusy, false},
		{"IG40 a wrong key takes nothing over", true, 0, ingest.Request{Channel: "show", Key: "x", Protocol: "rtmp", Remote: "192.0.2.1:2"}, ingest.CodeWrongKey, false},
		{"IG41 after 0.9 s nobody gives way", false, 900 * time.Millisecond, by("rtmp", "192.0.2.1:2"), ingest.CodeBusy, false},
		{"IG41 after 1 s to the same encoder", false, 1100 * time.Millisecond, by("rtmp", "192.0.2.1:2"), "", true},
		{"IG41 after 1 s not to another host", false, 1100 * time.Millisecond, by("rtmp", "192.0.2.9:2"), ingest.CodeBusy, false},
		{"IG41 after 1 s not to another protocol", false, 1100 * time.Millisecond, by("srt", "192.0.2.1:2"), ingest.CodeBusy, false},
		{"IG41 after 3 s to anybody", false, 3100 * time.Millisecond, by("srt", "192.0.2.9:2"), "", false},
		{"IG41 after 3 s to what the server fetches", false, 3100 * time.Millisecond, ingest.Request{Channel: "show", Protocol: "hls", Remote: "192.0.2.9:2", Own: true}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := ingesttest.NewRecorder()
				r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k", Takeover: tc.takeover, Output: out})
				s, err := r.Admit(by("rtmp", "192.0.2.1:1"))
				if err != nil {
					t.Fatal(err)
				}
				first := encode(t, s)
				time.Sleep(20*time.Second + time.Millisecond)
				if tc.silence > 0 {
					close(first.pause)
					time.Sleep(tc.silence)
				}
				second, err := r.Admit(tc.req)
				if got := ingest.CodeOf(err); got != tc.code {
					t.Fatalf("code = %q, want %q (%v)", got, tc.code, err)
				}
				h := out.Heard()
				if err != nil {
					if len(h.Ends) != 0 {
						t.Errorf("the first was ended: %v", h.Ends)
					}
					first.stop()
					<-first.done
					return
				}
				if len(h.Ends) != 1 || ingest.CodeOf(h.Ends[0]) != ingest.CodeReplaced {
					t.Errorf("IG40 ends = %v before the second may begin", h.Ends)
				}
				if got := second.Info().Returned; got != tc.returned {
					t.Errorf("IG42 returned = %v, want %v", got, tc.returned)
				}
				begin(t, second)
				<-first.done
				if first.told == nil || first.told.Code != ingest.CodeReplaced {
					t.Errorf("IG40 the first was told %v", first.told)
				}
				write(t, second, picture(0, true))
				second.Close(nil)
				c := r.Counters()
				if h := out.Heard(); len(h.Broken) != 0 || len(h.Begins) != 2 || len(h.Ends) != 2 {
					t.Errorf("IG10 broken %v, %d begins, %d ends", h.Broken, len(h.Begins), len(h.Ends))
				}
				if c.Live != 0 || c.Admitted != 2 || c.Left != 2 || c.Cut[ingest.CodeReplaced] != 1 {
					t.Errorf("counters = %+v", c)
				}
			})
		})
	}
}

func TestASessionThatWasReplacedSaysNothingMore(t *testing.T) {
	out := ingesttest.NewRecorder()
	r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k", Takeover: true, Output: out})
	first, _ := r.Admit(by("rtmp", "192.0.2.1:1"))
	begin(t, first)
	write(t, first, picture(0, true))
	second, err := r.Admit(by("rtmp", "192.0.2.1:2"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(nil)
	before := out.Heard()
	first.Observe(ingest.Observation{DTS: 1, Arrival: time.Now()})
	for what, err := range map[string]error{
		"Write":  first.Write(picture(3600, true)),
		"Begin":  first.Begin(tracks),
		"Change": first.Change(tracks),
	} {
		if ingest.CodeOf(err) != ingest.CodeReplaced {
			t.Errorf("IG40 %s says %v", what, err)
		}
	}
	if told := first.Close(errors.New("read: closed")); told == nil || told.Code != ingest.CodeReplaced {
		t.Errorf("IG40 the publisher is told %v", told)
	}
	if told := first.Close(nil); told != nil {
		t.Errorf("told twice: %v", told)
	}
	after := out.Heard()
	if len(after.Frames) != len(before.Frames) || len(after.Observations) != len(before.Observations) || len(after.Broken) != 0 {
		t.Errorf("IG40 the output heard of the first again: %+v", after)
	}
	if c := r.Counters(); c.Live != 1 {
		t.Errorf("IG20 live = %d, want 1", c.Live)
	}
}

// stuck is an output that does not return from Write until it is let go.
type stuck struct {
	*ingesttest.Recorder
	release chan struct{}
}

func (s stuck) Write(f media.Frame) error {
	<-s.release
	return s.Recorder.Write(f)
}

func TestAnOutputThatIsStuckKeepsItsChannelForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{ingesttest.NewRecorder(), make(chan struct{})}
		r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k", Takeover: true, Output: out})
		s, _ := r.Admit(by("rtmp", "192.0.2.1:1"))
		first := encode(t, s)
		time.Sleep(time.Second)
		for range 3 {
			start := time.Now()
			_, err := r.Admit(by("srt", "192.0.2.9:1"))
			if ingest.CodeOf(err) != ingest.CodeBusy || time.Since(start) > 3*time.Second {
				t.Errorf("IG40 after %v: %v", time.Since(start), err)
			}
		}
		if live := r.Counters().Live; live != 1 {
			t.Errorf("IG20 live = %d, want 1", live)
		}
		close(out.release)
		<-first.done
		second, err := r.Admit(by("srt", "192.0.2.9:1"))
		if err != nil {
			t.Fatalf("IG40 the channel is not free again: %v", err)
		}
		second.Close(nil)
		if h := out.Heard(); len(h.Broken) != 0 || len(h.Ends) != 1 {
			t.Errorf("IG10 broken %v, ends %v", h.Broken, h.Ends)
		}
	})
}

// TestAProtocolThatIsStuck takes the place of a publisher whose goroutine does
// not come back from its connection.
func TestAProtocolThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := ingesttest.NewRecorder()
		r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k", Takeover: true, Output: out})
		first, _ := r.Admit(by("rtmp", "192.0.2.1:1"))
		release := make(chan struct{})
		stop := first.Guard(context.Background(), func() { <-release }) // closing the socket hangs
		begin(t, first)
		start := time.Now()
		second, err := r.Admit(by("rtmp", "192.0.2.1:2"))
		if err != nil || time.Since(start) != 0 {
			t.Fatalf("IG40 after %v: %v", time.Since(start), err)
		}
		begin(t, second)
		second.Close(nil)
		close(release)
		stop()
		first.Close(nil)
		if h := out.Heard(); len(h.Broken) != 0 || len(h.Ends) != 2 {
			t.Errorf("IG10 broken %v, ends %v", h.Broken, h.Ends)
		}
	})
}

func TestReturned(t *testing.T) {
	for _, tc := range []struct {
		name  string
		begun bool
		gap   time.Duration
		req   ingest.Request
		want  bool
	}{
		{"IG42 at once", true, 0, by("rtmp", "192.0.2.1:2"), true},
		{"IG42 after 9.9 s", true, 9900 * time.Millisecond, by("rtmp", "192.0.2.1:2"), true},
		{"IG42 after 10 s", true, 10 * time.Second, by("rtmp", "192.0.2.1:2"), false},
		{"IG42 from another host", true, time.Second, by("rtmp", "192.0.2.2:2"), false},
		{"IG42 by another protocol", true, time.Second, by("rtmps", "192.0.2.1:2"), false},
		{"IG42 the one before never began", false, time.Second, by("rtmp", "192.0.2.1:2"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Key: "k"}, ingest.Channel{Name: "other", Key: "k2"})
				first, _ := r.Admit(by("rtmp", "192.0.2.1:1"))
				if first.Info().Returned {
					t.Error("IG42 the first has returned")
				}
				if tc.begun {
					begin(t, first)
				}
				first.Close(io.ErrUnexpectedEOF)
				time.Sleep(tc.gap)
				second, err := r.Admit(tc.req)
				if err != nil {
					t.Fatal(err)
				}
				if got := second.Info().Returned; got != tc.want {
					t.Errorf("returned = %v, want %v", got, tc.want)
				}
				second.Close(nil)
				elsewhere, _ := r.Admit(ingest.Request{Channel: "other", Key: "k2", Protocol: "rtmp", Remote: "192.0.2.1:3"})
				if elsewhere.Info().Returned {
					t.Error("IG42 another channel's encoder has returned")
				}
				elsewhere.Close(nil)
			})
		})
	}
}

// TestTakeoverAtTheLimit needs no slot more than the one that gets free.
func TestTakeoverAtTheLimit(t *testing.T) {
	r := registry(t, ingest.Config{MaxSessions: 1, MaxPerRemote: 1}, ingest.Channel{Name: "show", Key: "k", Takeover: true})
	first, _ := r.Admit(by("rtmp", "192.0.2.1:1"))
	begin(t, first)
	second, err := r.Admit(by("rtmp", "192.0.2.1:2"))
	if err != nil {
		t.Fatalf("IG20 %v", err)
	}
	first.Close(nil)
	second.Close(nil)
	if live := r.Counters().Live; live != 0 {
		t.Errorf("IG20 live = %d", live)
	}
	third, err := r.Admit(by("rtmp", "192.0.2.1:3"))
	if err != nil {
		t.Fatalf("IG20 %v", err)
	}
	third.Close(nil)
}

// TestManyTakeOver lets everybody want one channel at once.
func TestManyTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := ingesttest.NewRecorder()
		r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Open: true, Takeover: true, Output: out})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 20 {
					s, err := r.Admit(from("show", ""))
					if err != nil {
						time.Sleep(time.Duration(i+1) * time.Millisecond)
						continue
					}
					_ = s.Begin(tracks)
					_ = s.Write(picture(0, true))
					time.Sleep(time.Duration(i*n%7) * 10 * time.Millisecond)
					s.Observe(ingest.Observation{})
					_ = s.Write(picture(3600, true))
					r.Live("show")
					s.Stats()
					s.Close(nil)
				}
			})
		}
		wg.Wait()
		h := out.Heard()
		if len(h.Broken) != 0 || len(h.Begins) < 8 || len(h.Begins) != len(h.Ends) {
			t.Errorf("IG10 broken %v, %d begins, %d ends", h.Broken, len(h.Begins), len(h.Ends))
		}
		replaced := r.Counters().Cut[ingest.CodeReplaced]
		if live := r.Counters().Live; live != 0 || replaced == 0 {
			t.Errorf("IG20 live = %d, replaced = %d", live, replaced)
		}
	})
}

func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s, _, r := admitted(t, ingest.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		begin(t, s)
		for i := range clock.Ticks(3) {
			write(t, s, picture(i*9*clock.TicksPerSecond, true))
			time.Sleep(2 * time.Second)
			if idle := s.Stats().Idle; idle != 2*time.Second {
				t.Errorf("IG43 idle = %v, want 2 s", idle)
			}
			time.Sleep(900 * time.Millisecond)
			synctest.Wait()
			if n := r.Counters().Stalled; n != uint64(i) {
				t.Errorf("IG43 after 2.9 s: counted %d, want %d", n, i)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if n := r.Counters().Stalled; n != uint64(i+1) {
				t.Errorf("IG43 after 7.9 s: counted %d, want %d", n, i+1)
			}
		}
		s.Close(nil)
		if n := strings.Count(log.String(), "publisher stalled"); n != 3 {
			t.Errorf("IG43 %d lines, want 3:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "publisher flows again"); n != 2 {
			t.Errorf("IG43 %d lines of media that go on, want 2", n)
		}
	})
}
