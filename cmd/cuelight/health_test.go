package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/packager"
)

func TestDescribe(t *testing.T) {
	for _, tc := range []struct {
		stats        packager.Stats
		video, audio string
	}{
		{packager.Stats{}, "", ""},
		{packager.Stats{VideoCodec: "avc1.640028", Width: 1280, Height: 720, FrameRate: 30, AudioCodec: "mp4a.40.2", SampleRate: 48000, Channels: 2},
			"H.264 1280×720 30 fps", "AAC 48 kHz stereo"},
		{packager.Stats{VideoCodec: "hvc1.1.6.L123.90", Width: 1920, Height: 1080, FrameRate: 60000. / 1001, AudioCodec: "opus", SampleRate: 48000, Channels: 6},
			"HEVC 1920×1080 59.94 fps", "Opus 48 kHz 5.1"},
		{packager.Stats{VideoCodec: "av01.0.08M.08", Width: 1920, Height: 1080, AudioCodec: "mp4a.40.5", SampleRate: 44100, Channels: 1},
			"AV1 1920×1080", "HE-AAC 44.1 kHz mono"},
		{packager.Stats{VideoCodec: "avc1.42c01e", AudioCodec: "mp4a.40.29", SampleRate: 48000, Channels: 3}, "H.264", "HE-AAC v2 48 kHz 3 channels"},
	} {
		if got := describeVideo(tc.stats); got != tc.video {
			t.Errorf("video %q, want %q", got, tc.video)
		}
		if got := describeAudio(tc.stats); got != tc.audio {
			t.Errorf("audio %q, want %q", got, tc.audio)
		}
	}
}

func TestHealthOnTheWire(t *testing.T) {
	full := goodFacts()
	full.ingest.Link = ingest.Link{
		RTT: 42480 * time.Microsecond, Loss: 0.01254, Retransmitted: 311, Latency: 200 * time.Millisecond,
		Encryption: "AES-256", Encoder: "Lavf59.27.100",
	}
	full.ingest.Tracks[0].Reorder = 66_667 * time.Microsecond
	full.media.Renditions = []packager.RenditionStats{
		{Name: "video", Codec: "avc1.64001f", Width: 1280, Height: 720, FrameRate: 30, Bitrate: 1_900_000},
		{Name: "audio", Codec: "mp4a.40.2", Bitrate: 128_000},
	}
	plain := goodFacts()
	plain.info.Protocol = "rtmp"
	plain.ingest = ingest.Stats{Link: ingest.Link{Loss: -1, RTT: 13 * time.Millisecond, Retransmitted: 2}}
	plain.media.Bitrate = 2_000_000
	gone := goodFacts()
	gone.on, gone.live = false, false
	for name, tc := range map[string]struct {
		f    facts
		want string
	}{
		"everything is known": {full, `{"live":true,"protocol":"SRT","video":"H.264 1280×720 30 fps","audio":"AAC 48 kHz stereo","bitrate":1840000,"gop_s":2,` +
			`"timeline":"locked","ppm":-12,"uptime_s":300,"latency_ms":2000,"encoder":"Lavf59.27.100",` +
			`"bitrates":[2900000,1100000,2950000,1090000,2800000,1200000,2900000,1100000,2870000,1130000],"residual_ms":2,"jitter_ms":9,` +
			`"av_offset_ms":12,"reorder_ms":66.7,"rtt_ms":42.5,"loss":0.0125,"retransmits":311,"lost_packets":0,"link_latency_ms":200,"encryption":"AES-256",` +
			`"renditions":[{"name":"video","codec":"H.264","width":1280,"height":720,"fps":30,"bitrate":1900000},{"name":"audio","codec":"AAC","bitrate":128000}],` +
			`"advice":[]}`},
		"packets are not counted": {plain, `{"live":true,"protocol":"RTMP","video":"H.264 1280×720 30 fps","audio":"AAC 48 kHz stereo","bitrate":2000000,"gop_s":2,` +
			`"timeline":"locked","ppm":-12,"uptime_s":300,"latency_ms":2000,"residual_ms":2,"jitter_ms":9,"rtt_ms":13,"retransmits":2,"advice":[]}`},
		"nobody publishes": {gone, `{"live":false,"bitrate":0,"gop_s":0,"timeline":"locked","ppm":-12,"uptime_s":0,"latency_ms":2000,"residual_ms":0,"jitter_ms":0,"advice":[]}`},
	} {
		got, err := json.Marshal(tc.f.health())
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, tc.want)
		}
	}
}

// A channel tells what its session, its packager and its timeline know.
func TestHealthOfAChannel(t *testing.T) {
	onChannel(t, func(p *publisher) {
		p.ch.mu.Lock()
		p.ch.info.Stats = func() ingest.Stats {
			return ingest.Stats{Link: ingest.Link{Loss: 0, RTT: 30 * time.Millisecond, Encoder: "demo"}, Silent: 40 * time.Second}
		}
		p.ch.mu.Unlock()
		p.play(20*time.Second, 0)
		h := p.ch.health(3 * time.Second)
		if !h.Live || h.Protocol != "RTMP" || h.Video == "" || h.Audio == "" || h.Bitrate == 0 || h.Encoder != "demo" || h.RTT == nil || *h.RTT != 30 {
			t.Errorf("health = %+v", h)
		}
		if h.Uptime < 19 || h.Uptime > 20 || h.Latency != 3000 || h.GOP == 0 {
			t.Errorf("uptime %v, latency %v, GOP %v", h.Uptime, h.Latency, h.GOP)
		}
		if len(h.Advice) != 1 || h.Advice[0] != "The sound has been silent for 30 s: look for a muted source in the encoder's audio mixer." {
			t.Errorf("advice = %q", h.Advice)
		}
		time.Sleep(5 * time.Second)
		h = p.ch.health(3 * time.Second)
		if h.Live || h.Protocol != "RTMP" || len(h.Advice) != 1 || h.Advice[0] != "Nothing has arrived for 5 s: check the encoder and its connection." {
			t.Errorf("stalled: live %v over %s, advice %q", h.Live, h.Protocol, h.Advice)
		}
		p.ch.End(nil)
		if h = p.ch.health(3 * time.Second); h.Live || h.Protocol != "" || len(h.Advice) != 0 || h.Bitrate != 0 {
			t.Errorf("after the end: %+v", h)
		}
	})
}
