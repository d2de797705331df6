package rtmp

import (
	"bytes"
	"errors"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// unannounced is how much media to wait for a second kind of track when
	// nothing says whether there is one.
	unannounced = clock.TicksPerSecond
	// late is how much media to wait for a track that was announced.
	late = 2 * clock.TicksPerSecond
)

// trackKey is how RTMP names a track.
type trackKey struct {
	kind media.Kind
	id   uint8 // of a multitrack message, else 0
}

// track is one track as it is being learned.
type track struct {
	id    int
	codec media.Codec
	// fresh are parameter sets that changed after Begin and have not yet been
	// seen by the Output: the next frame carries them.
	fresh [][]byte
}

// intake turns RTMP messages into the calls of one session. It begins the
// session at the first coded frame after every announced track is known; the
// specification puts all codec configurations before the frames.
type intake struct {
	session *ingest.Session
	clock   *ingest.Unwrapper
	said    announced
	tracks  map[trackKey]*track
	order   []*track
	begun   bool
	first   clock.Ticks // of the first coded frame
	coded   bool        // there was one
}

// counterBits is how many bits of RTMP's millisecond counter are believed. It
// has 32, but encoders that build on the FLV format, whose timestamps are
// signed, clear the highest one and begin again after 24.9 days. Without that
// bit both kinds count on.
const counterBits = 31

func newIntake(session *ingest.Session) *intake {
	return &intake{session: session, clock: ingest.NewUnwrapper(counterBits), tracks: make(map[trackKey]*track)}
}

// take handles one message that had arrived whole at arrival.
func (in *intake) take(msg message.Message, arrival time.Time) error {
	switch m := msg.(type) {
	case *message.DataAMF0:
		return in.metadata(m)
	case *message.Video:
		return in.video(m, arrival)
	case *message.Audio:
		return in.audio(m, arrival)
	case *message.VideoExMultitrack:
		return in.videoEx(m.Wrapped, m.TrackID, arrival)
	case *message.AudioExMultitrack:
		return in.audioEx(m.Wrapped, m.TrackID, arrival)
	}
	if err := in.videoEx(msg, 0, arrival); err != nil {
		return err
	}
	return in.audioEx(msg, 0, arrival)
}

func (in *intake) metadata(m *message.DataAMF0) error {
	a := announce(m)
	if a.unsupported != "" {
		return ingest.Unsupported(a.unsupported)
	}
	if a.known {
		in.said = a
	}
	return nil
}

func (in *intake) video(m *message.Video, arrival time.Time) error {
	if m.Codec != message.CodecH264 {
		return ingest.Unsupported(nameOf(videoNames, float64(m.Codec)))
	}
	switch m.Type {
	case message.VideoTypeConfig:
		return in.avcConfig(0, m.AVCConfig)
	case message.VideoTypeAU:
		return in.avcFrame(0, m.DTS, m.PTSDelta, m.AU, arrival)
	}
	return nil
}

func (in *intake) videoEx(msg message.Message, id uint8, arrival time.Time) error {
	switch m := msg.(type) {
	case *message.VideoExSequenceStart:
		if m.FourCC == message.FourCCAVC {
			return in.avcConfig(id, m.AVCConfig)
		}
		return unsupportedVideo(m.FourCC)
	case *message.VideoExCodedFrames:
		if m.FourCC == message.FourCCAVC {
			return in.avcFrame(id, m.DTS, m.PTSDelta, m.Payload, arrival)
		}
		return unsupportedVideo(m.FourCC)
	case *message.VideoExFramesX:
		if m.FourCC == message.FourCCAVC {
			return in.avcFrame(id, m.DTS, 0, m.Payload, arrival)
		}
		return unsupportedVideo(m.FourCC)
	}
	return nil
}

func unsupportedVideo(c message.FourCC) error {
	return ingest.Unsupported(nameOf(videoNames, fourCCText(c)))
}

func (in *intake) audio(m *message.Audio, arrival time.Time) error {
	if m.Codec != message.CodecMPEG4Audio {
		return ingest.Unsupported(nameOf(audioNames, float64(m.Codec)))
	}
	if m.AACType == message.AudioAACTypeConfig {
		return in.aacConfig(0, m.AACConfig)
	}
	return in.aacFrame(0, m.DTS, m.AU, arrival)
}

func (in *intake) audioEx(msg message.Message, id uint8, arrival time.Time) error {
	switch m := msg.(type) {
	case *message.AudioExSequenceStart:
		if m.FourCC != message.FourCCMP4A {
			return ingest.Unsupported(nameOf(audioNames, fourCCText(m.FourCC)))
		}
		return in.aacConfig(id, m.AACConfig)
	case *message.AudioExCodedFrames:
		if m.FourCC != message.FourCCMP4A {
			return ingest.Unsupported(nameOf(audioNames, fourCCText(m.FourCC)))
		}
		return in.aacFrame(id, m.DTS, m.Payload, arrival)
	}
	return nil
}

func (in *intake) avcConfig(id uint8, c *mp4.AVCDecoderConfiguration) error {
	if c == nil || len(c.SequenceParameterSets) == 0 || len(c.PictureParameterSets) == 0 {
		return ingest.Errorf(ingest.CodeMalformed, "the H.264 configuration has no parameter sets: restart the encoder")
	}
	if c.LengthSizeMinusOne != 3 {
		return ingest.Errorf(ingest.CodeMalformed, "H.264 units with lengths of %d bytes: 4 are supported", c.LengthSizeMinusOne+1)
	}
	sps, pps := c.SequenceParameterSets[0].NALUnit, c.PictureParameterSets[0].NALUnit
	t := in.tracks[trackKey{media.Video, id}]
	if t == nil {
		return in.add(trackKey{media.Video, id}, &media.H264{SPS: sps, PPS: pps})
	}
	old := t.codec.(*media.H264)
	if !bytes.Equal(old.SPS, sps) || !bytes.Equal(old.PPS, pps) {
		t.codec = &media.H264{SPS: sps, PPS: pps}
		t.fresh = [][]byte{sps, pps}
	}
	return nil
}

func (in *intake) aacConfig(id uint8, c *mpeg4audio.AudioSpecificConfig) error {
	if c == nil {
		return nil // some encoders send an empty one first
	}
	key := trackKey{media.Audio, id}
	t := in.tracks[key]
	if t == nil {
		return in.add(key, &media.AAC{Config: *c})
	}
	if in.begun && t.codec.(*media.AAC).Config != *c {
		return ingest.Errorf(ingest.CodeMalformed, "the audio format changed: restart the encoder")
	}
	t.codec = &media.AAC{Config: *c}
	return nil
}

func (in *intake) add(key trackKey, codec media.Codec) error {
	if len(in.order) == ingest.MaxTracks {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "more than %d tracks", ingest.MaxTracks)
	}
	t := &track{id: len(in.order) + 1, codec: codec}
	in.tracks[key] = t
	in.order = append(in.order, t)
	return nil
}

func (in *intake) avcFrame(id uint8, dts, delta time.Duration, payload []byte, arrival time.Time) error {
	at := in.stamp(dts, arrival)
	t := in.tracks[trackKey{media.Video, id}]
	if t == nil {
		return nil // no configuration yet: nothing can be decoded
	}
	var units h264.AVCC
	if err := units.Unmarshal(payload); err != nil {
		if errors.Is(err, h264.ErrAVCCNoNALUs) {
			return nil
		}
		return ingest.Errorf(ingest.CodeMalformed, "an H.264 frame makes no sense: %v", err)
	}
	if !ingest.HasPicture(t.codec, units) {
		return nil
	}
	if t.fresh != nil {
		units, t.fresh = append(t.fresh, units...), nil
	}
	f := media.Frame{Track: t.id, DTS: at, PTS: at + compositionOffset(delta), Key: ingest.IsKey(t.codec, units), Units: units}
	return in.write(f)
}

// compositionOffset reads the 24-bit composition time, which is signed although
// the library takes it as it is.
func compositionOffset(delta time.Duration) clock.Ticks {
	const sign, wrap = 1 << 23, 1 << 24
	ms := delta.Milliseconds()
	if ms >= sign {
		ms -= wrap
	}
	return clock.Ticks(ms) * ingest.TicksPerMilli
}

func (in *intake) aacFrame(id uint8, dts time.Duration, payload []byte, arrival time.Time) error {
	at := in.stamp(dts, arrival)
	t := in.tracks[trackKey{media.Audio, id}]
	if t == nil || len(payload) == 0 {
		return nil
	}
	return in.write(media.Frame{Track: t.id, DTS: at, PTS: at, Key: true, Units: [][]byte{payload}})
}

// stamp unwraps a message's timestamp and reports its arrival.
func (in *intake) stamp(dts time.Duration, arrival time.Time) clock.Ticks {
	at := clock.Ticks(in.clock.Unwrap(uint64(dts.Milliseconds()))) * ingest.TicksPerMilli
	in.session.Observe(ingest.Observation{DTS: at, Arrival: arrival})
	if !in.coded {
		in.coded, in.first = true, at
	}
	return at
}

func (in *intake) write(f media.Frame) error {
	if !in.begun && in.complete(f.DTS) {
		in.begun = true
		if err := in.session.Begin(in.list()); err != nil {
			return err
		}
	}
	return in.session.Write(f)
}

// complete reports whether no further track is worth waiting for.
func (in *intake) complete(now clock.Ticks) bool {
	video, audio := in.has(media.Video), in.has(media.Audio)
	waited := now - in.first
	if in.said.known {
		return (video || !in.said.video) && (audio || !in.said.audio) || waited >= late
	}
	return video && audio || waited >= unannounced
}

func (in *intake) has(kind media.Kind) bool {
	for key := range in.tracks {
		if key.kind == kind {
			return true
		}
	}
	return false
}

func (in *intake) list() []media.Track {
	var tracks []media.Track
	for _, t := range in.order {
		t.fresh = nil
		tracks = append(tracks, media.Track{ID: t.id, Codec: t.codec})
	}
	return tracks
}
