package packager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// nextEvent finishes the event on stage and begins the next one, which may
// begin to count at the given number.
func (s *stage) nextEvent(cfg packager.Config, start packager.Start) *stage {
	s.t.Helper()
	if err := s.c.Finish(); err != nil {
		s.t.Fatal(err)
	}
	cfg.PDT, cfg.Before = onR, s.c
	c, err := packager.New(cfg, start)
	if err != nil {
		s.t.Fatal(err)
	}
	next := &stage{t: s.t, c: c}
	next.video = packagertest.NewJudge(s.t, next.fetch)
	next.audio = packagertest.NewJudge(s.t, next.fetch)
	return next
}

// loads reports whether a file can be loaded where both events are.
func loads(c *packager.Channel, file string) bool {
	name, ok := packager.ParseName(file)
	if !ok {
		return false
	}
	c = c.Holder(name)
	w := c.View().Window(name.Rendition)
	if w == nil {
		return false
	}
	switch snap := w.Load(); name.Kind {
	case packager.NameInit:
		return snap.Init(name.Hash) != nil
	case packager.NamePart:
		return snap.Part(packager.Position{MSN: name.MSN, Part: name.Part}) != nil
	default:
		if snap.Segment(name.MSN) != nil {
			return true
		}
		f, err := c.Archived(name)
		return err == nil && f.Close() == nil
	}
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start uint64 // where the caller would begin
	}{
		{"EV3 numbers go on behind those of before", 1000},
		{"EV3 or where the clock is", 9000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			one := newStage(t, packager.Config{})
			one.play(packagertest.Show{Start: first, Duration: 9 * time.Second})
			edge, last := one.c.Stats().Edge, one.video.Last()
			two := one.nextEvent(packager.Config{}, packager.Start{MSN: tc.start, Discontinuity: 3})
			if two.c.View().Ready() {
				t.Fatal("EV4 the next event has a playlist before it has media")
			}
			two.play(packagertest.Show{Start: first + 60*clock.TicksPerSecond, Duration: 9 * time.Second, SPS: packagertest.SPS180})
			p := two.video.Last()
			if least := max(edge.MSN+8, tc.start); p.MediaSequence < least || p.Discontinuity <= last.Discontinuity || p.Segments[0].Discontinuity {
				t.Errorf("EV3 begins with %d and domain %d, behind %d and %d", p.MediaSequence, p.Discontinuity, edge.MSN, last.Discontinuity)
			}
			packagertest.Together(t, two.video, two.audio)
			for _, seg := range append(last.Segments, p.Segments...) {
				for _, file := range []string{seg.URI, seg.Map, strings.Replace(seg.URI, ".mp4", ".0.mp4", 1)} {
					if !loads(two.c, file) {
						t.Errorf("EV5 %s cannot be loaded", file)
					}
				}
			}
		})
	}
}

func TestEventBeforeIsLetGo(t *testing.T) {
	files := newShelf()
	cfg := packager.Config{Archive: files, Window: 40 * time.Second, Memory: 20 * time.Second}
	one := newStage(t, cfg)
	one.play(packagertest.Show{Start: first, Duration: 60 * time.Second})
	end := onR(first).Add(time.Minute)
	if err := one.c.Tick(end); err != nil {
		t.Fatal(err)
	}
	old := one.video.Last().Segments[0].URI
	two := one.nextEvent(cfg, packager.Start{MSN: 1})
	two.play(packagertest.Show{Start: first + 61*clock.TicksPerSecond, Duration: 60 * time.Second})
	for _, tc := range []struct {
		after time.Duration // of the end
		want  bool
	}{{45 * time.Second, true}, {47 * time.Second, false}} {
		if err := two.c.Tick(end.Add(tc.after)); err != nil {
			t.Fatal(err)
		}
		if got := loads(two.c, old); got != tc.want {
			t.Errorf("EV5 C13 %v after the end %s can be loaded: %v", tc.after, old, got)
		}
	}
	for name := range files.segments {
		if name.MSN < two.video.Last().MediaSequence-60 {
			t.Errorf("A7 %s of the event before is still in the archive", name)
		}
	}
}

func TestEventBefore(t *testing.T) {
	one := newStage(t, packager.Config{})
	one.play(packagertest.Show{Start: first, Duration: 4 * time.Second})
	if _, err := packager.New(packager.Config{PDT: onR, Before: one.c}, packager.Start{MSN: 1}); err == nil {
		t.Error("EV3 an event begins before the one before has ended")
	}
	file := one.video.Last().Segments[0].URI
	two := one.nextEvent(packager.Config{}, packager.Start{MSN: 1})
	two.play(packagertest.Show{Start: first + 5*clock.TicksPerSecond, Duration: 4 * time.Second})
	name, _ := packager.ParseName(file)
	if n := testing.AllocsPerRun(100, func() { two.c.Holder(name) }); n != 0 || two.c.Holder(name) != one.c {
		t.Errorf("O4 finding the event of %s allocates %v times", file, n)
	}
	three := two.nextEvent(packager.Config{}, packager.Start{MSN: 1})
	if got := three.c.Holder(name); got != two.c || got.Holder(name) != got {
		t.Error("EV5 an event holds on to more than the one before")
	}
}
