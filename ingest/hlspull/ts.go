package hlspull

import (
	"bytes"
	"errors"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const tsSync = 0x47

// demuxTS reads a segment of MPEG-TS, which has its own tables.
func demuxTS(data []byte) (contents, error) {
	if len(data) == 0 || data[0] != tsSync {
		return contents{}, ingest.Errorf(ingest.CodeMalformed, "the source's segments are neither MPEG-TS nor fragmented MP4")
	}
	r := &mpegts.Reader{R: bytes.NewReader(data)}
	if err := r.Initialize(); err != nil {
		return contents{}, unreadable("transport stream")
	}
	c := &contents{wraps: true}
	for _, t := range r.Tracks() {
		if err := c.addTS(r, t); err != nil {
			return contents{}, err
		}
	}
	for {
		switch err := r.Read(); {
		case errors.Is(err, io.EOF):
			return *c, nil
		case err != nil:
			return contents{}, unreadable("transport stream")
		}
	}
}

// addTS takes up a track; those of data are ignored.
func (c *contents) addTS(r *mpegts.Reader, t *mpegts.Track) error {
	at := len(c.codecs)
	pictures := func(pts, dts int64, au [][]byte) error {
		c.samples = append(c.samples, sample{at, clock.Ticks(pts), clock.Ticks(dts), au})
		return nil
	}
	switch codec := t.Codec.(type) {
	case *codecs.H264:
		c.codecs = append(c.codecs, new(media.H264))
		r.OnDataH264(t, pictures)
	case *codecs.H265:
		c.codecs = append(c.codecs, new(media.HEVC))
		r.OnDataH265(t, pictures)
	case *codecs.MPEG4Audio:
		c.codecs = append(c.codecs, &media.AAC{Config: codec.Config})
		rate := clock.Ticks(codec.Config.SampleRate)
		r.OnDataMPEG4Audio(t, func(pts int64, aus [][]byte) error { return c.sound(at, pts, aus, rate, samplesOfAAC) })
	case *codecs.Opus:
		c.codecs = append(c.codecs, &media.Opus{Channels: channelsOf(codec)})
		r.OnDataOpus(t, func(pts int64, packets [][]byte) error {
			return c.sound(at, pts, packets, rateOfOpus, opus.PacketDuration2)
		})
	case *codecs.KLV, *codecs.DVBSubtitle, *codecs.Unsupported:
	default:
		return ingest.Unsupported(nameOf(codec))
	}
	return nil
}

// sound adds what one packet holds: only its first unit has a timestamp.
func (c *contents) sound(track int, pts int64, units [][]byte, rate clock.Ticks, samples func([]byte) int64) error {
	var after int64
	for _, u := range units {
		at := clock.Ticks(pts) + clock.Ticks(after)*clock.TicksPerSecond/rate
		c.samples = append(c.samples, sample{track, at, at, [][]byte{u}})
		after += samples(u)
	}
	return nil
}

const rateOfOpus = 48000

func samplesOfAAC([]byte) int64 { return mpeg4audio.SamplesPerAccessUnit }

func channelsOf(c *codecs.Opus) int {
	if c.Desc != nil {
		return c.Desc.ChannelCount()
	}
	return c.ChannelCount
}
