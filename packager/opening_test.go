package packager_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/packager/packagertest"
)

// TestOpening holds the playlist of a channel's first seconds against that of
// the steady state.
func TestOpening(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first, Duration: 20 * time.Second}
	s.begin(show.Tracks())
	for _, f := range show.Frames() {
		s.write([]media.Frame{f})
		at := (f.DTS - first).Duration()
		if at > time.Second && at < 12*time.Second && s.video.Last().MediaSequence != 1000 {
			t.Fatalf("C8 segments left after %v", at)
		}
		if s.independent() || at < 15*time.Second {
			continue
		}
		t.Fatalf("R6 P9 no independent segments after %v", at)
	}
	if v, a := s.video.Last().MediaSequence, s.audio.Last().MediaSequence; v != 1002 || a != 1002 {
		t.Errorf("R5 the pictures begin with %d and the sound with %d", v, a)
	}
	if s.fetch("video-1000.mp4") == nil {
		t.Error("C13 the first segment is gone")
	}
}

// independent reports whether the multivariant playlist claims independent segments.
func (s *stage) independent() bool {
	return bytes.Contains(s.fetch(packager.Index), []byte("#EXT-X-INDEPENDENT-SEGMENTS"))
}

func TestFirstPartIsShownAtOnce(t *testing.T) {
	s := newStage(t, packager.Config{})
	show := packagertest.Show{Start: first}
	s.begin(show.Tracks())
	for _, f := range show.Frames() {
		if err := s.c.Write(f); err != nil {
			t.Fatal(err)
		}
		if !s.c.View().Ready() {
			continue
		}
		if took := (f.DTS - first).Duration(); took > 400*time.Millisecond {
			t.Errorf("the channel can be played %v after its first picture", took)
		}
		s.read()
		return
	}
	t.Error("the channel was never ready")
}
