package packager_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// lag is how long after its time media arrives.
const lag = 40 * time.Millisecond

// clocked is a stage on which time goes on.
type clocked struct {
	*stage
	now clock.Instant
}

func newClocked(t testing.TB, cfg packager.Config) *clocked {
	t.Helper()
	return &clocked{stage: newStage(t, cfg), now: onR(first)}
}

// until lets time pass, tick by tick, and reads every reload.
func (s *clocked) until(end clock.Instant) {
	s.t.Helper()
	for edge := s.c.Stats().Edge; s.now < end; s.now += 100_000 {
		if err := s.c.Tick(s.now); err != nil {
			s.t.Fatal(err)
		}
		if now := s.c.Stats().Edge; now != edge {
			edge = now
			s.read()
		}
		if s.t.Failed() {
			s.t.FailNow()
		}
	}
}

func (s *clocked) sleep(d time.Duration) {
	s.t.Helper()
	s.until(s.now.Add(d))
}

// feed writes frames when they arrive.
func (s *clocked) feed(frames []media.Frame) {
	s.t.Helper()
	for len(frames) > 0 {
		n := 0
		for n < len(frames) && onR(frames[n].DTS).Add(lag) <= s.now {
			n++
		}
		s.write(frames[:n])
		frames = frames[n:]
		s.sleep(100 * time.Millisecond)
	}
}

func (s *clocked) end() {
	s.t.Helper()
	if err := s.c.End(); err != nil {
		s.t.Fatal(err)
	}
	s.read()
}

// after is a show that begins so long after the first one's beginning.
func after(d time.Duration) packagertest.Show {
	return packagertest.Show{Start: first + clock.TicksOf(d), Duration: 6 * time.Second}
}

// outline writes down a playlist: a letter for each segment, m for media and g
// for gaps, and | for a discontinuity.
func outline(p *packagertest.Playlist) string {
	var b strings.Builder
	for _, seg := range p.Segments {
		if seg.Discontinuity {
			b.WriteByte('|')
		}
		if seg.Gap || len(seg.Parts) > 0 && seg.Parts[len(seg.Parts)-1].Gap {
			b.WriteByte('g')
		} else {
			b.WriteByte('m')
		}
	}
	return b.String()
}

// continuous holds dates against durations over the whole playlist (C11).
func continuous(t testing.TB, p *packagertest.Playlist, give time.Duration) {
	t.Helper()
	for i := 1; i < len(p.Segments); i++ {
		was, s := p.Segments[i-1], p.Segments[i]
		if off := s.Date.Sub(was.Date.Add(was.Duration)); off.Abs() > give {
			t.Errorf("C11 segment %d begins %v after the one before ends", s.MSN, off)
		}
	}
}

func TestOutage(t *testing.T) {
	// Of 6 s before, the opening is listed only while there is little else.
	for _, tc := range []struct {
		name string
		show packagertest.Show
		end  bool // the session ends, and another one begins
		away time.Duration
		want string
	}{
		{"C11 a publisher that comes back", packagertest.Show{}, true, 9 * time.Second, "mmggggg|mmm"},
		{"C11 an encoder that freezes", packagertest.Show{}, false, 9 * time.Second, "mmggggg|mmm"},
		{"C11 25 fps, B-frames, 44.1 kHz", packagertest.Show{FPSNum: 25, GOP: 50, Lead: 2, SampleRate: 44_100, Milliseconds: true}, true, 9 * time.Second, "mmggggg|mmm"},
		{"C11 sound only", packagertest.Show{NoVideo: true}, true, 9 * time.Second, "mmmmggggg|mmm"},
		{"C11 pictures only", packagertest.Show{NoAudio: true}, true, 9 * time.Second, "mmggggg|mmm"},
		{"C11 with renditions", packagertest.Show{More: []packagertest.Rendition{{}, {Lag: 900 * time.Millisecond, Derived: true}}}, true, 9 * time.Second, "mmggggg|mmm"},
		{"C11 shorter than the grace is no gap", packagertest.Show{}, true, time.Second, "mmmm|mmm"},
		{"C11 a moment longer than the grace", packagertest.Show{}, true, 1900 * time.Millisecond, "mmmg|mmm"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newClocked(t, packager.Config{})
			one, two := tc.show, tc.show
			one.Start, one.Duration = first, 6*time.Second
			two.Start, two.Duration = first+clock.TicksOf(6*time.Second+tc.away), 6*time.Second
			s.begin(one.Tracks())
			s.feed(one.Frames())
			if tc.end {
				s.end()
			}
			s.until(onR(two.Start))
			if tc.end {
				s.begin(two.Tracks())
			}
			s.feed(two.Frames())
			s.end()
			lead := s.video
			if tc.show.NoVideo {
				lead = s.audio
			}
			if got := outline(lead.Last()); got != tc.want {
				t.Errorf("C11 C9 the playlist is %s, want %s", got, tc.want)
			}
			if strings.Contains(tc.want, "g") {
				continuous(t, lead.Last(), 60*time.Millisecond)
			}
			if !tc.show.NoVideo && !tc.show.NoAudio {
				packagertest.Together(t, s.video, s.audio)
			}
			for i := range tc.show.More {
				packagertest.Together(t, s.video, s.more[i])
			}
		})
	}
}

// TestOutageKeepsThePace looks at the edge while nothing comes.
func TestOutageKeepsThePace(t *testing.T) {
	s := newClocked(t, packager.Config{})
	show := after(0)
	s.begin(show.Tracks())
	s.feed(show.Frames())
	s.sleep(3 * time.Second)
	for range 30 {
		s.sleep(time.Second)
		p := s.video.Last()
		last := p.Segments[len(p.Segments)-1]
		var parts time.Duration
		for _, part := range last.Parts {
			parts += part.Duration
		}
		end := last.Date.Add(max(last.Duration, parts))
		// The grace, the lag of the last part, and what a part and a tick may miss.
		if behind := s.now.Time().Sub(end); behind < 1400*time.Millisecond || behind > 2300*time.Millisecond {
			t.Errorf("C11 P6 the edge is %v behind the clock", behind)
		}
	}
	if !s.c.Stats().Outage {
		t.Error("the statistics tell of no outage")
	}
	if got := s.c.View().Window(packager.Video).Load(); got.Part(got.Edge) != nil || s.fetch(s.video.Last().Segments[0].Map) == nil {
		t.Error("P14 a gap can be loaded, or its init section cannot")
	}
}

// TestOutageGoesOn waits much longer than the window, and comes back. Who waits is
// answered all the time.
func TestOutageGoesOn(t *testing.T) {
	s := newClocked(t, packager.Config{})
	show := after(0)
	s.begin(show.Tracks())
	s.feed(show.Frames())
	s.end()
	index := string(s.fetch(packager.Index))
	w := s.c.View().Window(packager.Video)
	for range 6 * 60 / 6 {
		next := w.Load().Hint
		s.sleep(6 * time.Second) // three target durations, in which B7 wants an answer
		if !w.Load().Has(next) {
			t.Fatalf("U5 B7 nothing at %v after %v: the edge is %v", next, s.now.Time().Sub(onR(first).Time()), w.Load().Edge)
		}
	}
	if got := outline(s.video.Last()); strings.Contains(got, "m") || len(got) < 30 {
		t.Errorf("U5 after the window the playlist is %s", got)
	}
	if got, err := packagertest.ParseIndex(string(s.fetch(packager.Index))); err != nil || got.Variants[0].Average == 0 {
		t.Errorf("R6 in an outage: %+v, %v; before\n%s", got, err, index)
	}
	if _, err := w.Wait(t.Context(), packager.Position{MSN: 1001}, time.Second); err != nil {
		t.Errorf("B4 an old number waits: %v", err)
	}
	back := first + clock.TicksOf(s.now.Time().Sub(onR(first).Time()))
	two := packagertest.Show{Start: back, Duration: 4 * time.Second, SPS: packagertest.SPS180}
	s.until(onR(two.Start))
	s.begin(two.Tracks())
	s.read()
	if s.video.Last().HintMap == "" {
		t.Error("P11 no hint at the new init section")
	}
	s.feed(two.Frames())
	s.end()
	if got := outline(s.video.Last()); !strings.HasSuffix(got, "g|mm") {
		t.Errorf("C9 the playlist is %s", got)
	}
	continuous(t, s.video.Last(), 60*time.Millisecond)
	packagertest.Together(t, s.video, s.audio)
}

// TestLateMedia freezes the line: everything comes, but later than the gaps.
func TestLateMedia(t *testing.T) {
	s := newClocked(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 20 * time.Second, GOP: 30}
	s.begin(show.Tracks())
	frames := show.Frames()
	cut := 0
	for onR(frames[cut].DTS) < onR(first).Add(6*time.Second) {
		cut++
	}
	s.feed(frames[:cut])
	s.sleep(4 * time.Second)
	s.feed(frames[cut:])
	s.end()
	p := s.video.Last()
	if got := outline(p); strings.Count(got, "|") != 1 || !strings.Contains(got, "g|m") {
		t.Errorf("C11 the playlist is %s", got)
	}
	for i := 1; i < len(p.Segments); i++ {
		was, seg := p.Segments[i-1], p.Segments[i]
		if off := seg.Date.Sub(was.Date.Add(was.Duration)); off < -500*time.Millisecond {
			t.Errorf("T3 segment %d begins %v before the end of the one before", seg.MSN, -off)
		}
	}
	if s.c.Stats().Dropped == 0 {
		t.Error("T3 nothing was left out")
	}
}

func TestFinishInAnOutage(t *testing.T) {
	s := newClocked(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 6 * time.Second, More: make([]packagertest.Rendition, 2)}
	s.begin(show.Tracks())
	s.feed(show.Frames())
	s.sleep(4 * time.Second)
	if err := s.c.Finish(); err != nil {
		t.Fatal(err)
	}
	s.read()
	for _, j := range []*packagertest.Judge{s.video, s.audio, s.more[0], s.more[1]} {
		p := j.Last()
		if last := p.Segments[len(p.Segments)-1]; !p.Ended || last.URI == "" || p.HintMap != "" || p.HintPart != "" || len(p.Reports) != 0 {
			t.Errorf("C12 P12 the end of the playlist is %+v, ended %v", last, p.Ended)
		}
	}
	edge := s.c.Stats().Edge
	s.sleep(5 * time.Second)
	if s.c.Stats().Edge != edge {
		t.Error("C12 the channel goes on after its end")
	}
}

// TestGapAnswersWhoWaits lets a viewer wait for the part that turns out to be
// a gap.
func TestGapAnswersWhoWaits(t *testing.T) {
	s := newClocked(t, packager.Config{})
	show := after(0)
	s.begin(show.Tracks())
	s.feed(show.Frames())
	s.end()
	w := s.c.View().Window(packager.Video)
	hint := w.Load().Hint
	if _, err := w.Wait(t.Context(), hint, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("B2 %v", err)
	}
	s.sleep(3 * time.Second)
	snap, err := w.Wait(t.Context(), hint, time.Minute)
	if err != nil || snap.Part(hint) != nil || snap.Segment(hint.MSN) == nil {
		t.Errorf("P14 the part of the gap: %v, %v", snap.Part(hint), err)
	}
}
