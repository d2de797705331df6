package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/timeline"
)

var protocolNames = map[string]string{"rtmp": "RTMP", "srt": "SRT", "rtsp": "RTSP"}

// describeVideo is a line such as "H.264 1280×720 30 fps".
func describeVideo(s packager.Stats) string {
	if s.VideoCodec == "" {
		return ""
	}
	rate := strconv.FormatFloat(math.Round(s.FrameRate*100)/100, 'f', -1, 64)
	return fmt.Sprintf("H.264 %d×%d %s fps", s.Width, s.Height, rate)
}

// describeAudio is a line such as "AAC 48 kHz stereo".
func describeAudio(s packager.Stats) string {
	if s.AudioCodec == "" {
		return ""
	}
	layout := map[int]string{1: "mono", 2: "stereo"}[s.Channels]
	if layout == "" {
		layout = fmt.Sprintf("%d channels", s.Channels)
	}
	return fmt.Sprintf("AAC %s kHz %s", strconv.FormatFloat(float64(s.SampleRate)/1000, 'f', -1, 64), layout)
}

// health is the channel at a glance.
func (c *channel) health(latency time.Duration) wire.Health {
	now := time.Now()
	c.mu.Lock()
	live, on, info, idle := c.liveLocked(c.room.At(now)), c.on, c.info, c.room.At(now).Sub(c.heard)
	c.mu.Unlock()
	m := c.current.Load()
	h := wire.Health{
		Live:    live,
		State:   m.State.String(),
		PPM:     m.PPM,
		Latency: latency.Milliseconds(),
		Advice:  []string{},
	}
	if !on {
		return h
	}
	stats := c.packager.Stats()
	h.Protocol = protocolNames[info.Protocol]
	h.Uptime = now.Sub(info.Started).Seconds()
	h.Video, h.Audio = describeVideo(stats), describeAudio(stats)
	h.Bitrate = int64(stats.Bitrate)
	h.GOP = stats.GOP.Seconds()
	h.Advice = advice(stats, c.segment, m, live, idle)
	return h
}

// advice says in plain words what the broadcaster should change.
func advice(s packager.Stats, segment time.Duration, m *timeline.Map, live bool, idle time.Duration) []string {
	out := []string{}
	if !live {
		out = append(out, fmt.Sprintf("Nothing has arrived for %.0f s: check the encoder and its connection.", idle.Seconds()))
	}
	if s.GOP > segment+segment/10 {
		out = append(out, fmt.Sprintf("Key frames come every %.1f s: set the key-frame interval to 1 or 2 s in the encoder.", s.GOP.Seconds()))
	}
	if s.VideoCodec == "" {
		out = append(out, "There is no picture: the encoder sends sound only.")
	}
	if s.AudioCodec == "" {
		out = append(out, "There is no sound: the encoder sends pictures only.")
	}
	if m.State == timeline.Locked && m.Residual > 20*time.Millisecond {
		out = append(out, fmt.Sprintf("The connection is uneven by %d ms: a cable or a lower bitrate helps.", m.Residual.Milliseconds()))
	}
	return out
}
