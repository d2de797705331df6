package ingest

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/cuelight/cuelight/internal/media"
)

// MaxTracks is how many tracks one session may have.
const MaxTracks = 8

// track is what a session knows about one track.
type track struct {
	order
	id    int
	video bool
	keyed bool        // has had a key frame since the last Change
	codec media.Codec // with the parameter sets that are in force
	trackHealth
}

// setTracks checks the tracks and makes them the session's. One that stays, by
// id and kind, keeps its place in time.
func (s *Session) setTracks(tracks []media.Track) error {
	if len(tracks) == 0 || len(tracks) > MaxTracks {
		return Errorf(CodeUnsupportedCodec, "%d tracks: send at least one and at most %d", len(tracks), MaxTracks)
	}
	known := make(map[int]*track, len(tracks))
	list := make([]*track, 0, len(tracks))
	for _, t := range tracks {
		if err := s.registry.cfg.check(t.Codec); err != nil {
			return err
		}
		if known[t.ID] != nil {
			return Errorf(CodeMalformed, "two tracks are called %d: restart the encoder", t.ID)
		}
		next := &track{id: t.ID, video: t.Codec.Kind() == media.Video, codec: copyOf(t.Codec)}
		if old := s.tracks[t.ID]; old != nil && old.video == next.video {
			next.order = old.order
		}
		known[t.ID] = next
		list = append(list, next)
	}
	s.tracks = known
	s.healthMu.Lock()
	s.health.setTracks(list)
	s.healthMu.Unlock()
	return nil
}

// copyOf returns a video codec whose parameter sets can be replaced.
func copyOf(codec media.Codec) media.Codec {
	switch c := codec.(type) {
	case *media.H264:
		own := *c
		return &own
	case *media.HEVC:
		own := *c
		return &own
	case *media.AV1:
		own := *c
		return &own
	}
	return codec
}

// check says why a track cannot be taken.
func (c Config) check(codec media.Codec) error {
	if err := checkCodec(codec); err != nil {
		return err
	}
	if codec.Kind() != media.Video {
		return nil
	}
	width, height, ok := sizeOf(codec)
	if !ok {
		return Errorf(CodeMalformed, "the %s parameter sets give no size: restart the encoder", codec.Name())
	}
	if !c.allows(width, height) {
		return Errorf(CodeResolution, "pictures of %d×%d: send at most %d×%d", width, height, c.MaxWidth, c.MaxHeight)
	}
	return nil
}

// allows reports whether pictures are small enough, either way round.
func (c Config) allows(width, height int) bool {
	return width <= c.MaxWidth && height <= c.MaxHeight || width <= c.MaxHeight && height <= c.MaxWidth
}

func checkCodec(codec media.Codec) error {
	switch c := codec.(type) {
	case *media.H264:
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil || len(c.PPS) == 0 {
			return Errorf(CodeMalformed, "the H.264 parameter sets make no sense: restart the encoder")
		}
	case *media.HEVC:
		var sps h265.SPS
		if err := sps.Unmarshal(c.SPS); err != nil || len(c.VPS) == 0 || len(c.PPS) == 0 {
			return Errorf(CodeMalformed, "the HEVC parameter sets make no sense: restart the encoder")
		}
	case *media.AV1:
		var header av1.SequenceHeader
		if err := header.Unmarshal(withoutExtension(c.SequenceHeader)); err != nil {
			return Errorf(CodeMalformed, "the AV1 sequence header makes no sense: restart the encoder")
		}
	case *media.Opus:
		if c.Channels < 1 || c.Channels > 8 {
			return Errorf(CodeMalformed, "Opus with %d channels: send 1 to 8", c.Channels)
		}
	case *media.AAC:
		if c.Config.SampleRate <= 0 || c.Config.Type == 0 {
			return Errorf(CodeMalformed, "the AAC configuration makes no sense: restart the encoder")
		}
	default:
		return Unsupported(codec.Name())
	}
	return nil
}

// inBand looks at parameter sets that a frame brings. Those that cannot be read
// make it unfit; pictures that became too large are an error.
func (c Config) inBand(t *track, units [][]byte) (readable bool, err error) {
	fresh := sizing(t.codec, units)
	if fresh == nil || bytes.Equal(fresh, *sizingOf(t.codec)) {
		return true, nil
	}
	next := copyOf(t.codec)
	*sizingOf(next) = bytes.Clone(fresh)
	switch err := c.check(next); CodeOf(err) {
	case "":
		t.codec = next
		return true, nil
	case CodeResolution:
		return false, err
	}
	return false, nil
}

// sizing returns the parameter set of an access unit that says how large its
// pictures are, nil when it has none.
func sizing(codec media.Codec, units [][]byte) []byte {
	switch codec.(type) {
	case *media.H264:
		sps, _ := ParameterSets(units)
		return sps
	case *media.HEVC:
		return last265(units, h265.NALUType_SPS_NUT)
	case *media.AV1:
		return lastOBU(units, av1.OBUTypeSequenceHeader)
	}
	return nil
}

// sizingOf is where a codec keeps it.
func sizingOf(codec media.Codec) *[]byte {
	switch c := codec.(type) {
	case *media.H264:
		return &c.SPS
	case *media.HEVC:
		return &c.SPS
	case *media.AV1:
		return &c.SequenceHeader
	}
	return new([]byte)
}
