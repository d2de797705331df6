package hlspull_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/hlspull"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
)

const secret = "s3cr3t-t0ken"

// lines is a log that tests read while it is written.
type lines struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// rig is a puller that runs.
type rig struct {
	*ingesttest.Recorder
	registry *ingest.Registry
	puller   *hlspull.Puller
	log      *lines
	stop     func()
}

// start pulls until the test, or its bubble, ends.
func start(t *testing.T, cfg hlspull.Config) *rig {
	t.Helper()
	return startWithin(t, cfg, ingest.Config{})
}

// startWithin is start with limits.
func startWithin(t *testing.T, cfg hlspull.Config, limits ingest.Config) *rig {
	t.Helper()
	r := &rig{Recorder: ingesttest.NewRecorder(), log: new(lines)}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	limits.Log = log
	var err error
	r.registry, err = ingest.NewRegistry([]ingest.Channel{{Name: "show", Key: "key", Output: r.Recorder}}, limits)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Channel, cfg.Log = "show", log
	if cfg.Rand == nil {
		cfg.Rand = func() float64 { return 0 }
	}
	if r.puller, err = hlspull.New(r.registry, cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.puller.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		r.check(t)
	})
	t.Cleanup(r.stop)
	return r
}

// check is what must hold after every test.
func (r *rig) check(t *testing.T) {
	h := r.Heard()
	for _, b := range h.Broken {
		t.Errorf("IG10 out of order: %s", b)
	}
	if len(h.Begins) != len(h.Ends) {
		t.Errorf("IG11 %d begins, %d ends", len(h.Begins), len(h.Ends))
	}
	if live := r.registry.Counters().Live; live != 0 {
		t.Errorf("IG11 %d sessions left", live)
	}
	if text := r.log.String(); strings.Contains(text, secret) || strings.Contains(text, "panicked") {
		t.Errorf("IG17, IG19 the log:\n%s", text)
	}
	if t.Failed() {
		t.Logf("log:\n%s", r.log.String())
	}
}

// pull is a puller of an origin in a bubble.
func pull(t *testing.T, o http.RoundTripper) *rig {
	t.Helper()
	return start(t, hlspull.Config{URL: "https://user:" + secret + "@origin.example/index.m3u8?token=" + secret, Client: &http.Client{Transport: o}})
}

// checkFrames is what must hold for frames of testsrc at 25 fps.
func checkFrames(t *testing.T, h ingesttest.Heard) {
	t.Helper()
	video, audio := h.Of(media.Video), h.Of(media.Audio)
	if len(video) == 0 || !video[0].Key {
		t.Fatal("IG14 video does not begin with a key frame")
	}
	for _, frames := range [][]media.Frame{video, audio} {
		for i, f := range frames[min(1, len(frames)):] {
			step := f.DTS - frames[i].DTS
			if step <= 0 || step > 2*3600 {
				t.Errorf("IG15 frame %d comes %v after the one before", i+1, step.Duration())
			}
		}
	}
	if len(audio) > 0 {
		if apart := (video[0].DTS - audio[0].DTS).Duration().Abs(); apart > 200*time.Millisecond {
			t.Errorf("IG31 audio and video begin %v apart", apart)
		}
	}
}

// checkPace looks at observations: they must be as far apart as their media.
func checkPace(t *testing.T, h ingesttest.Heard, within time.Duration) {
	t.Helper()
	first := h.Observations[0]
	for i, o := range h.Observations {
		off := o.Arrival.Sub(first.Arrival) - (o.DTS - first.DTS).Duration()
		if off.Abs() > within {
			t.Errorf("IG92 observation %d is %v off the pace of its media", i, off)
			return
		}
	}
}

// checkCaptures looks at the source's dates.
func checkCaptures(t *testing.T, h ingesttest.Heard, within time.Duration) {
	t.Helper()
	first := h.Observations[0]
	for i, o := range h.Observations {
		off := o.Capture.Sub(first.Capture) - (o.DTS - first.DTS).Duration()
		if o.Capture.IsZero() || off.Abs() > within {
			t.Errorf("IG91 observation %d is of %v, %v off", i, o.Capture, off)
			return
		}
	}
}

func TestPull(t *testing.T) {
	for _, tc := range []struct {
		name    string
		codings []string
		video   media.Codec
	}{
		{"IG90 MPEG-TS", inTS, new(media.H264)},
		{"IG90 fragmented MP4", inMP4, new(media.H264)},
		{"IG90 HEVC", inHEVC, new(media.HEVC)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			made := record(t, 15, tc.codings...)
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(made)
				r := pull(t, o)
				time.Sleep(9 * time.Second)
				synctest.Wait()
				h := r.Heard()
				if len(h.Tracks) != 2 || h.Tracks[0].Codec.Name() != tc.video.Name() || h.Tracks[1].Codec.Name() != "AAC" {
					t.Fatalf("tracks = %+v", h.Tracks)
				}
				checkFrames(t, h)
				checkPace(t, h, 5*time.Millisecond)
				checkCaptures(t, h, 45*time.Millisecond)
				// It begins with the fourth of five segments.
				if got, want := h.Observations[0].Capture, o.dateOf(3); got.Sub(want).Abs() > 100*time.Millisecond {
					t.Errorf("IG91 the first frame is of %v, want %v", got, want)
				}
				if n := len(h.Of(media.Video)); n < 215 {
					t.Errorf("%d pictures in 9 s", n)
				}
				if up, _ := r.puller.State(); !up {
					t.Error("not connected")
				}
				info := h.Begins[0]
				if info.Protocol != "hls" || info.Remote != "origin.example:443" {
					t.Errorf("info = %+v", info)
				}
				if l := info.Stats().Link; l.Encryption != "TLS" || l.Loss >= 0 {
					t.Errorf("link = %+v", l)
				}
				r.stop()
			})
		})
	}
}

func TestASourceThatEndsIsTriedAgain(t *testing.T) {
	made := record(t, 8, inTS...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		o.ended = true
		r := pull(t, o)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		h := r.Heard()
		if len(h.Ends) != 1 || h.Ends[0] != nil {
			t.Errorf("ends = %v, want one without a reason", h.Ends)
		}
		if n := len(h.Of(media.Video)); n != 5*25 {
			t.Errorf("%d pictures, want all of five segments", n)
		}
		if up, err := r.puller.State(); up || err != "the source has ended" {
			t.Errorf("state = %v, %q", up, err)
		}
		r.stop()
	})
}

func TestASourceThatStalls(t *testing.T) {
	made := record(t, 10, inTS...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		o.segments[8].late = time.Minute
		r := pull(t, o)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if h := r.Heard(); len(h.Ends) == 0 || ingest.CodeOf(h.Ends[0]) != ingest.CodeStalled {
			t.Errorf("IG23 ends = %v", h.Ends)
		}
		r.stop()
	})
}

func TestLateSegmentsMoveThePaceOnce(t *testing.T) {
	made := record(t, 25, inMP4...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		for i := 9; i < len(o.segments); i++ {
			o.segments[i].late = 3 * time.Second
		}
		r := pull(t, o)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		h := r.Heard()
		checkFrames(t, h)
		moved := 0
		for i, ob := range h.Observations[1:] {
			last := h.Observations[i]
			if off := ob.Arrival.Sub(last.Arrival) - (ob.DTS - last.DTS).Duration(); off > 100*time.Millisecond {
				moved++
			}
		}
		if moved != 1 || len(h.Begins) != 1 {
			t.Errorf("IG92 the pace moved %d times in %d sessions", moved, len(h.Begins))
		}
		r.stop()
	})
}

func TestDiscontinuities(t *testing.T) {
	plain, same, big, hevc, ts := record(t, 8, inMP4...), record(t, 8, inMP4...), record(t, 8, bigMP4...), record(t, 8, inHEVC...), record(t, 8, inTS...)
	const frame = 40 * time.Millisecond
	for _, tc := range []struct {
		name        string
		first, then recording
		gap         time.Duration // in the source's dates
		changes     int
		step        time.Duration // over the discontinuity
		sets        bool          // the first picture brings parameter sets
	}{
		{"IG93 the same again", plain, same, 0, 0, frame, false},
		{"IG93 a silence in the dates", plain, same, 2 * time.Second, 0, 2*time.Second + frame, false},
		{"IG93 dates that go back", plain, same, -time.Hour, 0, frame, false},
		{"IG93 MPEG-TS whose timestamps begin again", ts, ts, 0, 0, frame, true},
		{"IG93 other parameter sets", plain, big, 0, 0, frame, true},
		{"IG93 another codec", plain, hevc, 0, 1, frame, true},
		{"IG93 another container", ts, big, 0, 0, frame, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrigin(tc.first, tc.then)
				for i := 8; i < len(o.segments); i++ {
					o.segments[i].date = tc.gap
				}
				r := pull(t, o)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				h := r.Heard()
				if len(h.Begins) != 1 || len(h.Changes) != tc.changes || len(h.Ends) != 0 {
					t.Fatalf("%d begins, %d changes, ends %v", len(h.Begins), len(h.Changes), h.Ends)
				}
				video := h.Of(media.Video)
				at := 5 * 25 // pictures of the segments 3 to 7
				if len(video) < at+50 {
					t.Fatalf("%d pictures", len(video))
				}
				if step := (video[at].DTS - video[at-1].DTS).Duration(); (step - tc.step).Abs() > 60*time.Millisecond {
					t.Errorf("a step of %v, want %v", step, tc.step)
				}
				if !video[at].Key {
					t.Error("the first picture is no key frame")
				}
				known := ingest.Learn(new(media.H264), video[at].Units) || ingest.Learn(new(media.HEVC), video[at].Units)
				if known != tc.sets {
					t.Errorf("IG33 the first picture brings parameter sets: %v", known)
				}
				r.stop()
			})
		})
	}
}

func TestMissingDates(t *testing.T) {
	made := record(t, 10, inTS...)
	for _, tc := range []struct {
		name  string
		dated func(i int) bool
		want  bool
	}{
		{"IG91 none", func(int) bool { return false }, false},
		{"IG91 one in five", func(i int) bool { return i%5 == 0 }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOrigin(made)
			for i := range o.segments {
				o.segments[i].undated = !tc.dated(i)
			}
			r := pull(t, o)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			h := r.Heard()
			if tc.want {
				checkCaptures(t, h, 45*time.Millisecond)
			}
			for _, ob := range h.Observations {
				if ob.Capture.IsZero() == tc.want {
					t.Fatalf("%s: captured at %v", tc.name, ob.Capture)
				}
			}
			r.stop()
		})
	}
}

func TestABusyChannelIsTriedAgain(t *testing.T) {
	made := record(t, 12, inTS...)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{Recorder: ingesttest.NewRecorder(), log: new(lines)}
		registry, err := ingest.NewRegistry([]ingest.Channel{{Name: "show", Key: "key", Output: r.Recorder}}, ingest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		other, err := registry.Admit(ingest.Request{Channel: "show", Key: "key", Protocol: "srt", Remote: "192.0.2.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := hlspull.New(registry, hlspull.Config{Channel: "show", URL: "http://origin.example/index.m3u8", Client: &http.Client{Transport: newOrigin(made)}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if up, text := p.State(); up || !strings.Contains(text, "busy") {
			t.Errorf("state = %v, %q", up, text)
		}
		other.Close(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if up, _ := p.State(); !up {
			t.Error("not connected once the channel is free")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// down refuses every connection and notes when.
type down struct {
	mu    sync.Mutex // protects times
	times []time.Time
}

func (d *down) RoundTrip(*http.Request) (*http.Response, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times = append(d.times, time.Now())
	return nil, errors.New("connection refused")
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name string
		rand float64
		want []time.Duration
	}{
		{"IG90 without jitter", 0, []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}},
		{"IG90 with jitter", 0.999999, []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := new(down)
			r := start(t, hlspull.Config{URL: "http://origin.example/a.m3u8?t=" + secret, Client: &http.Client{Transport: d}, Rand: func() float64 { return tc.rand }})
			time.Sleep(150 * time.Second)
			r.stop()
			for i, want := range tc.want {
				want *= time.Second
				want -= time.Duration(float64(want) * 0.25 * tc.rand)
				if i+1 >= len(d.times) {
					break
				}
				if got := d.times[i+1].Sub(d.times[i]); (got - want).Abs() > time.Millisecond {
					t.Errorf("%s: wait %d is %v, want %v", tc.name, i, got, want)
				}
			}
			if len(d.times) < 8 {
				t.Errorf("%s: %d attempts", tc.name, len(d.times))
			}
			if n := strings.Count(r.log.String(), "source failed"); n != 1 {
				t.Errorf("%d lines for one and the same failure", n)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	registry, err := ingest.NewRegistry(nil, ingest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		url string
		ok  bool
	}{
		{"https://origin.example/a/index.m3u8?x=y", true},
		{"http://127.0.0.1:8080/index.m3u8", true},
		{"ftp://" + secret + "/a.m3u8", false},
		{"file:///" + secret, false},
		{"https:///" + secret, false},
		{"https://user:" + secret + "@%zz/", false},
		{"index.m3u8", false},
		{"", false},
	} {
		_, err := hlspull.New(registry, hlspull.Config{Channel: "show", URL: tc.url})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.url, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("IG17 the error holds the URL: %v", err)
		}
	}
}

func TestNeverMoreThanTwoPiecesAhead(t *testing.T) {
	made := record(t, 12, inTS...)
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(made)
		r := pull(t, o)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		r.stop()
		var got []string
		for _, req := range o.requests {
			if name, ok := strings.CutSuffix(req, ".seg"); ok {
				got = append(got, name)
			}
		}
		if len(slices.Compact(slices.Clone(got))) != len(got) || len(got) < 5 || len(got) > 7 {
			t.Errorf("fetched %v in 4 s", got)
		}
		if reloads := len(o.requests) - len(got); reloads > 16 {
			t.Errorf("%d reloads in 4 s", reloads)
		}
	})
}
