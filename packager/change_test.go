package packager_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// later is the media time so many seconds after the first.
func later(seconds int) clock.Ticks { return first + clock.Ticks(seconds)*clock.TicksPerSecond }

// domains lists the discontinuity numbers of a rendition's segments.
func (s *stage) domains(rendition string) []uint64 {
	var list []uint64
	for _, seg := range s.judge(rendition).Last().Segments {
		list = append(list, seg.Domain)
	}
	return slices.Compact(list)
}

// TestCodecChanges begins a session with other codecs while another runs.
func TestCodecChanges(t *testing.T) {
	small := func(encoder, sound []string, start int) packagertest.Clip {
		return packagertest.Recipe{
			Duration: 3 * time.Second, Pictures: [][]string{packagertest.Sized(encoder, "160x96")}, Sound: sound,
		}.Encode(t, later(start))
	}
	low := []string{"-c:a", "aac", "-b:a", "64k", "-ac", "1", "-ar", "32000"}
	s := newStage(t, packager.Config{})
	var last packagertest.Clip
	for _, clip := range []packagertest.Clip{
		small(packagertest.X264, packagertest.AACLC, 0),
		small(packagertest.X265, packagertest.Opus, 3),
		small(packagertest.AOMAV1, low, 6),
		small(packagertest.X264, packagertest.AACLC, 9),
	} {
		s.begin(clip.Tracks)
		s.write(clip.Frames)
		last = clip
	}
	if err := s.c.End(); err != nil {
		t.Fatal(err)
	}
	s.read()
	packagertest.Together(t, s.video, s.audio)
	for _, name := range []string{packager.Video, packager.Audio} {
		if got := s.domains(name); !slices.Equal(got, []uint64{7, 8, 9, 10}) {
			t.Errorf("CH11 %s has the domains %v", name, got)
		}
		frames := 0
		for _, f := range last.Frames {
			if (f.Track == packagertest.VideoTrack) == (name == packager.Video) {
				frames++
			}
		}
		if d := packagertest.Decode(t, s.file(name)); d.Frames < frames-2 || d.Frames > frames {
			t.Errorf("M7 %d frames of %s decoded, %d were sent", d.Frames, name, frames)
		}
	}
}

// TestRenditionsComeAndGo begins sessions with more and with fewer renditions.
func TestRenditionsComeAndGo(t *testing.T) {
	s := newStage(t, packager.Config{})
	more := []packagertest.Rendition{{}}
	s.play(packagertest.Show{Start: first, Duration: 5 * time.Second})
	s.play(packagertest.Show{Start: later(5), Duration: 5 * time.Second, More: more})
	if got := s.domains(two); !slices.Equal(got, []uint64{8}) {
		t.Errorf("V6 C9 the new rendition has the domains %v", got)
	}
	s.play(packagertest.Show{Start: later(10), Duration: 5 * time.Second})
	if len(s.index().Variants) != 1 {
		t.Errorf("V4 variants %+v", s.index().Variants)
	}
	// Whoever still plays it learns that there is nothing.
	p, err := packagertest.Parse(string(s.fetch(two + ".m3u8")))
	if err != nil {
		t.Fatal(err)
	}
	if last := p.Segments[len(p.Segments)-1]; !last.Gap || last.Domain != 9 || last.MSN != s.video.Last().Segments[len(s.video.Last().Segments)-1].MSN {
		t.Errorf("G4 the last segment of the missing rendition is %+v", last)
	}
	s.play(packagertest.Show{Start: later(15), Duration: 5 * time.Second, More: more})
	packagertest.Together(t, s.video, s.audio, s.more[0])
	if got := s.domains(two); !slices.Equal(got, []uint64{8, 9, 10}) {
		t.Errorf("C9 the rendition that came back has the domains %v", got)
	}
}

// TestSoundOnlyAfterPictures lets a publisher without pictures take over a
// channel that had some, and another with pictures after it.
func TestSoundOnlyAfterPictures(t *testing.T) {
	s := newStage(t, packager.Config{})
	s.play(packagertest.Show{Start: first, Duration: 5 * time.Second})
	s.play(packagertest.Show{Start: later(5), Duration: 8 * time.Second, NoVideo: true})
	if m := s.index(); len(m.Variants) != 1 || m.Variants[0].URI != "audio.m3u8" || m.Sound != "" {
		t.Errorf("CH4 %+v", m)
	}
	video, err := packagertest.Parse(string(s.fetch("video.m3u8")))
	if err != nil {
		t.Fatal(err)
	}
	gaps := 0
	for _, seg := range video.Segments {
		if seg.Gap {
			gaps++
		}
	}
	lastVideo, lastAudio := video.Segments[len(video.Segments)-1], s.audio.Last().Segments[len(s.audio.Last().Segments)-1]
	if gaps < 4 || lastVideo.MSN != lastAudio.MSN || lastVideo.Domain != lastAudio.Domain {
		t.Errorf("G4 %d gaps, pictures end with %d/%d, sound with %d/%d", gaps, lastVideo.MSN, lastVideo.Domain, lastAudio.MSN, lastAudio.Domain)
	}
	s.play(packagertest.Show{Start: later(13), Duration: 5 * time.Second})
	packagertest.Together(t, s.video, s.audio)
	if got := s.domains(packager.Video); !slices.Equal(got, []uint64{7, 8, 9}) {
		t.Errorf("C9 domains of the pictures %v", got)
	}
	if m := s.index(); m.Variants[0].URI != "video.m3u8" {
		t.Errorf("CH4 %+v", m)
	}
}

func TestKeyFramesApart(t *testing.T) {
	for _, tc := range []struct {
		name   string
		shift  int // pictures
		listed bool
	}{
		// It begins with a key frame at a cut, and then has none.
		{"V2 every other cut has no key frame", 0, true},
		{"V6 no key frame is at a cut", 15, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t, packager.Config{})
			show := packagertest.Show{Start: first, Duration: 14 * time.Second, GOP: 60, More: []packagertest.Rendition{{KeyShift: tc.shift}}}
			s.begin(show.Tracks())
			frames := show.Frames()
			n := 0
			for i := range frames {
				if f := &frames[i]; f.Track > packagertest.AudioTrack && f.Key && tc.listed {
					if n++; n%2 == 0 {
						f.Key = false
					}
				}
			}
			s.write(frames)
			if err := s.c.End(); err != nil {
				t.Fatal(err)
			}
			s.read()
			if listed := strings.Contains(string(s.fetch(packager.Index)), two); listed != tc.listed {
				t.Errorf("V4 the rendition is offered: %v", listed)
			}
			if forced := s.c.Stats().ForcedCuts; forced == 3 != tc.listed {
				t.Errorf("V2 %d forced cuts", forced)
			}
			if tc.listed {
				packagertest.Together(t, s.video, s.audio, s.more[0])
			}
		})
	}
}

// TestFollowerChangesFormat lets a rendition change its parameter sets at a cut
// and in the middle of a segment. The channel goes on in the same domain.
func TestFollowerChangesFormat(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   time.Duration // a key frame
		gaps string
	}{
		{"V7 at a cut", 4 * time.Second, "[]"},
		{"V7 in a segment", 5 * time.Second, "[3]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t, packager.Config{})
			show := packagertest.Show{Start: first, Duration: 12 * time.Second, GOP: 30, More: []packagertest.Rendition{{}}}
			s.begin(show.Tracks())
			frames := show.Frames()
			for i := range frames {
				f := &frames[i]
				if f.Track > packagertest.AudioTrack && f.Key && (f.PTS-first).Duration() >= tc.at {
					f.Units = append([][]byte{packagertest.SPS360}, f.Units[1:]...)
				}
			}
			s.write(frames)
			if err := s.c.End(); err != nil {
				t.Fatal(err)
			}
			s.read()
			packagertest.Together(t, s.video, s.audio, s.more[0])
			list := s.more[0].Last().Segments
			if list[0].Map == list[len(list)-1].Map || list[len(list)-1].Domain != 7 {
				t.Errorf("V7 map %s after %s in domain %d", list[len(list)-1].Map, list[0].Map, list[len(list)-1].Domain)
			}
			if got := s.gaps(two); got != tc.gaps {
				t.Errorf("V7 gaps %s, want %s", got, tc.gaps)
			}
			if v := s.index().Variants[1]; v.Resolution != "640x360" {
				t.Errorf("R6 %+v", v)
			}
		})
	}
}

// TestLeaderChangesWhileFollowersLag begins a new domain before a transcoder
// has come to the end of the old one.
func TestLeaderChangesWhileFollowersLag(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 12 * time.Second, GOP: 30, More: []packagertest.Rendition{
		{Lag: 1500 * time.Millisecond, Derived: true},
	}}
	s.begin(show.Tracks())
	var frames []media.Frame
	for _, f := range show.Frames() {
		switch at := (f.DTS - first).Duration(); {
		case f.Track == packagertest.VideoTrack && f.Key && at >= 5*time.Second:
			f.Units = append([][]byte{packagertest.SPS180}, f.Units[1:]...)
		case at >= 8*time.Second && at < 8500*time.Millisecond && f.Track != packagertest.AudioTrack:
			continue // a hole in both
		}
		frames = append(frames, f)
	}
	s.write(frames)
	if err := s.c.End(); err != nil {
		t.Fatal(err)
	}
	s.read()
	packagertest.Together(t, s.video, s.audio, s.more[0])
	for _, name := range []string{packager.Video, two} {
		if got := s.domains(name); !slices.Equal(got, []uint64{7, 8, 9}) {
			t.Errorf("C9 %s has the domains %v", name, got)
		}
	}
	if got := s.gaps(two); got != "[]" {
		t.Errorf("V5 gaps %s", got)
	}
}
