package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/interact/wire"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager"
	"github.com/cuelight/cuelight/sync/timeline"
)

var protocolNames = map[string]string{
	"rtmp": "RTMP", "rtmps": "RTMPS", "srt": "SRT", "rtsp": "RTSP", "whip": "WHIP", "hls": "HLS",
}

// codecNames are what people call what a CODECS value begins with.
var codecNames = []struct{ prefix, name string }{
	{"avc1", "H.264"}, {"avc3", "H.264"}, {"hvc1", "HEVC"}, {"hev1", "HEVC"}, {"av01", "AV1"},
	{"mp4a.40.29", "HE-AAC v2"}, {"mp4a.40.5", "HE-AAC"}, {"mp4a.40", "AAC"}, {"opus", "Opus"},
}

func codecName(codecs string) string {
	for _, c := range codecNames {
		if strings.HasPrefix(strings.ToLower(codecs), c.prefix) {
			return c.name
		}
	}
	return codecs
}

// describeVideo is a line such as "H.264 1280×720 30 fps".
func describeVideo(s packager.Stats) string {
	if s.VideoCodec == "" {
		return ""
	}
	line := codecName(s.VideoCodec)
	if s.Width > 0 {
		line += fmt.Sprintf(" %d×%d", s.Width, s.Height)
	}
	if s.FrameRate > 0 {
		line += fmt.Sprintf(" %s fps", short(s.FrameRate))
	}
	return line
}

// describeAudio is a line such as "AAC 48 kHz stereo".
func describeAudio(s packager.Stats) string {
	if s.AudioCodec == "" {
		return ""
	}
	layout := map[int]string{1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[s.Channels]
	if layout == "" {
		layout = fmt.Sprintf("%d channels", s.Channels)
	}
	return fmt.Sprintf("%s %s kHz %s", codecName(s.AudioCodec), short(float64(s.SampleRate)/1000), layout)
}

// short writes a number with at most two decimals.
func short(v float64) string { return strconv.FormatFloat(round(v, 2), 'f', -1, 64) }

func round(v float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return math.Round(v*unit) / unit
}

func milliseconds(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 1) }

// facts are what is known of a channel at one moment.
type facts struct {
	at        time.Time
	on, live  bool // a session is running; media arrives
	ended     bool // the event is over, and the next one has not begun
	info      ingest.Info
	tracks    []media.Track
	idle      time.Duration // since media arrived
	latency   time.Duration // target latency L
	part      time.Duration // PART-TARGET
	behind    time.Duration // R less P of the newest media
	ladderLag time.Duration // by how much the slowest of the ladder's pictures come later
	segment   time.Duration // TARGETDURATION
	ingest    ingest.Stats
	media     packager.Stats
	timeline  *timeline.Map
	ladder    *wire.HealthLadder // nil without one
	dropping  bool               // packets have lately not come at all
	refused   string             // why the stream that the channel fetches does not come
}

func (f facts) uptime() time.Duration { return f.at.Sub(f.info.Started) }

// gop is the distance of key frames, 0 while unknown.
func (f facts) gop() time.Duration {
	gop := f.media.GOP
	for _, t := range f.ingest.Tracks {
		if gop == 0 {
			gop = t.GOP
		}
	}
	return gop
}

func (f facts) reorder() time.Duration {
	longest := time.Duration(0)
	for _, t := range f.ingest.Tracks {
		longest = max(longest, t.Reorder)
	}
	return longest
}

// bitrate is the mean of the last five seconds, bits/s. A single second is more
// or less by a key frame.
func (f facts) bitrate() float64 {
	last := f.ingest.Bitrates
	if len(last) == 0 {
		return float64(f.media.Bitrate)
	}
	return mean(last[max(0, len(last)-5):])
}

// counts says whether a count of packets means anything: over TCP nobody counts
// them.
func (f facts) counts(packets uint64) bool { return packets > 0 || f.ingest.Link.Loss >= 0 }

// facts asks every part of the channel.
func (c *channel) facts(latency time.Duration) facts {
	now := time.Now()
	at := c.room.At(now)
	c.mu.Lock()
	f := facts{
		at: now, on: c.on, live: c.liveLocked(at), ended: c.ended != 0, info: c.info, tracks: c.tracks,
		latency: latency, segment: c.segment, part: c.part, ladderLag: c.lag.Duration(),
		behind: at.Sub(c.current.Load().At(c.edge)),
		idle:   at.Sub(max(c.heard, c.room.At(c.info.Started))),
	}
	c.mu.Unlock()
	f.timeline, f.media, f.ladder = c.current.Load(), c.event.Load().Stats(), c.ladderHealth()
	if c.source != nil {
		_, f.refused = c.source.State()
	}
	f.ingest = ingest.Stats{Link: ingest.Link{Loss: -1}}
	if f.info.Stats != nil {
		f.ingest = f.info.Stats()
	}
	return f
}

// health is the channel at a glance.
func (c *channel) health(latency time.Duration) wire.Health {
	f := c.facts(latency)
	h := f.health()
	for _, a := range c.advice(f) {
		h.Advice = append(h.Advice, a.text)
	}
	return h
}

// health is what the facts look like on the wire, without advice.
func (f facts) health() wire.Health {
	h := wire.Health{
		Live:    f.live,
		Ended:   f.ended,
		State:   f.timeline.State.String(),
		PPM:     round(f.timeline.PPM, 1),
		Latency: f.latency.Milliseconds(),
		Ladder:  f.ladder,
		Advice:  []string{},
	}
	if !f.on {
		return h
	}
	h.Protocol = protocolNames[f.info.Protocol]
	h.Uptime = round(f.uptime().Seconds(), 1)
	h.Video, h.Audio = describeVideo(f.media), describeAudio(f.media)
	h.GOP = round(f.gop().Seconds(), 2)
	h.Residual, h.Jitter = milliseconds(f.timeline.Residual), milliseconds(f.timeline.Jitter)
	h.Reorder = milliseconds(f.reorder())
	h.Encoder, h.Encryption = f.ingest.Link.Encoder, f.ingest.Link.Encryption
	f.rates(&h)
	f.link(&h)
	return h
}

func (f facts) rates(h *wire.Health) {
	h.Bitrate = int64(f.bitrate())
	for _, b := range f.ingest.Bitrates {
		h.Bitrates = append(h.Bitrates, int64(b))
	}
	if f.ingest.HasAVOffset {
		offset := milliseconds(f.ingest.AVOffset)
		h.AVOffset = &offset
	}
	for _, r := range f.media.Renditions {
		h.Renditions = append(h.Renditions, wire.HealthRendition{
			Name: r.Name, Codec: codecName(r.Codec), Width: r.Width, Height: r.Height,
			FPS: round(r.FrameRate, 2), Bitrate: int64(r.Bitrate), Derived: r.Derived,
		})
	}
}

func (f facts) link(h *wire.Health) {
	l := f.ingest.Link
	h.LinkLatency = l.Latency.Milliseconds()
	if l.RTT > 0 {
		rtt := milliseconds(l.RTT)
		h.RTT = &rtt
	}
	if l.Loss >= 0 {
		loss := round(l.Loss, 4)
		h.Loss = &loss
	}
	if f.counts(l.Retransmitted) {
		h.Retransmits = &l.Retransmitted
	}
	if f.counts(l.Dropped) {
		h.Dropped = &l.Dropped
	}
}

func mean(values []int) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(max(1, len(values)))
}
