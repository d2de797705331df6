package ingest_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/ingest/ingesttest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	video = 1
	audio = 2
)

var (
	sps, _ = hex.DecodeString("67640028acd940780227e5ffc389c388040000030004000003006078c18cb0") // 1920×1080
	pps    = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
	tracks = []media.Track{
		{ID: video, Codec: &media.H264{SPS: sps, PPS: pps}},
		{ID: audio, Codec: &media.AAC{Config: mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 48000, ChannelConfig: 2}}},
	}
)

func picture(dts clock.Ticks, key bool) media.Frame {
	return media.Frame{Track: video, PTS: dts, DTS: dts, Key: key, Units: [][]byte{{0x65}}}
}

func sound(dts clock.Ticks) media.Frame {
	return media.Frame{Track: audio, PTS: dts, DTS: dts, Key: true, Units: [][]byte{{1}}}
}

// admitted returns a session of a channel that writes to the recorder.
func admitted(t *testing.T, cfg ingest.Config) (*ingest.Session, *ingesttest.Recorder, *ingest.Registry) {
	t.Helper()
	out := ingesttest.NewRecorder()
	r := registry(t, cfg, ingest.Channel{Name: "show", Open: true, Output: out})
	s, err := r.Admit(from("show", ""))
	if err != nil {
		t.Fatal(err)
	}
	return s, out, r
}

func begin(t *testing.T, s *ingest.Session) {
	t.Helper()
	if err := s.Begin(tracks); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, s *ingest.Session, frames ...media.Frame) {
	t.Helper()
	for _, f := range frames {
		if err := s.Write(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatComesBeforeBeginIsKept(t *testing.T) {
	s, out, _ := admitted(t, ingest.Config{})
	now := time.Now()
	s.Observe(ingest.Observation{Arrival: now})
	write(t, s, picture(0, false), sound(10), picture(3000, true))
	s.Observe(ingest.Observation{DTS: 3000, Arrival: now.Add(time.Second)})
	if h := out.Heard(); len(h.Begins)+len(h.Frames)+len(h.Observations) != 0 {
		t.Fatalf("IG10 the output heard of a session that has not begun: %+v", h)
	}
	begin(t, s)
	write(t, s, picture(6000, false))
	s.Close(nil)
	h := out.Heard()
	if len(h.Observations) != 2 || !h.Observations[0].Arrival.Equal(now) {
		t.Errorf("IG10 observations = %v, want both as they were made", h.Observations)
	}
	if got := len(h.Frames); got != 3 || h.Frames[0].Track != audio {
		t.Errorf("IG14 frames = %+v, want the sound, the key frame and what follows", h.Frames)
	}
	if len(h.Broken) != 0 || len(h.Ends) != 1 || h.Ends[0] != nil {
		t.Errorf("IG10 broken %v, ends %v", h.Broken, h.Ends)
	}
}

func TestASessionThatNeverBeginsEndsNothing(t *testing.T) {
	s, out, r := admitted(t, ingest.Config{})
	s.Close(io.EOF)
	if h := out.Heard(); len(h.Begins)+len(h.Ends) != 0 {
		t.Errorf("IG10 heard %+v", h)
	}
	if c := r.Counters(); c.Live != 0 || c.Admitted != 0 || len(c.Refused) != 0 {
		t.Errorf("IG10 counters = %+v", c)
	}
}

func TestTimestampsNeverGoBack(t *testing.T) {
	const s10 = 10 * clock.TicksPerSecond
	for _, tc := range []struct {
		name string
		in   []clock.Ticks
		want []clock.Ticks
	}{
		{"IG15 a step back is dropped", []clock.Ticks{0, 3000, 2999, 6000}, []clock.Ticks{0, 3000, 6000}},
		{"IG15 equal ones pass", []clock.Ticks{0, 0}, []clock.Ticks{0, 0}},
		{"IG15 an alien ahead is dropped", []clock.Ticks{0, 9 * s10, 3000}, []clock.Ticks{0, 3000}},
		{"IG15 three that agree are believed", []clock.Ticks{0, 9 * s10, 9*s10 + 1, 9*s10 + 2}, []clock.Ticks{0, 9*s10 + 2}},
		{"IG15 aliens that do not agree are not", []clock.Ticks{0, 9 * s10, 20 * s10, 40 * s10, 3000}, []clock.Ticks{0, 3000}},
		{"IG15 a pause of ten seconds passes", []clock.Ticks{0, s10, 2 * s10}, []clock.Ticks{0, s10, 2 * s10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out, r := admitted(t, ingest.Config{})
			begin(t, s)
			for _, dts := range tc.in {
				write(t, s, picture(dts, true))
			}
			s.Close(nil)
			var got []clock.Ticks
			for _, f := range out.Heard().Frames {
				got = append(got, f.DTS)
			}
			if len(got) != len(tc.want) {
				t.Fatalf("DTS = %v, want %v", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Fatalf("DTS = %v, want %v", got, tc.want)
				}
			}
			if dropped := r.Counters().Dropped; dropped != uint64(len(tc.in)-len(tc.want)) {
				t.Errorf("counted %d dropped", dropped)
			}
		})
	}
}

func TestTimestampsThatStayBackEndTheSession(t *testing.T) {
	s, out, _ := admitted(t, ingest.Config{})
	begin(t, s)
	write(t, s, picture(900_000, true))
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.Write(picture(clock.Ticks(n), true))
	}
	if ingest.CodeOf(err) != ingest.CodeTimestamps || n > 100 {
		t.Fatalf("IG15 after %d frames: %v", n, err)
	}
	s.Close(err)
	if h := out.Heard(); len(h.Frames) != 1 || ingest.CodeOf(h.Ends[0]) != ingest.CodeTimestamps {
		t.Errorf("frames %d, ends %v", len(h.Frames), h.Ends)
	}
}

// guarded stands for a protocol that is blocked in a read until it is cut.
func guarded(t *testing.T, ctx context.Context, s *ingest.Session) (wait func()) {
	cut := make(chan struct{})
	var once sync.Once
	stop := s.Guard(ctx, func() { once.Do(func() { close(cut) }) })
	return func() {
		<-cut
		stop()
	}
}

func TestLimitsInTime(t *testing.T) {
	for _, tc := range []struct {
		name  string
		begun bool
		code  ingest.Code
		after time.Duration
	}{
		{"IG22 no media after the handshake", false, ingest.CodeTimeout, 10 * time.Second},
		{"IG23 media that stop", true, ingest.CodeStalled, 13 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, out, r := admitted(t, ingest.Config{})
				wait := guarded(t, t.Context(), s)
				start := time.Now()
				if tc.begun {
					begin(t, s)
					time.Sleep(3 * time.Second)
					write(t, s, picture(0, true))
				}
				wait()
				if got := time.Since(start); got != tc.after {
					t.Errorf("cut after %v, want %v", got, tc.after)
				}
				public := s.Close(io.EOF) // what the read said when it was cut
				if public == nil || public.Code != tc.code {
					t.Errorf("told %v, want %s", public, tc.code)
				}
				if live := r.Counters().Live; live != 0 {
					t.Errorf("%d live", live)
				}
				if h := out.Heard(); tc.begun && ingest.CodeOf(h.Ends[0]) != tc.code {
					t.Errorf("ends = %v", h.Ends)
				}
			})
		})
	}
}

func TestSteadyMediaAreNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := admitted(t, ingest.Config{})
		stop := s.Guard(t.Context(), func() { t.Error("IG23 cut") })
		defer stop()
		begin(t, s)
		for i := range clock.Ticks(60) {
			time.Sleep(9 * time.Second)
			write(t, s, picture(i*9*clock.TicksPerSecond, true))
		}
		s.Close(nil)
	})
}

func TestBitrate(t *testing.T) {
	for _, tc := range []struct {
		name string
		kbit int // sent each second
		cut  bool
	}{
		{"IG24 below the ceiling for an hour", 990, false},
		{"IG24 above the ceiling", 1500, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, _ := admitted(t, ingest.Config{MaxBitrate: 1_000_000, Handshake: 2 * time.Hour})
				cut := false
				stop := s.Guard(t.Context(), func() { cut = true })
				defer stop()
				for range 3600 {
					time.Sleep(time.Second)
					s.Received(tc.kbit * 1000 / 8)
				}
				if cut != tc.cut {
					t.Errorf("cut = %v, want %v", cut, tc.cut)
				}
				if public := s.Close(nil); tc.cut && (public == nil || public.Code != ingest.CodeBitrate) {
					t.Errorf("told %v", public)
				}
			})
		})
	}
}

func TestTooMuchBeforeBegin(t *testing.T) {
	s, _, _ := admitted(t, ingest.Config{})
	var err error
	n := 0
	for ; err == nil && n < 5000; n++ {
		err = s.Write(sound(clock.Ticks(n)))
	}
	if ingest.CodeOf(err) != ingest.CodeTimeout || n != 2049 {
		t.Errorf("IG25 after %d frames: %v", n, err)
	}
	s.Close(err)
}

func TestBeginRefuses(t *testing.T) {
	nine := make([]media.Track, 9)
	for i := range nine {
		nine[i] = media.Track{ID: i, Codec: tracks[1].Codec}
	}
	for _, tc := range []struct {
		name   string
		tracks []media.Track
		code   ingest.Code
	}{
		{"IG5 no track", nil, ingest.CodeUnsupportedCodec},
		{"IG25 nine tracks", nine, ingest.CodeUnsupportedCodec},
		{"IG5 another codec", []media.Track{{Codec: opus{}}}, ingest.CodeUnsupportedCodec},
		{"IG7 parameter sets that make no sense", []media.Track{{Codec: &media.H264{SPS: []byte{0x67, 1}, PPS: pps}}}, ingest.CodeMalformed},
		{"IG7 no sample rate", []media.Track{{Codec: &media.AAC{}}}, ingest.CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out, r := admitted(t, ingest.Config{})
			err := s.Begin(tc.tracks)
			if got := ingest.CodeOf(err); got != tc.code {
				t.Errorf("code = %q, want %q (%v)", got, tc.code, err)
			}
			s.Close(err)
			if h := out.Heard(); len(h.Begins) != 0 || len(h.Ends) != 0 {
				t.Errorf("the output was begun")
			}
			if r.Counters().Refused[tc.code] != 1 {
				t.Errorf("counters = %+v", r.Counters())
			}
		})
	}
}

type opus struct{}

func (opus) Kind() media.Kind { return media.Audio }
func (opus) Name() string     { return "Opus" }

// full is an output that takes nothing.
type full struct{ *ingesttest.Recorder }

var errFull = errors.New("disk full")

func (full) Begin(ingest.Info, []media.Track) error { return errFull }

func TestAnOutputThatCannotBegin(t *testing.T) {
	out := full{ingesttest.NewRecorder()}
	r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Open: true, Output: out})
	s, _ := r.Admit(from("show", ""))
	err := s.Begin(tracks)
	if !errors.Is(err, errFull) {
		t.Errorf("err = %v", err)
	}
	public := s.Close(err)
	if public == nil || public.Code != ingest.CodeInternal || strings.Contains(public.Message, "disk") {
		t.Errorf("IG18 told %v, want nothing of our insides", public)
	}
	if h := out.Heard(); len(h.Ends) != 0 {
		t.Errorf("IG10 End without a Begin that worked")
	}
}

func TestAPanicEndsOneSession(t *testing.T) {
	var log bytes.Buffer
	s, out, _ := admitted(t, ingest.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	begin(t, s)
	err := s.Protect(func() error { panic("index out of range") })
	if ingest.CodeOf(err) != ingest.CodeMalformed {
		t.Errorf("IG19 err = %v", err)
	}
	s.Close(err)
	if h := out.Heard(); len(h.Ends) != 1 {
		t.Errorf("IG19 ends = %v", h.Ends)
	}
	if !strings.Contains(log.String(), "TestAPanicEndsOneSession") {
		t.Errorf("IG19 no stack in the log:\n%s", log.String())
	}
}

func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := registry(t, ingest.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, ingest.Channel{Name: "show", Key: "k"})
		for range 1000 {
			_, _ = r.Admit(from("show", "guess"))
		}
		if n := strings.Count(log.String(), "publisher refused"); n != 20 {
			t.Errorf("IG17 %d lines, want 20", n)
		}
		time.Sleep(10 * time.Second)
		_, _ = r.Admit(from("show", "guess"))
		if !strings.Contains(log.String(), "skipped=980") {
			t.Errorf("IG17 the lines held back are not counted")
		}
		if n := r.Counters().Refused[ingest.CodeWrongKey]; n != 1001 {
			t.Errorf("counted %d", n)
		}
	})
}

// TestOnePublisherAtATime races publishers for one channel.
func TestOnePublisherAtATime(t *testing.T) {
	out := ingesttest.NewRecorder()
	r := registry(t, ingest.Config{}, ingest.Channel{Name: "show", Open: true, Output: out})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				s, err := r.Admit(from("show", ""))
				if err != nil {
					continue
				}
				_ = s.Begin(tracks)
				_ = s.Write(picture(0, true))
				r.Live("show")
				s.Close(nil)
			}
		})
	}
	wg.Wait()
	h := out.Heard()
	if len(h.Broken) != 0 || len(h.Begins) == 0 || len(h.Begins) != len(h.Ends) {
		t.Errorf("IG10 broken %v, %d begins, %d ends", h.Broken, len(h.Begins), len(h.Ends))
	}
	if _, live := r.Live("show"); live || r.Counters().Live != 0 {
		t.Error("IG20 a slot was not given back")
	}
}
