package srt

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// intake turns one MPEG-TS program into the calls of one session.
type intake struct {
	session *ingest.Session
	clock   *ingest.Unwrapper
	tracks  []media.Track
	unknown map[int]bool // tracks whose codec has yet to be learned
	begun   bool
}

// readMedia runs an admitted session until its connection ends.
func readMedia(src io.Reader, session *ingest.Session) error {
	in := &intake{session: session, clock: ingest.NewUnwrapper(33), unknown: make(map[int]bool)}
	heard := newArrivals(in.clock, func(dts clock.Ticks, arrival time.Time) {
		session.Observe(ingest.Observation{DTS: dts, Arrival: arrival})
	})
	reader := &mpegts.Reader{R: &packets{src: src, received: session.Received, look: heard.look}}
	if err := reader.Initialize(); err != nil {
		return streamError(err)
	}
	if err := in.subscribe(reader); err != nil {
		return err
	}
	for {
		if err := reader.Read(); err != nil {
			return streamError(err)
		}
	}
}

// streamError tells the end of a stream and our own refusals from bytes that
// make no sense.
func streamError(err error) error {
	if _, ok := errors.AsType[*ingest.Error](err); ok || errors.Is(err, io.EOF) {
		return err
	}
	if _, ok := errors.AsType[*outputError](err); ok {
		return err
	}
	if strings.Contains(err.Error(), "max recorded size") { // the library's error has no type
		return ingest.Errorf(ingest.CodeMalformed, "no MPEG-TS program with all its audio within 1 MiB: check that every audio track has sound")
	}
	return ingest.Errorf(ingest.CodeMalformed, "this MPEG-TS cannot be read: %v", err)
}

// outputError carries a session's error through the library.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// subscribe takes up the program's tracks.
func (in *intake) subscribe(r *mpegts.Reader) error {
	var ignored []string
	for _, t := range r.Tracks() {
		id := int(t.PID)
		switch c := t.Codec.(type) {
		case *tscodecs.H264:
			in.addH264(r, t, id)
		case *tscodecs.MPEG4Audio:
			in.addADTS(r, t, id, c.Config)
		case *tscodecs.MPEG4AudioLATM:
			in.addLATM(r, t, id)
		case *tscodecs.KLV, *tscodecs.DVBSubtitle, *tscodecs.Unsupported:
			ignored = append(ignored, nameOf(c)) // data beside the programme
		default:
			return ingest.Unsupported(nameOf(c))
		}
	}
	if len(in.tracks) == 0 && len(ignored) > 0 {
		return ingest.Unsupported(ignored[0])
	}
	if len(in.tracks) == 0 {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "the MPEG-TS program has no tracks: send H.264 video and AAC audio")
	}
	return nil
}

// nameOf is what people call a codec.
func nameOf(c tscodecs.Codec) string {
	switch c.(type) {
	case *tscodecs.H265:
		return "H.265 video"
	case *tscodecs.MPEG1Video:
		return "MPEG-1/2 video"
	case *tscodecs.MPEG4Video:
		return "MPEG-4 Part 2 video"
	case *tscodecs.Opus:
		return "Opus audio"
	case *tscodecs.MPEG1Audio:
		return "MPEG-1/2 audio (MP2, MP3)"
	case *tscodecs.AC3:
		return "AC-3 audio"
	case *tscodecs.EAC3:
		return "E-AC-3 audio"
	case *tscodecs.KLV:
		return "KLV data"
	case *tscodecs.DVBSubtitle:
		return "DVB subtitles"
	}
	return "this codec"
}

func (in *intake) addH264(r *mpegts.Reader, t *mpegts.Track, id int) {
	codec := new(media.H264)
	in.tracks = append(in.tracks, media.Track{ID: id, Codec: codec})
	in.unknown[id] = true
	r.OnDataH264(t, func(pts, dts int64, units [][]byte) error {
		if in.unknown[id] && ingest.Learn(codec, units) {
			delete(in.unknown, id)
		}
		if !ingest.HasPicture(codec, units) {
			return nil
		}
		at := in.unwrap(dts)
		shown := at + clock.Ticks(in.clock.Delta(uint64(pts-dts)))
		return in.write(media.Frame{Track: id, PTS: shown, DTS: at, Key: ingest.IsKey(codec, units), Units: units})
	})
}

func (in *intake) addADTS(r *mpegts.Reader, t *mpegts.Track, id int, config mpeg4audio.AudioSpecificConfig) {
	codec := &media.AAC{Config: config}
	in.tracks = append(in.tracks, media.Track{ID: id, Codec: codec})
	r.OnDataMPEG4Audio(t, func(pts int64, units [][]byte) error {
		return in.sound(id, codec, in.unwrap(pts), units)
	})
}

// sound writes the access units of one PES packet, of which the container
// stamps only the first.
func (in *intake) sound(id int, codec *media.AAC, at clock.Ticks, units [][]byte) error {
	for i, u := range units {
		dts := at + samples(i, codec.Config)
		if err := in.write(media.Frame{Track: id, PTS: dts, DTS: dts, Key: true, Units: [][]byte{u}}); err != nil {
			return err
		}
	}
	return nil
}

// samples is how long n access units last.
func samples(n int, c mpeg4audio.AudioSpecificConfig) clock.Ticks {
	perUnit := 1024
	if c.FrameLengthFlag {
		perUnit = 960
	}
	return clock.Ticks(n * perUnit * clock.TicksPerSecond / max(c.SampleRate, 1))
}

func (in *intake) unwrap(ts int64) clock.Ticks { return clock.Ticks(in.clock.Unwrap(uint64(ts))) }

// write begins the session once every track is known. What comes before, the
// session holds.
func (in *intake) write(f media.Frame) error {
	if !in.begun && len(in.unknown) == 0 {
		in.begun = true
		if err := in.session.Begin(in.tracks); err != nil {
			return &outputError{fmt.Errorf("begin: %w", err)}
		}
	}
	if err := in.session.Write(f); err != nil {
		return &outputError{err}
	}
	return nil
}
