package srt

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/substructs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// audio is what a sound track needs from one PES packet to the next.
type audio struct {
	rest []byte // the beginning of a frame whose end is in the next packet
	at   clock.Ticks
	mux  *mpeg4audio.StreamMuxConfig // LATM
}

// adts takes frames of AAC with ADTS headers. The container stamps the first
// that begins in a packet.
func (in *intake) adts(t *track, at clock.Ticks, data []byte) error {
	start := at
	if n := len(t.audio.rest); n > 0 {
		data = append(t.audio.rest[:n:n], data...)
		start = t.audio.at
	}
	first := len(t.audio.rest) == 0
	t.audio.rest = nil
	for len(data) > 0 {
		f, n, ok := parseADTS(data)
		if !ok && n == 0 {
			t.audio.rest, t.audio.at = bytes.Clone(data), start
			return nil
		}
		data = data[n:]
		if !ok {
			continue
		}
		if f.config.ChannelConfig == 0 {
			return ingest.Unsupported("AAC with a channel layout of its own")
		}
		in.configure(t, f.config)
		if err := in.sound(t, start, f.unit); err != nil {
			return err
		}
		start += samples(1, f.config)
		if !first {
			start, first = at, true
		}
	}
	return nil
}

// configure notes the configuration of AAC. Another one than before is another
// codec (rule IG33).
func (in *intake) configure(t *track, config mpeg4audio.AudioSpecificConfig) {
	if t.known && sameConfig(t.codec.(*media.AAC).Config, config) {
		return
	}
	t.codec, t.known = &media.AAC{Config: config}, true
	in.changed = true
}

func sameConfig(a, b mpeg4audio.AudioSpecificConfig) bool {
	x, err1 := a.Marshal()
	y, err2 := b.Marshal()
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// sound writes one access unit.
func (in *intake) sound(t *track, at clock.Ticks, unit []byte) error {
	return in.write(media.Frame{Track: int(t.pid), PTS: at, DTS: at, Key: true, Units: [][]byte{unit}})
}

// samples is how long n access units of AAC last.
func samples(n int, c mpeg4audio.AudioSpecificConfig) clock.Ticks {
	perUnit := 1024
	if c.FrameLengthFlag {
		perUnit = 960
	}
	return clock.Ticks(n * perUnit * clock.TicksPerSecond / max(c.SampleRate, 1))
}

// opus takes packets of Opus, each behind a header of MPEG-TS.
func (in *intake) opus(t *track, at clock.Ticks, data []byte) error {
	const rate = 48000
	for len(data) > 0 {
		var au substructs.OpusAccessUnit
		n, err := au.Unmarshal(data)
		if err != nil || n == 0 {
			return nil
		}
		data = data[n:]
		if len(au.Packet) == 0 {
			continue
		}
		if err := in.sound(t, at, au.Packet); err != nil {
			return err
		}
		at += clock.Ticks(opus.PacketDuration2(au.Packet) * clock.TicksPerSecond / rate)
	}
	return nil
}
