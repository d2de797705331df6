package packager_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
	"github.com/cuelight/cuelight/sync/clock"
)

// laid is where players lay pictures that know of a domain only when its first
// one is decoded: that goes where what is there already ends.
type laid struct {
	domain uint64
	offset int64 // from media time to the player's
	end    int64 // of what is there
	holes  []int64
}

func (l *laid) add(domain uint64, run *fmp4.PartTrack) {
	first, last, dts := int64(1<<62), int64(0), int64(run.BaseTime)
	if domain != l.domain {
		l.domain, l.offset = domain, l.end-dts
	}
	for _, s := range run.Samples {
		pts := dts + int64(s.PTSOffset)
		first, last = min(first, pts), max(last, pts+int64(s.Duration))
		dts += int64(s.Duration)
	}
	if hole := first + l.offset - l.end; hole > 0 {
		l.holes = append(l.holes, hole)
	}
	l.end = last + l.offset
}

// TestNoHoleBetweenSessions lays a show of several sessions together as hls.js
// does.
func TestNoHoleBetweenSessions(t *testing.T) {
	for _, tc := range []struct {
		name string
		show packagertest.Show
		next int // Lead of every other session
	}{
		{"M9 without B-frames", packagertest.Show{}, 0},
		{"M9 with B-frames", packagertest.Show{Lead: 2}, 2},
		{"M9 with B-frames now and then", packagertest.Show{Lead: 2}, 0},
		{"M9 by the millisecond", packagertest.Show{Lead: 2, Milliseconds: true}, 2},
		{"M9 at 25 pictures a second", packagertest.Show{Lead: 2, FPSNum: 25, GOP: 50}, 2},
		{"M9 in a ladder", packagertest.Show{Lead: 2, More: []packagertest.Rendition{{Lag: 500 * time.Millisecond}}}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t, packager.Config{})
			for i := range 4 {
				show := tc.show
				show.Start, show.Duration = first+clock.Ticks(i)*20*clock.TicksPerSecond, 4*time.Second
				if i%2 == 1 {
					show.Lead = tc.next
				}
				s.play(show)
			}
			s.noHoles(packager.Video, s.video)
			if len(tc.show.More) > 0 {
				s.noHoles("video2", s.more[0])
			}
		})
	}
}

func (s *stage) noHoles(name string, j *packagertest.Judge) {
	s.t.Helper()
	l := laid{domain: 1 << 62}
	for _, seg := range j.Last().Segments {
		var frags fmp4.Parts
		if err := frags.Unmarshal(s.fetch(seg.URI)); err != nil {
			s.t.Fatal(err)
		}
		for _, f := range frags {
			l.add(seg.Domain, f.Tracks[0])
		}
	}
	// A frame's duration in ticks may be rounded, and players pass over that.
	const rounding = 2 * clock.TicksPerSecond / 1000
	for _, hole := range l.holes[min(1, len(l.holes)):] {
		if hole > rounding {
			s.t.Errorf("M9 holes of %v in %s", l.holes, name)
			return
		}
	}
}

// TestDecodingAfterAGap: a rendition that comes back is decoded as it is shown,
// as at the beginning.
func TestDecodingAfterAGap(t *testing.T) {
	s := newStage(t, packager.Config{})
	away := [][2]time.Duration{{5 * time.Second, 7 * time.Second}}
	s.play(packagertest.Show{Start: first, Duration: 20 * time.Second, Lead: 2, More: []packagertest.Rendition{{Away: away}}})
	list := s.more[0].Last()
	gap := false
	for _, seg := range list.Segments {
		if was := gap; seg.Gap || !was {
			gap = seg.Gap
			continue
		}
		gap = false
		data := s.fetch(seg.URI)
		var frags fmp4.Parts
		if err := frags.Unmarshal(data); err != nil || bytes.Equal(data, nil) {
			t.Fatal(err)
		}
		run := frags[0].Tracks[0]
		if run.Samples[0].PTSOffset != 0 {
			t.Errorf("M9 segment %d, behind a gap, is shown %d after it is decoded", seg.MSN, run.Samples[0].PTSOffset)
		}
		return
	}
	t.Error("G1 no gap in video2")
}
