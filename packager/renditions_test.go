package packager_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

const two = "video2"

// gaps lists the sequence numbers of a rendition's gaps, counted from 1000.
func (s *stage) gaps(rendition string) string {
	var list []uint64
	for _, seg := range s.judge(rendition).Last().Segments {
		if seg.Gap {
			list = append(list, seg.MSN-1000)
		}
	}
	return fmt.Sprint(list)
}

// TestRenditions holds shows with several renditions against all rules.
func TestRenditions(t *testing.T) {
	type list = []packagertest.Rendition
	away := func(from, to time.Duration) [][2]time.Duration {
		return [][2]time.Duration{{from * time.Millisecond, to * time.Millisecond}}
	}
	for _, tc := range []struct {
		name   string
		show   packagertest.Show
		forced uint64
		gaps   string // of video2
	}{
		{"V1 two in step", packagertest.Show{More: list{{}}}, 0, "[]"},
		{"V1 two, RTMP stamps, B-frames", packagertest.Show{More: list{{}}, Milliseconds: true, Lead: 2}, 0, "[]"},
		{"V1 eight", packagertest.Show{More: make(list, 7), Duration: 7 * time.Second}, 0, "[]"},
		{"V2 a rendition that arrives first", packagertest.Show{More: list{{Lag: -300 * time.Millisecond}}}, 0, "[]"},
		{"V2 key frames a picture late", packagertest.Show{More: list{{KeyShift: 1}}, GOP: 30}, 0, "[]"},
		{"V2 key frames a picture early", packagertest.Show{More: list{{KeyShift: 59}}, GOP: 60}, 0, "[]"},
		{"V5 a transcoder 300 ms behind", packagertest.Show{More: list{{Lag: 300 * time.Millisecond, Derived: true}}}, 0, "[]"},
		{"V5 a transcoder 2 s behind", packagertest.Show{More: list{{Lag: 2 * time.Second, Derived: true}}}, 0, "[]"},
		{"V5 parameter sets that come late", packagertest.Show{More: list{{Lag: time.Second, Derived: true, Bare: true}}}, 0, "[]"},
		// Segments begin at 0, 0.33, 2, 4, 6 s and so on.
		{"G1 pictures that stay away for good", packagertest.Show{Duration: 20 * time.Second, More: list{{Away: away(5000, 60_000)}}}, 0, "[3 4 5 6 7 8 9 10]"},
		{"G1 pictures that stay away a while", packagertest.Show{Duration: 20 * time.Second, More: list{{Away: away(5000, 11_000)}}}, 0, "[3 4 5 6]"},
		{"G1 a hole of a second", packagertest.Show{Duration: 20 * time.Second, More: list{{Away: away(4500, 5500)}}}, 0, "[3]"},
		{"G3 a hole in front of a cut", packagertest.Show{Duration: 20 * time.Second, More: list{{Away: away(5500, 6000)}}}, 0, "[3]"},
		{"G1 a transcoder that starts again", packagertest.Show{Duration: 20 * time.Second, More: list{{Away: away(5000, 11_000), Lag: 1500 * time.Millisecond, Derived: true}}}, 0, "[3 4 5 6]"},
		{"V6 a rendition that begins in the middle", packagertest.Show{Duration: 12 * time.Second, More: list{{Away: away(0, 5000)}}}, 0, "[]"},
		{"V6 a rendition that begins late and lags", packagertest.Show{Duration: 16 * time.Second, More: list{{Away: away(0, 5000), Lag: 900 * time.Millisecond, Bare: true, Derived: true}}}, 0, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.show.Start = first
			s := newStage(t, packager.Config{})
			s.play(tc.show)
			packagertest.Together(t, s.video, s.audio, s.more[0])
			if got := s.gaps(two); got != tc.gaps {
				t.Errorf("G1 gaps %s, want %s", got, tc.gaps)
			}
			st := s.c.Stats()
			if st.ForcedCuts != tc.forced || st.Holes != 0 || len(st.Renditions) != 2+len(tc.show.More) {
				t.Errorf("stats %+v", st)
			}
			if lead, other := s.video.Last(), s.more[0].Last(); lead.Segments[len(lead.Segments)-1].MSN != other.Segments[len(other.Segments)-1].MSN {
				t.Errorf("V1 the last segments are %d and %d", lead.Segments[len(lead.Segments)-1].MSN, other.Segments[len(other.Segments)-1].MSN)
			}
		})
	}
}

// TestNobodyWaitsForAFollower compares the leading rendition and the sound with
// those of a channel without followers, part by part.
func TestNobodyWaitsForAFollower(t *testing.T) {
	alone, with := newStage(t, packager.Config{}), newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 12 * time.Second}
	alone.begin(show.Tracks())
	show.More = []packagertest.Rendition{{Lag: 1500 * time.Millisecond, Derived: true, Away: [][2]time.Duration{{4 * time.Second, 8 * time.Second}}}}
	with.begin(show.Tracks())
	for _, f := range show.Frames() {
		if err := with.c.Write(f); err != nil {
			t.Fatal(err)
		}
		if f.Track > packagertest.AudioTrack {
			continue
		}
		if err := alone.c.Write(f); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{packager.Video, packager.Audio} {
			a, b := alone.c.View().Window(name).Load(), with.c.View().Window(name).Load()
			if a.Edge != b.Edge {
				t.Fatalf("V5 %s is at %v, without followers at %v", name, b.Edge, a.Edge)
			}
		}
		if alone.c.View().Ready() != with.c.View().Ready() {
			t.Fatalf("V3 ready %v, without followers %v", with.c.View().Ready(), alone.c.View().Ready())
		}
	}
}

func TestFollowerIsOfferedOnceItHasASegment(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 8 * time.Second, More: []packagertest.Rendition{
		{Lag: time.Second, Derived: true}, {Away: [][2]time.Duration{{0, time.Minute}}, Derived: true, Bare: true},
	}}
	s.begin(show.Tracks())
	now, offered := clock.Ticks(0), clock.Ticks(0)
	for _, f := range show.Frames() {
		now = max(now, f.PTS-first)
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
		text := string(s.fetch(packager.Index))
		if strings.Contains(text, two) && offered == 0 {
			offered = now
		}
		if strings.Contains(text, "video3") {
			t.Fatalf("V4 a rendition without media is offered:\n%s", text)
		}
	}
	s.read()
	// The first segment is a part of a third of a second and comes a second late.
	if took := offered.Duration(); took < 1300*time.Millisecond || took > 1500*time.Millisecond {
		t.Errorf("V4 the rendition was offered after %v", took)
	}
	if w := s.c.View().Window("video3"); w == nil || w.Load().Ready() {
		t.Error("V4 a rendition without media has a playlist")
	}
}

// TestRenditionThatAlwaysComesTooLate says so, once, with the reason.
func TestRenditionThatAlwaysComesTooLate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		more  packagertest.Rendition
		late  time.Duration // 0 for a rendition that is not
		warns string
	}{
		{"V5 three seconds", packagertest.Rendition{Lag: 3 * time.Second}, 0, ""},
		{"V8 six seconds", packagertest.Rendition{Lag: 6 * time.Second}, 6 * time.Second, "level=WARN msg=\"rendition comes too late for its segments: nobody sees it\" rendition=video2 dur=5.9"},
		{"V6 in time and apart", packagertest.Rendition{KeyShift: 20}, 0, "level=WARN msg=\"rendition cannot begin, its key frames"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			s := newStage(t, packager.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			show := packagertest.Show{Start: first, Duration: 40 * time.Second, More: []packagertest.Rendition{tc.more}}
			s.begin(show.Tracks())
			frames := show.Frames()
			for frames[len(frames)-1].Track != packagertest.VideoTrack { // what comes behind the show is in time for its end
				frames = frames[:len(frames)-1]
			}
			s.write(frames)
			if n := strings.Count(log.String(), "level=WARN msg=\"rendition "); tc.warns != "" && (n != 1 || !strings.Contains(log.String(), tc.warns)) {
				t.Errorf("%d warnings, want one that says %s:\n%s", n, tc.warns, log.String())
			} else if tc.warns == "" && n != 0 {
				t.Errorf("warnings:\n%s", log.String())
			}
			if got := s.c.Stats().Renditions[1].Late; (got - tc.late).Abs() > 100*time.Millisecond {
				t.Errorf("V8 late by %v, want %v", got, tc.late)
			}
		})
	}
}
