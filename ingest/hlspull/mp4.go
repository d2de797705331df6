package hlspull

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// mp4Track is a track of an initialisation section.
type mp4Track struct {
	index int
	scale uint64 // units per second
	codec media.Codec
}

// demuxMP4 reads fragments. Every video track's first key frame is given the
// parameter sets of its initialisation section, which may be new.
func demuxMP4(sets, data []byte) (contents, error) {
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(sets)); err != nil {
		return contents{}, unreadable("initialisation section")
	}
	var c contents
	tracks := make(map[int]*mp4Track)
	for _, t := range init.Tracks {
		codec, err := codecOfMP4(t.Codec)
		if err != nil {
			return contents{}, err
		}
		if t.TimeScale == 0 {
			return contents{}, unreadable("time scale")
		}
		tracks[t.ID] = &mp4Track{len(c.codecs), uint64(t.TimeScale), codec}
		c.codecs = append(c.codecs, codec)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data); err != nil {
		return contents{}, unreadable("fragment")
	}
	for _, p := range parts {
		for _, pt := range p.Tracks {
			if t := tracks[pt.ID]; t != nil {
				if err := t.read(pt, &c); err != nil {
					return contents{}, err
				}
			}
		}
	}
	return c, nil
}

// maxTime keeps scaled times within 63 bits: 3000 years.
const maxTime = 100_000_000_000

func (t *mp4Track) read(pt *fmp4.PartTrack, c *contents) error {
	if pt.BaseTime/t.scale > maxTime {
		return unreadable("time")
	}
	at := pt.BaseTime
	for _, s := range pt.Samples {
		units, err := t.units(s.Payload)
		if err != nil {
			return err
		}
		dts := t.ticks(at)
		pts := dts + clock.Ticks(int64(s.PTSOffset)*clock.TicksPerSecond/int64(t.scale))
		c.samples = append(c.samples, sample{t.index, pts, dts, units})
		at += uint64(s.Duration)
	}
	return nil
}

func (t *mp4Track) ticks(v uint64) clock.Ticks {
	return clock.Ticks(v/t.scale*clock.TicksPerSecond + v%t.scale*clock.TicksPerSecond/t.scale)
}

func (t *mp4Track) units(payload []byte) ([][]byte, error) {
	switch t.codec.(type) {
	case *media.H264, *media.HEVC:
		var au h264.AVCC
		if err := au.Unmarshal(payload); err != nil {
			return nil, unreadable("picture")
		}
		return au, nil
	case *media.AV1:
		return temporalUnit(payload)
	}
	return [][]byte{payload}, nil
}

// Fields of an OBU's first byte. Spec: AV1 §5.3.2.
const (
	obuHasSize   = 0x02
	obuExtension = 0x04
)

// temporalUnit takes the OBUs of a sample apart; the last one needs no size.
// Spec: AV1 Codec ISO Media File Format Binding §2.4.
func temporalUnit(b []byte) ([][]byte, error) {
	var units [][]byte
	for len(b) > 0 {
		first := b[0]
		header := 1
		if first&obuExtension != 0 {
			header = 2
		}
		if len(b) < header {
			return nil, unreadable("picture")
		}
		unit, rest := b, []byte(nil)
		if first&obuHasSize != 0 {
			var size av1.LEB128
			n, err := size.Unmarshal(b[header:])
			if err != nil || uint64(size) > uint64(len(b)-header-n) {
				return nil, unreadable("picture")
			}
			body := header + n
			rest = b[body+int(size):]
			unit = append([]byte{first &^ obuHasSize}, b[1:header]...)
			unit = append(unit, b[body:body+int(size)]...)
		}
		if av1.OBUType(first>>3&0xf) != av1.OBUTypeTemporalDelimiter {
			units = append(units, unit)
		}
		b = rest
	}
	return units, nil
}

func codecOfMP4(codec codecs.Codec) (media.Codec, error) {
	switch c := codec.(type) {
	case *codecs.H264:
		return &media.H264{SPS: c.SPS, PPS: c.PPS}, nil
	case *codecs.H265:
		return &media.HEVC{VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}, nil
	case *codecs.AV1:
		return &media.AV1{SequenceHeader: bareHeader(c.SequenceHeader)}, nil
	case *codecs.MPEG4Audio:
		return &media.AAC{Config: c.Config}, nil
	case *codecs.Opus:
		return &media.Opus{Channels: c.ChannelCount}, nil
	}
	return nil, ingest.Unsupported(nameOf(codec))
}

// bareHeader returns nil for a sequence header that makes no sense or is not
// there.
func bareHeader(b []byte) []byte {
	if units, err := temporalUnit(b); err == nil && len(units) > 0 {
		return units[0]
	}
	return nil
}

// names are what people call codecs whose types the libraries call otherwise.
var names = map[string]string{"AC3": "AC-3", "EAC3": "E-AC-3", "MPEG1Audio": "MPEG-1/2 audio (MP2, MP3)", "MPEG1Video": "MPEG-1/2 video", "MPEG4Video": "MPEG-4 part 2 video", "MPEG4AudioLATM": "AAC in LATM"}

func nameOf(codec any) string {
	name := fmt.Sprintf("%T", codec)
	name = name[strings.LastIndexByte(name, '.')+1:]
	if known := names[name]; known != "" {
		return known
	}
	return name
}
