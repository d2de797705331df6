package rtsp

import (
	"strconv"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// maxBits is the widest field of an AU header. Spec: RFC 3640 §4.1.
const maxBits = 16

// readable reports whether reading a session description ends without a panic.
// What is wrong with it otherwise the library says.
func readable(body []byte) (ok bool) {
	defer func() { ok = recover() == nil }()
	if sdp, err := sdpunmarshaler.Unmarshal(body); err == nil {
		_ = new(description.Session).Unmarshal2(sdp)
	}
	return true
}

// track is one announced track.
type track struct {
	id     int // from 1
	medium *description.Media
	format format.Format
	codec  media.Codec
	rate   int // RTP clock, Hz
	decode decoder
}

// tracksOf reads an ANNOUNCE. Sections that are neither video nor audio are
// refused too: nothing may be set up that is not taken.
//
// Errors: *ingest.Error.
func tracksOf(desc *description.Session) ([]*track, error) {
	if n := len(desc.Medias); n == 0 || n > ingest.MaxTracks {
		return nil, ingest.Errorf(ingest.CodeUnsupportedCodec, "%d tracks: send at least one and at most %d", n, ingest.MaxTracks)
	}
	var tracks []*track
	for i, m := range desc.Medias {
		if len(m.Formats) != 1 {
			return nil, ingest.Errorf(ingest.CodeUnsupportedCodec, "a track with %d formats: announce one for each track", len(m.Formats))
		}
		t := &track{id: i + 1, medium: m, format: m.Formats[0]}
		if err := t.setCodec(); err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	return tracks, nil
}

func (t *track) setCodec() error {
	switch f := t.format.(type) {
	case *format.H264:
		return t.setH264(f)
	case *format.MPEG4Audio:
		return t.setAAC(f)
	case *format.H265:
		return ingest.Unsupported("H.265 video")
	case *format.MPEG1Audio:
		return ingest.Unsupported("MPEG-1/2 audio (MP2, MP3)")
	case *format.MPEG1Video:
		return ingest.Unsupported("MPEG-1/2 video")
	}
	return ingest.Unsupported("codec " + strconv.QuoteToASCII(t.format.RTPMap()))
}

// reset forgets what has been collected of an access unit.
func (t *track) reset() {
	switch f := t.format.(type) {
	case *format.H264:
		if d, err := f.CreateDecoder(); err == nil {
			t.decode = d.Decode
		}
	case *format.MPEG4Audio:
		if d, err := f.CreateDecoder(); err == nil {
			t.decode = d.Decode
		}
	}
}

func (t *track) setH264(f *format.H264) error {
	if t.reset(); t.decode == nil {
		return ingest.Errorf(ingest.CodeMalformed, "the video track cannot be read: use H.264 packetization-mode 1")
	}
	codec := new(media.H264)
	if len(f.SPS) > 0 && len(f.PPS) > 0 {
		ingest.Learn(codec, [][]byte{f.SPS, f.PPS})
	}
	t.codec, t.rate = codec, f.ClockRate()
	return nil
}

func (t *track) setAAC(f *format.MPEG4Audio) error {
	if f.SizeLength > maxBits || f.IndexLength > maxBits || f.IndexDeltaLength > maxBits {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has AU headers wider than %d bits: use mode AAC-hbr", maxBits)
	}
	if t.reset(); t.decode == nil || f.Config.SampleRate <= 0 {
		return ingest.Errorf(ingest.CodeMalformed, "the audio track has no AAC configuration")
	}
	t.codec, t.rate = &media.AAC{Config: *f.Config}, f.ClockRate()
	if ext := f.Config.ExtensionSampleRate; ext > 0 { // RTP counts what is heard
		t.rate = ext
	}
	return nil
}
