package ingesttest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

func (p Protocol) testPublish(t *testing.T) {
	r := p.start(t)
	r.publish(t, "show:"+Key, p.everything()...)
	h := r.Await(t, "video and audio", flowing(30, 45))
	live, _ := r.registry.Live("show")
	r.Await(t, "two seconds of it", flowing(60, 90))
	checkStats(t, live.Stats())
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
		case *media.Opus:
			if c.Channels != 2 {
				t.Errorf("Opus with %d channels", c.Channels)
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
	checkStep(t, "sound", audio, soundStep(h))
	if apart := video[0].DTS - audio[0].DTS; apart > clock.TicksPerSecond || apart < -clock.TicksPerSecond {
		t.Errorf("IG31 audio and video begin %v apart", apart.Duration())
	}
}

// soundStep is how long a frame of the suite's sound lasts.
func soundStep(h Heard) clock.Ticks {
	for _, track := range h.Tracks {
		if _, ok := track.Codec.(*media.Opus); ok {
			return clock.TicksPerSecond / 50
		}
	}
	return 1024 * clock.TicksPerSecond / 48000
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

func (p Protocol) testAlone(t *testing.T, kind media.Kind, source []string) {
	r := p.start(t)
	r.publish(t, "show:"+Key, source...)
	h := r.Await(t, kind.String(), func(h Heard) bool { return len(h.Of(kind)) >= 10 })
	if len(h.Tracks) != 1 {
		t.Errorf("%d tracks, want 1", len(h.Tracks))
	}
}

func (p Protocol) testOpen(t *testing.T) {
	r := p.start(t)
	r.publish(t, "lobby", p.everything()...)
	r.lobby.Await(t, "media", flowing(1, 1))
}

func (p Protocol) testForms(t *testing.T) {
	r := p.start(t)
	for i, target := range p.Forms(r.addr, Key) {
		e := Start(t, join(p.everything(), target)...)
		r.Await(t, strings.Join(target, " "), func(h Heard) bool { return len(h.Begins) == i+1 && flowing(1, 1)(h) })
		e.Stop(t)
		r.Await(t, "end", ended(i+1))
	}
}

func (p Protocol) testUnsupported(t *testing.T, codec string, source []string) {
	r := p.start(t)
	r.refused(t, ingest.CodeUnsupportedCodec, "show:"+Key, source...)
	if !strings.Contains(r.log.String(), codec) {
		t.Errorf("the log does not name %q:\n%s", codec, r.log.String())
	}
	if h := r.Heard(); len(h.Begins) != 0 {
		t.Errorf("the output was begun")
	}
	r.publish(t, "show:"+Key, p.everything()...)
	r.Await(t, "media from an encoder that is set right", flowing(1, 1))
}

// checkStats looks at a session that has published for two seconds.
func checkStats(t *testing.T, st ingest.Stats) {
	t.Helper()
	if st.Bitrate <= 0 || len(st.Bitrates) == 0 || st.Idle > time.Second {
		t.Errorf("IG46 bit rates %d and %v, idle for %v", st.Bitrate, st.Bitrates, st.Idle)
	}
	if off := st.AVOffset; !st.HasAVOffset || off > time.Second || off < -time.Second {
		t.Errorf("IG46 sound is %v behind pictures (%v)", off, st.HasAVOffset)
	}
	if st.Silent != 0 {
		t.Errorf("IG46 the tone is silent for %v", st.Silent)
	}
	if len(st.Tracks) != 2 {
		t.Fatalf("IG46 stats of %d tracks", len(st.Tracks))
	}
	for _, track := range st.Tracks {
		if track.Frames == 0 || track.Bitrate <= 0 || track.Reorder > 2*time.Millisecond {
			t.Errorf("IG46 track = %+v", track)
		}
		if off := track.GOP - time.Second; track.Codec == "H.264" && (off > 2*time.Millisecond || off < -2*time.Millisecond) {
			t.Errorf("IG46 key frames each %v, want 1 s", track.GOP)
		}
	}
}

func (p Protocol) testCarried(t *testing.T, c Carried) {
	r := p.start(t)
	r.send(t, c.Source)
	h := r.Await(t, "frames of every track", func(h Heard) bool { return h.every(10) })
	if got := codecs(h.Tracks); !slices.Equal(got, c.Want) {
		t.Errorf("tracks = %v, want %v", got, c.Want)
	}
	for _, track := range h.Tracks {
		first := h.of(track)[0]
		if track.Codec.Kind() == media.Video && (!first.Key || !ingest.IsKey(track.Codec, first.Units)) {
			t.Errorf("IG14 %s does not begin with a key frame", track.Codec.Name())
		}
	}
}

func codecs(tracks []media.Track) (names []string) {
	for _, track := range tracks {
		names = append(names, track.Codec.Name())
	}
	return names
}

func (p Protocol) testRenditions(t *testing.T) {
	r := p.start(t)
	r.send(t, p.Renditions)
	h := r.Await(t, "frames of every track", func(h Heard) bool { return len(h.Tracks) >= 3 && h.every(30) })
	kinds := []media.Kind{media.Video, media.Video, media.Audio}
	for i, kind := range kinds {
		if h.Tracks[i].Codec.Kind() != kind {
			t.Fatalf("tracks = %v, want two of pictures and then sound", codecs(h.Tracks))
		}
	}
	width, _ := ingest.PictureSize(h.Tracks[0])
	lower, _ := ingest.PictureSize(h.Tracks[1])
	if width <= lower || lower == 0 {
		t.Errorf("%d pixels wide and then %d, want the best first", width, lower)
	}
	high, low := h.of(h.Tracks[0]), h.of(h.Tracks[1])
	if !high[0].Key || !low[0].Key {
		t.Error("IG14 a rendition does not begin with a key frame")
	}
	same := 0
	for _, f := range low {
		if slices.ContainsFunc(high, func(g media.Frame) bool { return near(f.PTS, g.PTS) }) {
			same++
		}
	}
	if want := min(len(high), len(low)) / 2; same < want {
		t.Errorf("IG31 only %d of %d pictures have the same time in both", same, len(low))
	}
}

// near allows for what sender reports leave open: a small part of a picture's
// 40 ms.
func near(a, b clock.Ticks) bool {
	const open = 5 * clock.TicksPerSecond / 1000
	return a-b <= open && b-a <= open
}

// testPassphrase tries a channel that wants a passphrase, and one that wants none.
func (p Protocol) testPassphrase(t *testing.T) {
	r := p.start(t)
	target := func(channel, key, passphrase string) []string {
		return join(p.everything(), p.Encrypted(r.addr, channel+":"+key, passphrase))
	}
	for _, wrong := range [][]string{
		target("vault", "vault-"+Key, "wrong horse battery"),
		target("vault", "vault-"+Key, ""),
		target("show", Key, Passphrase),
	} {
		before := r.registry.Counters().Refused[ingest.CodeWrongPassphrase]
		r.turnedAway(t, ingest.CodeWrongPassphrase, before, Start(t, wrong...))
	}
	Start(t, target("vault", "vault-"+Key, Passphrase)...)
	r.vault.Await(t, "encrypted media", flowing(10, 10))
}
