package ingesttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// TestProtocol checks the rules IG1 to IG17 of ingest/SPEC.md.
func TestProtocol(t *testing.T, p Protocol) {
	t.Run("IG1 H.264 and AAC reach the output", func(t *testing.T) { testPublish(t, p) })
	t.Run("IG2 a wrong key is refused", func(t *testing.T) {
		p.start(t).refused(t, ingest.CodeWrongKey, "show:wrong", everything...)
	})
	t.Run("IG3 an unknown channel is refused", func(t *testing.T) {
		p.start(t).refused(t, ingest.CodeUnknownChannel, "shoe:"+Key, everything...)
	})
	t.Run("IG4 a second publisher is refused and the first goes on", func(t *testing.T) { testSecond(t, p) })
	for codec, source := range p.Unsupported {
		t.Run("IG5 refused by name: "+codec, func(t *testing.T) { testUnsupported(t, p, codec, source) })
	}
	t.Run("IG6 a publisher that is cut off frees the channel", func(t *testing.T) { testCut(t, p) })
	t.Run("IG7 garbage harms nobody", func(t *testing.T) { testGarbage(t, p) })
	t.Run("IG8 B-frames are shown in another order than decoded", func(t *testing.T) { testBFrames(t, p) })
	t.Run("IG9 video alone", func(t *testing.T) { testAlone(t, p, media.Video, join(picture, h264)) })
	t.Run("IG9 audio alone", func(t *testing.T) { testAlone(t, p, media.Audio, join(tone, aac)) })
	t.Run("IG11 a server that stops ends its sessions", func(t *testing.T) { testStop(t, p) })
	t.Run("IG12 an open channel needs no key", func(t *testing.T) { testOpen(t, p) })
	t.Run("IG13 other ways to say the same", func(t *testing.T) { testForms(t, p) })
	if p.Wrap > 0 {
		t.Run("IG30 timestamps begin again", func(t *testing.T) { testWrap(t, p) })
	}
}

func testPublish(t *testing.T, p Protocol) {
	r := p.start(t)
	r.publish(t, "show:"+Key, everything...)
	h := r.Await(t, "video and audio", flowing(30, 45))
	info := h.Begins[0]
	if info.Channel != "show" || info.Session == "" || info.Protocol == "" || info.Remote == "" || info.Started.IsZero() {
		t.Errorf("info = %+v", info)
	}
	checkTracks(t, h)
	checkFrames(t, h)
	checkObservations(t, h)
}

func checkTracks(t *testing.T, h Heard) {
	t.Helper()
	if len(h.Tracks) != 2 {
		t.Fatalf("%d tracks, want 2", len(h.Tracks))
	}
	for _, track := range h.Tracks {
		switch c := track.Codec.(type) {
		case *media.H264:
			if len(c.SPS) == 0 || len(c.PPS) == 0 {
				t.Error("no parameter sets at Begin")
			}
		case *media.AAC:
			if c.Config.SampleRate != 48000 || c.Config.ChannelConfig != 2 {
				t.Errorf("AAC config = %+v", c.Config)
			}
		}
	}
}

func checkFrames(t *testing.T, h Heard) {
	t.Helper()
	video, audio := h.Of(media.Video), h.Of(media.Audio)
	if !video[0].Key || !ingest.IsKey(new(media.H264), video[0].Units) {
		t.Error("IG14 video does not begin with a key frame")
	}
	for _, frames := range [][]media.Frame{video, audio} {
		for i := 1; i < len(frames); i++ {
			if frames[i].DTS < frames[i-1].DTS {
				t.Errorf("IG15 DTS goes back: %d after %d", frames[i].DTS, frames[i-1].DTS)
			}
		}
	}
	// The mean step, because RTMP rounds to milliseconds.
	checkStep(t, "picture", video, clock.TicksPerSecond/25)
	checkStep(t, "sound", audio, 1024*clock.TicksPerSecond/48000)
	if apart := video[0].DTS - audio[0].DTS; apart > clock.TicksPerSecond || apart < -clock.TicksPerSecond {
		t.Errorf("IG31 audio and video begin %v apart", apart.Duration())
	}
}

func checkStep(t *testing.T, what string, frames []media.Frame, want clock.Ticks) {
	t.Helper()
	n := clock.Ticks(len(frames) - 1)
	if span := frames[n].DTS - frames[0].DTS; span < n*want-180 || span > n*want+180 {
		t.Errorf("%d steps of %s last %v, want %v", n, what, span.Duration(), (n * want).Duration())
	}
}

func checkObservations(t *testing.T, h Heard) {
	t.Helper()
	seen := make(map[clock.Ticks]bool)
	for i, o := range h.Observations {
		seen[o.DTS] = true
		if o.Arrival.Before(h.Begins[0].Started) {
			t.Errorf("IG16 observation %d arrived before the publisher", i)
		}
	}
	for i, f := range h.Of(media.Video) {
		if !seen[f.DTS] {
			t.Errorf("IG16 video frame %d (DTS %d) was not observed before it was written", i, f.DTS)
		}
	}
	// The encoder works in real time, so arrivals must spread as the media do;
	// stamped when they are handed on, those from before Begin would not.
	first, last := h.Observations[0], h.Observations[len(h.Observations)-1]
	span, media := last.Arrival.Sub(first.Arrival), (last.DTS - first.DTS).Duration()
	if span < media/2 {
		t.Errorf("IG16 %v of media arrived within %v", media, span)
	}
}

func testSecond(t *testing.T, p Protocol) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, everything...)
	before := r.Await(t, "media of the first", flowing(5, 5))
	r.refused(t, ingest.CodeBusy, "show:"+Key, everything...)
	h := r.Await(t, "further media of the first", flowing(len(before.Of(media.Video))+10, 10))
	if len(h.Begins) != 1 || len(h.Ends) != 0 || !first.Running() {
		t.Errorf("the first was disturbed: begins %v, ends %v", h.Begins, h.Ends)
	}
	video := h.Of(media.Video)
	for i := 1; i < len(video); i++ {
		if step := video[i].DTS - video[i-1].DTS; step > 2*clock.TicksPerSecond/25 {
			t.Errorf("frames are missing: a step of %v", step.Duration())
		}
	}
}

func testUnsupported(t *testing.T, p Protocol, codec string, source []string) {
	r := p.start(t)
	r.refused(t, ingest.CodeUnsupportedCodec, "show:"+Key, source...)
	if !strings.Contains(r.log.String(), codec) {
		t.Errorf("the log does not name %q:\n%s", codec, r.log.String())
	}
	if h := r.Heard(); len(h.Begins) != 0 {
		t.Errorf("the output was begun")
	}
	r.publish(t, "show:"+Key, everything...)
	r.Await(t, "media from an encoder that is set right", flowing(1, 1))
}

func testCut(t *testing.T, p Protocol) {
	r := p.start(t)
	first := r.publish(t, "show:"+Key, everything...)
	r.Await(t, "media", flowing(5, 5))
	first.Kill()
	r.Await(t, "end", ended(1))
	r.publish(t, "show:"+Key, everything...)
	h := r.Await(t, "second session", func(h Heard) bool { return len(h.Begins) == 2 && flowing(5, 5)(h) })
	if h.Begins[0].Session == h.Begins[1].Session {
		t.Error("both sessions have one id")
	}
}

func testGarbage(t *testing.T, p Protocol) {
	r := p.start(t)
	r.publish(t, "show:"+Key, everything...)
	before := r.Await(t, "media", flowing(5, 5))
	noise := make([]byte, 1400)
	random := rand.NewChaCha8([32]byte{7})
	for range 100 {
		_, _ = random.Read(noise)
		dial(t, p.Network, r.addr, noise)
	}
	dial(t, p.Network, r.addr, bytes.Repeat([]byte{3}, 1400))
	dial(t, p.Network, r.addr, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	dial(t, p.Network, r.addr, nil)
	r.Await(t, "media after the garbage", flowing(len(before.Of(media.Video))+10, 10))
}

func testBFrames(t *testing.T, p Protocol) {
	r := p.start(t)
	r.publish(t, "show:"+Key, join(picture, tone, h264WithB, aac)...)
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

func testAlone(t *testing.T, p Protocol, kind media.Kind, source []string) {
	r := p.start(t)
	r.publish(t, "show:"+Key, source...)
	h := r.Await(t, kind.String(), func(h Heard) bool { return len(h.Of(kind)) >= 10 })
	if len(h.Tracks) != 1 {
		t.Errorf("%d tracks, want 1", len(h.Tracks))
	}
}

func testOpen(t *testing.T, p Protocol) {
	r := p.start(t)
	r.publish(t, "lobby", everything...)
	r.lobby.Await(t, "media", flowing(1, 1))
}

func testForms(t *testing.T, p Protocol) {
	r := p.start(t)
	for i, target := range p.Forms(r.addr, Key) {
		e := Start(t, append(join(everything), target...)...)
		r.Await(t, strings.Join(target, " "), func(h Heard) bool { return len(h.Begins) == i+1 && flowing(1, 1)(h) })
		e.Stop(t)
		r.Await(t, "end", ended(i+1))
	}
}

func testStop(t *testing.T, p Protocol) {
	r := p.start(t)
	r.publish(t, "show:"+Key, everything...)
	r.Await(t, "media", flowing(5, 5))
	if err := r.stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	if h := r.Heard(); len(h.Ends) != 1 || h.Ends[0] != nil {
		t.Errorf("ends = %v, want one without a reason", h.Ends)
	}
}

func testWrap(t *testing.T, p Protocol) {
	r := p.start(t)
	const before = 600 * time.Millisecond
	offset := fmt.Sprintf("%.3f", (p.Wrap - before).Seconds())
	source := append(slices.Clone(everything), "-output_ts_offset", offset, "-muxdelay", "0", "-muxpreload", "0")
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
