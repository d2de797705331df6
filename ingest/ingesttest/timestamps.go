package ingesttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

func (p Protocol) testBFrames(t *testing.T) {
	r := p.start(t)
	r.publish(t, "show:"+Key, join(picture, tone, h264WithB, p.sound())...)
	h := r.Await(t, "video with B-frames", flowing(26, 1))
	shown := make(map[clock.Ticks]bool)
	reordered := 0
	last := clock.Ticks(-1 << 62)
	for _, f := range h.Of(media.Video) {
		if f.PTS < last {
			reordered++
		}
		if f.PTS < f.DTS {
			t.Errorf("PTS %d before DTS %d", f.PTS, f.DTS)
		}
		if shown[f.PTS] {
			t.Errorf("two frames at PTS %d", f.PTS)
		}
		last, shown[f.PTS] = f.PTS, true
	}
	if reordered < 5 {
		t.Errorf("%d frames shown before one decoded earlier, want several", reordered)
	}
}

func (p Protocol) testWrap(t *testing.T) {
	r := p.start(t)
	const before = 600 * time.Millisecond
	offset := fmt.Sprintf("%.3f", (p.Wrap - before).Seconds())
	source := append(p.everything(), "-output_ts_offset", offset, "-muxdelay", "0", "-muxpreload", "0")
	r.publish(t, "show:"+Key, source...)
	wrap := clock.TicksOf(p.Wrap)
	h := r.Await(t, "media beyond the wrap", flowing(40, 60))
	checkFrames(t, h)
	for kind, frames := range map[string][]media.Frame{"video": h.Of(media.Video), "audio": h.Of(media.Audio)} {
		if first, last := frames[0].DTS, frames[len(frames)-1].DTS; first > wrap || last < wrap {
			t.Errorf("%s runs from %v to %v, not over the wrap at %v", kind, first.Duration(), last.Duration(), p.Wrap)
		}
	}
}

// testJump waits for media an hour ahead; the session goes on.
func (p Protocol) testJump(t *testing.T) {
	r := p.start(t)
	r.send(t, p.Jump)
	const hour = 3600 * clock.TicksPerSecond
	ahead := func(frames []media.Frame, n int) bool {
		return len(frames) > n && frames[len(frames)-n].DTS-frames[0].DTS > hour
	}
	h := r.Await(t, "media an hour ahead", func(h Heard) bool { return ahead(h.Of(media.Video), 10) && ahead(h.Of(media.Audio), 10) })
	if len(h.Begins) != 1 || len(h.Ends) != 0 {
		t.Errorf("begins %v, ends %v", h.Begins, h.Ends)
	}
	for _, frames := range [][]media.Frame{h.Of(media.Video), h.Of(media.Audio)} {
		for i := 1; i < len(frames); i++ {
			if frames[i].DTS < frames[i-1].DTS {
				t.Errorf("DTS goes back: %d after %d", frames[i].DTS, frames[i-1].DTS)
			}
		}
	}
	if n := r.registry.Counters().Dropped; n > 20 {
		t.Errorf("%d frames dropped", n)
	}
}

// testShrink waits for smaller pictures, which begin with a key frame and their
// parameter sets.
func (p Protocol) testShrink(t *testing.T) {
	if !p.Shrink.given() {
		p.Shrink.Args = Shrinking(t)
	}
	r := p.start(t)
	r.send(t, p.Shrink)
	before := r.Await(t, "large pictures", flowing(10, 0))
	known := codecOf(before)
	width, _ := ingest.PictureSize(media.Track{Codec: known})
	fresh := func(h Heard) (after []media.Frame) {
		codec := codecOf(h)
		for i, f := range h.Of(media.Video) {
			ingest.Learn(codec, f.Units)
			if now, _ := ingest.PictureSize(media.Track{Codec: codec}); now < width {
				return h.Of(media.Video)[i:]
			}
		}
		return nil
	}
	h := r.Await(t, "smaller pictures", func(h Heard) bool { return len(fresh(h)) > 10 })
	if len(h.Begins) != 1 || len(h.Ends) != 0 {
		t.Errorf("begins %v, ends %v", h.Begins, h.Ends)
	}
	if first := fresh(h)[0]; !first.Key {
		t.Error("smaller pictures do not begin with a key frame")
	}
}

// codecOf returns a copy of the first picture track's codec, H.264 or HEVC.
func codecOf(h Heard) media.Codec {
	for _, track := range h.Tracks {
		switch c := track.Codec.(type) {
		case *media.H264:
			own := *c
			return &own
		case *media.HEVC:
			own := *c
			return &own
		}
	}
	return nil
}

// testChange waits for a Change and for media of the new kind.
func (p Protocol) testChange(t *testing.T) {
	r := p.start(t)
	r.send(t, p.Change)
	h := r.Await(t, "media after a change", func(h Heard) bool {
		return len(h.Changes) > 0 && len(h.Frames) > h.ChangedAt[0]+20
	})
	if len(h.Begins) != 1 || len(h.Ends) != 0 || h.ChangedAt[0] == 0 {
		t.Errorf("begins %v, a change after %d frames, ends %v", h.Begins, h.ChangedAt[0], h.Ends)
	}
	for _, f := range h.Frames[h.ChangedAt[0]:] {
		if kinds := kindsByID(h.Tracks); kinds[f.Track] == 0 {
			t.Fatalf("a frame of track %d, which is none of %v", f.Track, codecs(h.Tracks))
		} else if kinds[f.Track] == media.Video {
			if !f.Key {
				t.Error("pictures after a change do not begin with a key frame")
			}
			return
		}
	}
}

func kindsByID(tracks []media.Track) map[int]media.Kind {
	kinds := make(map[int]media.Kind)
	for _, track := range tracks {
		kinds[track.ID] = track.Codec.Kind()
	}
	return kinds
}
