package packager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

func TestReconnect(t *testing.T) {
	s := newStage(t, packager.Config{})
	one := packagertest.Show{Start: first, Duration: 5 * time.Second}
	s.play(one)
	edge := s.c.Stats().Edge
	two := packagertest.Show{Start: first + 60*clock.TicksPerSecond, Duration: 5 * time.Second, SPS: packagertest.SPS180}
	s.begin(two.Tracks())
	s.read()
	if hint := s.video.Last().HintMap; hint == "" || s.fetch(hint) == nil {
		t.Errorf("P11 no hint at the init section that the new publisher needs: %q", hint)
	}
	if hint := s.audio.Last().HintMap; hint != "" {
		t.Errorf("P11 a hint at an init section that stays: %q", hint)
	}
	s.write(two.Frames())
	packagertest.Together(t, s.video, s.audio)

	p := s.video.Last()
	var marks []string
	for i, seg := range p.Segments {
		if seg.Discontinuity {
			before := p.Segments[i-1]
			marks = append(marks, fmt.Sprintf("%d after %d, domain %d after %d, new map %v",
				seg.MSN, before.MSN, seg.Domain, before.Domain, seg.Map != before.Map))
			if gap := seg.Date.Sub(before.Date.Add(before.Duration)); gap < 54*time.Second {
				t.Errorf("T4 the date moves on by %v, media time by 55 s", gap)
			}
		}
	}
	want := fmt.Sprintf("[%d after %d, domain 8 after 7, new map true]", edge.MSN+1, edge.MSN)
	if got := fmt.Sprint(marks); got != want {
		t.Errorf("C9 C10 discontinuities %s, want %s", got, want)
	}
	if !strings.Contains(string(s.c.View().Multivariant.Plain.Bytes), "RESOLUTION=320x180") {
		t.Errorf("R6 the multivariant playlist tells the old resolution:\n%s", s.c.View().Multivariant.Plain.Bytes)
	}
}

func TestDiscontinuityLeavesTheWindow(t *testing.T) {
	s := newStage(t, packager.Config{Window: 12 * time.Second})
	for i := range 3 {
		s.play(packagertest.Show{Start: first + clock.Ticks(i)*10*clock.TicksPerSecond, Duration: 9 * time.Second})
	}
	p := s.audio.Last()
	if last := p.Segments[len(p.Segments)-1]; last.Domain != 9 || p.Discontinuity < 8 {
		t.Errorf("C9 the last segment is in domain %d, the playlist begins with %d; want 9 and at least 8", last.Domain, p.Discontinuity)
	}
}

func TestFormatChangesInBand(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 4 * time.Second}
	changed := packagertest.Show{Start: first + 4*clock.TicksPerSecond, Duration: 4 * time.Second, SPS: packagertest.SPS180}
	s.begin(show.Tracks())
	s.write(append(show.Frames(), changed.Frames()...))
	p := s.video.Last()
	last := p.Segments[len(p.Segments)-1]
	if last.Domain != 8 || last.Map == p.Segments[0].Map {
		t.Errorf("C9 C10 after a change of SPS: domain %d, map %s", last.Domain, last.Map)
	}
	packagertest.Together(t, s.video, s.audio)
	if st := s.c.Stats(); st.Width != 320 || st.Height != 180 || st.Dropped != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestHoleInThePictures(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 12 * time.Second}
	s.begin(show.Tracks())
	var frames []media.Frame
	for _, f := range show.Frames() {
		at := (f.DTS - first).Duration()
		if f.Track == packagertest.VideoTrack && at > 3*time.Second && at < 5*time.Second {
			continue
		}
		frames = append(frames, f)
	}
	s.write(frames)
	packagertest.Together(t, s.video, s.audio)
	last := s.video.Last().Segments[len(s.video.Last().Segments)-1]
	if st := s.c.Stats(); st.Holes != 1 || last.Domain != 8 {
		t.Errorf("C9 %d holes, domain %d; want one hole and a new domain", st.Holes, last.Domain)
	}
}

func TestHoleInTheSound(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 12 * time.Second, Milliseconds: true}
	s.begin(show.Tracks())
	var frames []media.Frame
	missing := 0
	for _, f := range show.Frames() {
		at := (f.DTS - first).Duration()
		if f.Track == packagertest.AudioTrack && at > 3*time.Second && at < 6*time.Second {
			missing++
			continue
		}
		frames = append(frames, f)
	}
	s.write(frames)
	packagertest.Together(t, s.video, s.audio)
	if st := s.c.Stats(); int(st.SilentFrames) < missing-1 || int(st.SilentFrames) > missing+1 || st.Holes != 0 {
		t.Errorf("P10 %d silent frames for %d missing ones, %d holes", st.SilentFrames, missing, st.Holes)
	}
}

func TestSoundThatNeverComes(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first}
	s.begin(show.Tracks())
	var frames []media.Frame
	for _, f := range show.Frames() {
		if f.Track == packagertest.VideoTrack {
			frames = append(frames, f)
		}
	}
	s.write(frames)
	packagertest.Together(t, s.video, s.audio)
	if s.audio.Segments() < 3 {
		t.Errorf("P10 %d segments of silence", s.audio.Segments())
	}
}

func TestPublisherWithoutSoundKeepsTheRendition(t *testing.T) {
	s := newStage(t, packager.Config{})
	s.play(packagertest.Show{Start: first, Duration: 5 * time.Second})
	s.play(packagertest.Show{Start: first + 10*clock.TicksPerSecond, Duration: 5 * time.Second, NoAudio: true})
	packagertest.Together(t, s.video, s.audio)
	if v, a := s.c.View().Window(packager.Video).Load(), s.c.View().Window(packager.Audio).Load(); v.Closed != a.Closed {
		t.Errorf("R5 pictures end with segment %d, sound with %d", v.Closed, a.Closed)
	}
}

func TestSoundJoinsLater(t *testing.T) {
	s := newStage(t, packager.Config{})
	s.play(packagertest.Show{Start: first, Duration: 5 * time.Second, NoAudio: true})
	s.play(packagertest.Show{Start: first + 10*clock.TicksPerSecond, Duration: 5 * time.Second})
	packagertest.Together(t, s.video, s.audio)
}

// TestReportsOutliveTheOffer ends a session with two renditions: until the
// second one has a segment again it is not offered, but players know it.
func TestReportsOutliveTheOffer(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 5 * time.Second, More: make([]packagertest.Rendition, 1)}
	s.play(show)
	show.Start += 6 * clock.TicksPerSecond
	s.begin(show.Tracks())
	for _, f := range show.Frames()[:100] {
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
		if text := string(s.fetch("video.m3u8")); !strings.Contains(text, `#EXT-X-RENDITION-REPORT:URI="video2.m3u8"`) {
			t.Fatalf("R1 no report on the other rendition:\n%s", text)
		}
	}
	if text := string(s.fetch(packager.Index)); strings.Contains(text, "video2") {
		t.Errorf("V4 the rendition is offered without a segment:\n%s", text)
	}
}
