package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/timeline"
)

var showBegan = time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)

// goodFacts are those of a publisher who has nothing to change, 5 min into the show.
func goodFacts() facts {
	var f facts
	f.at, f.on, f.live = showBegan.Add(5*time.Minute), true, true
	f.info = ingest.Info{Session: "one", Protocol: "srt", Started: showBegan}
	f.tracks = []media.Track{{ID: 1, Codec: &media.H264{}}, {ID: 2, Codec: &media.AAC{}}}
	f.latency, f.segment = 2*time.Second, 2*time.Second
	f.timeline = &timeline.Map{State: timeline.Locked, PPM: -12, Residual: 2 * time.Millisecond, Jitter: 9 * time.Millisecond}
	f.media.VideoCodec, f.media.Width, f.media.Height, f.media.FrameRate = "avc1.64001f", 1280, 720, 30
	f.media.AudioCodec, f.media.SampleRate, f.media.Channels = "mp4a.40.2", 48000, 2
	f.media.GOP = 2 * time.Second
	f.ingest.Link = ingest.Link{RTT: 20 * time.Millisecond, Loss: 0.001, Latency: 200 * time.Millisecond}
	f.ingest.Bitrates = []int{2900_000, 1100_000, 2950_000, 1090_000, 2800_000, 1200_000, 2900_000, 1100_000, 2870_000, 1130_000}
	f.ingest.Tracks = []ingest.TrackStats{
		{ID: 1, Codec: "H.264", Frames: 9000, Bitrate: 1900_000, GOP: 2 * time.Second},
		{ID: 2, Codec: "AAC", Frames: 14000, Bitrate: 128_000},
	}
	f.ingest.HasAVOffset, f.ingest.AVOffset = true, 12*time.Millisecond
	return f
}

// settle asks once a second for two minutes, while nothing changes.
func settle(t *testing.T, f facts) (adviceState, []advised) {
	t.Helper()
	var state adviceState
	var out []advised
	for range 120 {
		f.at = f.at.Add(time.Second)
		state, out = advise(state, f)
	}
	return state, out
}

func TestAdvice(t *testing.T) {
	for _, tc := range []struct {
		code   string // "" for none
		change func(f *facts)
		says   string
	}{
		{"", func(*facts) {}, ""},
		{"stalled", func(f *facts) { f.idle = 14 * time.Second }, "Nothing has arrived for 12 s: check the encoder and its connection."},
		{"no_video", func(f *facts) { f.tracks, f.media.GOP = f.tracks[1:], 0 }, "There is no picture: add a video track in the encoder, unless the programme is sound only."},
		{"no_audio", func(f *facts) { f.tracks = f.tracks[:1] }, "There is no sound: add an audio track"},
		{"video_stopped", func(f *facts) { f.ingest.Tracks[0].Bitrate = 0 }, "Pictures have stopped while sound still arrives"},
		{"audio_stopped", func(f *facts) { f.ingest.Tracks[1].Bitrate = 0 }, "Sound has stopped while pictures still arrive"},
		{"", func(f *facts) { f.ingest.Tracks[0].Bitrate, f.ingest.Tracks[1].Bitrate = 0, 0 }, ""},
		{"audio_silent", func(f *facts) { f.ingest.Silent = 31 * time.Second }, "The sound has been silent for 30 s: look for a muted source in the encoder's audio mixer."},
		{"audio_silent", func(f *facts) { f.ingest.Silent = 3 * time.Hour }, "silent for an hour"},
		{"", func(f *facts) { f.ingest.Silent = 29 * time.Second }, ""},
		{"key_frames_rare", func(f *facts) { f.media.GOP = 8 * time.Second }, "Key frames come every 8 s: set 1–2 s in the encoder (OBS: Settings → Output → Keyframe Interval)."},
		{"key_frames_rare", func(f *facts) {
			f.media.GOP, f.ingest.Link.Encoder = 8333*time.Millisecond, "obs-output module (libobs version 30.2.3)"
		}, "Key frames come every 8.3 s: set 1–2 s in OBS under Settings → Output → Keyframe Interval."},
		{"key_frames_rare", func(f *facts) { f.media.GOP, f.ingest.Link.Encoder = 10*time.Second, "Lavf59.27.100" }, "Key frames come every 10 s: give ffmpeg -g 60."},
		{"key_frames_rare", func(f *facts) { f.segment = time.Second }, "Key frames come every 2 s: set 1 s in"},
		{"", func(f *facts) { f.media.GOP = 2100 * time.Millisecond }, ""},
		{"", func(f *facts) { f.info.Protocol, f.media.GOP = "whip", 3*time.Second }, ""},
		{"key_frames_rare", func(f *facts) { f.info.Protocol, f.media.GOP = "whip", 6*time.Second }, "Key frames come every 6 s"},
		{"key_frames_missing", func(f *facts) { f.media.GOP, f.ingest.Tracks[0].GOP = 0, 0 }, "Only one key frame has come in 5 min: set 1–2 s"},
		{"loss", func(f *facts) { f.ingest.Link.Loss = 0.021 }, "2.1 % of the packets are lost on the way: use a cable instead of Wi-Fi, or lower the bit rate."},
		{"", func(f *facts) { f.ingest.Link.Loss = -1 }, ""},
		{"ended", func(f *facts) { f.ended, f.live, f.idle = true, false, time.Minute }, "The event has ended, and nobody sees what the encoder still sends: stop it."},
		{"rendition_late", func(f *facts) {
			f.media.Renditions = []packager.RenditionStats{{Name: "video"}, {Name: "video2", Late: 5200 * time.Millisecond}}
		}, "Rendition video2 comes 5.2 s after the first one, so nobody sees it: set a faster preset"},
		{"rendition_late", func(f *facts) {
			f.media.Renditions = []packager.RenditionStats{{Name: "video3", Late: 6 * time.Second, Derived: true}}
		}, "Rendition video3 comes 6 s after the first one, so nobody sees it: make fewer or smaller renditions"},
		{"link_latency_short", func(f *facts) { f.ingest.Link.RTT = 63 * time.Millisecond }, "An SRT latency of 200 ms is short for a round trip of 63 ms: set 300 ms (OBS and ffmpeg: &latency=300000 in the address)."},
		{"", func(f *facts) { f.info.Protocol, f.ingest.Link.RTT = "whip", time.Second }, ""},
		{"bitrate_low", func(f *facts) { f.ingest.Bitrates = []int{9000, 8000, 9000, 9000, 9000} }, "Hardly any media arrives"},
		{"bitrate_swings", func(f *facts) {
			f.ingest.Bitrates = []int{2_000_000, 2_000_000, 2_000_000, 2_000_000, 100_000, 200_000, 2_000_000, 2_000_000, 2_000_000, 2_000_000}
		}, "The bit rate breaks down again and again"},
		{"uneven", func(f *facts) { f.timeline.Jitter = 240 * time.Millisecond }, "Media arrive unevenly, up to 228 ms late: use a cable"},
		{"", func(f *facts) { f.ingest.AVOffset, f.timeline.Jitter = 171*time.Millisecond, 193*time.Millisecond }, ""},
		{"uneven", func(f *facts) { f.timeline.Jitter = 1840 * time.Millisecond }, "up to 1.8 s late"},
		{"", func(f *facts) { f.info.Protocol, f.timeline.Jitter = "hls", 2*time.Second }, ""},
		{"ladder_latency", func(f *facts) { f.ladderLag = 1700 * time.Millisecond }, "Renditions made by this server come too late for a latency of 2 s: set the channel's latency to 2.5 s or more."},
		{"source_behind", func(f *facts) { f.info.Protocol, f.behind = "hls", 4200*time.Millisecond }, "too late for a latency of 2 s: set the channel's latency to 5 s or more."},
		{"sound_late", func(f *facts) { f.ingest.AVOffset = 254 * time.Millisecond }, "Sound arrives 254 ms after its picture: raise the bit rate of the sound, or give ffmpeg -pes_payload_size 0."},
		{"sound_late", func(f *facts) { f.info.Protocol, f.ingest.AVOffset = "rtmp", 2*time.Second }, "Sound arrives 2 s after its picture: lower the buffer"},
		{"", func(f *facts) { f.ingest.AVOffset = 171 * time.Millisecond }, ""},
		{"sound_early", func(f *facts) { f.ingest.AVOffset = -310 * time.Millisecond }, "Sound arrives 310 ms before its picture"},
		{"", func(f *facts) { f.ingest.AVOffset = -149 * time.Millisecond }, ""},
		{"acquiring", func(f *facts) { f.timeline.State = timeline.Acquiring }, "The encoder's clock is still uncertain after a minute"},
		{"clock_off", func(f *facts) { f.timeline.PPM = 140 }, "The encoder's clock runs 140 ppm fast, 0.5 s an hour"},
		{"clock_off", func(f *facts) { f.timeline.PPM = -900 }, "900 ppm slow, 3.2 s an hour"},
		{"codec_video", func(f *facts) { f.tracks[0].Codec = &media.HEVC{} }, "Some browsers cannot play HEVC: send H.264, or set renditions for this channel."},
		{"", func(f *facts) { f.tracks = append(f.tracks, media.Track{ID: 3, Codec: &media.HEVC{}}) }, ""},
		{"", func(f *facts) {
			f.tracks[0].Codec, f.ladder, f.latency = &media.HEVC{}, new(wire.HealthLadder), 4*time.Second
		}, ""},
		{"codec_audio", func(f *facts) { f.tracks[1].Codec = &media.Opus{} }, "Some Apple devices cannot play Opus: set the audio encoder to AAC."},
		{"", func(f *facts) { f.info.Protocol, f.tracks[1].Codec = "whip", &media.Opus{} }, ""},
		{"bitrate_high", func(f *facts) { f.ingest.Bitrates = slices.Repeat([]int{17_400_000}, 10) }, "17.4 Mbit/s is more than many viewers can receive"},
		{"frame_rate_low", func(f *facts) { f.media.FrameRate = 15 }, "Only 15 pictures a second arrive"},
		{"", func(f *facts) { f.media.FrameRate = 24000. / 1001 }, ""},
		{"size_odd", func(f *facts) { f.media.Width = 853 }, "853×720 is an odd size"},
		{"reorder", func(f *facts) { f.ingest.Tracks[0].Reorder = 66 * time.Millisecond }, "B-frames add 66 ms: set their number to 0 in the encoder to save it (OBS: Settings → Output)."},
		{"reorder", func(f *facts) {
			f.ingest.Tracks[0].Reorder, f.ingest.Link.Encoder = 66*time.Millisecond, "Lavf59"
		}, "B-frames add 66 ms: give ffmpeg -bf 0 to save it."},
		{"", func(f *facts) { f.on = false; f.idle = time.Hour }, ""},
		{"source_unreachable", func(f *facts) { f.on, f.refused = false, "the source answers 404 Not Found" }, "The channel's stream cannot be fetched (the source answers 404 Not Found): check its source."},
		{"", func(f *facts) { f.refused = "of an earlier attempt" }, ""},
	} {
		t.Run(tc.code+" "+tc.says, func(t *testing.T) {
			f := goodFacts()
			tc.change(&f)
			_, got := settle(t, f)
			if tc.code == "" {
				if len(got) != 0 {
					t.Errorf("advised %q", got)
				}
				return
			}
			if len(got) != 1 || got[0].code != tc.code || !strings.Contains(got[0].text, tc.says) {
				t.Errorf("advised %q, want %s: %s", got, tc.code, tc.says)
			}
		})
	}
}

func TestAdviceOnDroppedPacketsGoes(t *testing.T) {
	f := goodFacts()
	var state adviceState
	told := 0
	for second := range 90 {
		f.at = f.at.Add(time.Second)
		if second == 10 {
			f.ingest.Link.Dropped = 3
		}
		var out []advised
		if state, out = advise(state, f); len(out) > 0 && out[0].code == "packets_dropped" {
			told++
		}
	}
	if told != int(dropMemory/time.Second) {
		t.Errorf("spoken of for %d s, want %v", told, dropMemory)
	}
}

// Every rule has its own code, says something, and ends like a sentence.
func TestAdviceIsWellFormed(t *testing.T) {
	seen := make(map[string]bool)
	f := goodFacts()
	for _, r := range rules {
		if seen[r.code] || r.code == "" {
			t.Errorf("code %q is not its own", r.code)
		}
		seen[r.code] = true
		if text := r.say(f, 30); !strings.HasSuffix(text, ".") || !strings.Contains(text, ": ") && !strings.Contains(text, ", ") {
			t.Errorf("%s does not say what to do: %q", r.code, text)
		}
		if r.off > r.on {
			t.Errorf("%s is withdrawn at %v, above %v", r.code, r.off, r.on)
		}
	}
}

func TestAdviceMostImportantFirstAndFewAtOnce(t *testing.T) {
	f := goodFacts()
	f.tracks[0].Codec, f.media.FrameRate = &media.AV1{}, 10
	f.timeline.PPM, f.timeline.Jitter = 300, 3*time.Second
	f.ingest.AVOffset, f.ingest.Silent, f.ingest.Link.Loss, f.media.GOP = time.Second, time.Minute, 0.3, time.Minute
	state, got := settle(t, f)
	var codes []string
	for _, a := range got {
		codes = append(codes, a.code)
	}
	if want := []string{"audio_silent", "key_frames_rare", "loss", "uneven", "sound_late"}; !slices.Equal(codes, want) {
		t.Errorf("advised %q, want %q", codes, want)
	}
	f.at, f.idle = f.at.Add(3*time.Minute), 4*time.Second
	if _, got = advise(state, f); len(got) != 1 || got[0].code != codeStalled {
		t.Errorf("while nothing arrives advised %q", got)
	}
}

// A value that trembles around its threshold does not make advice flicker.
func TestAdviceDoesNotFlicker(t *testing.T) {
	f := goodFacts()
	var state adviceState
	var was string
	changes := 0
	for second := range 300 {
		f.at = f.at.Add(time.Second)
		f.timeline.Jitter = time.Duration(180-40*(second%2)) * time.Millisecond // on from 150, off below 80
		f.ingest.Link.Loss = 0.007 + 0.006*float64(second/20%2)                 // on at 1 %, off below 0.5 %
		f.ingest.Tracks[0].Reorder = time.Duration(50+second%9) * time.Millisecond
		var out []advised
		state, out = advise(state, f)
		var texts []string
		for _, a := range out {
			texts = append(texts, a.text)
		}
		if now := strings.Join(texts, "\n"); now != was {
			changes++
			was = now
		}
	}
	if changes != 2 || strings.Count(was, "\n") != 1 {
		t.Errorf("changed %d times, at last\n%s", changes, was)
	}
}

func TestAdviceComesAndGoesInTime(t *testing.T) {
	f := goodFacts()
	loss := func(share float64, d time.Duration, state adviceState) (adviceState, bool) {
		f.ingest.Link.Loss, f.at = share, f.at.Add(d)
		state, out := advise(state, f)
		return state, len(out) > 0
	}
	var state adviceState
	for i, step := range []struct {
		share float64
		after time.Duration
		want  bool
	}{
		{0.03, 0, false},
		{0.03, 4900 * time.Millisecond, false},
		{0.03, 100 * time.Millisecond, true},
		{0.03, 0, true}, // asked again at the same moment
		{0.003, time.Second, true},
		{0.003, 4900 * time.Millisecond, true},
		{0.003, 100 * time.Millisecond, false},
		{0.007, time.Minute, false},
		{0.02, time.Second, false},
		{0.002, time.Second, false},
		{0.02, 4500 * time.Millisecond, false}, // the time begins again
		{0.02, 5 * time.Second, true},
		{0, time.Millisecond, false},
	} {
		var got bool
		if state, got = loss(step.share, step.after, state); got != step.want {
			t.Errorf("step %d: advised = %v, want %v", i, got, step.want)
		}
	}
}

func TestAdviceStartsAnewWithASession(t *testing.T) {
	f := goodFacts()
	f.media.GOP = 8 * time.Second
	state, got := settle(t, f)
	if len(got) != 1 {
		t.Fatalf("advised %q", got)
	}
	f.at, f.info.Session = f.at.Add(time.Hour), "two"
	if _, got = advise(state, f); len(got) != 0 {
		t.Errorf("a new session was told at once %q", got)
	}
}
