package ladder

import (
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	tscodecs "github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

// initOf is the head of the stream that the program reads.
func initOf(codec media.Codec) ([]byte, error) {
	head, err := cmaf.Init(codec, clock.TicksPerSecond)
	if err != nil {
		return nil, fmt.Errorf("begin the transcoder's input: %w", err)
	}
	return head, nil
}

// nominal is the duration written for a picture. Nobody uses it: every
// fragment says when it begins.
const nominal = clock.TicksPerSecond / 30

// fragment is one picture as the program reads it.
func fragment(codec media.Codec, sequence uint32, f media.Frame) ([]byte, error) {
	payload, err := payloadOf(codec, f.Units)
	if err != nil {
		return nil, fmt.Errorf("write picture for the transcoder: %w", err)
	}
	part := cmaf.Part{
		First: sequence == 1, Sequence: sequence, BaseTime: uint64(max(f.DTS, 0)), MediaTime: uint64(max(f.PTS, 0)),
		Samples: []*cmaf.Sample{{Duration: nominal, PTSOffset: int32(f.PTS - f.DTS), Sync: f.Key, Payload: payload}},
	}
	return part.Marshal()
}

func payloadOf(codec media.Codec, units [][]byte) ([]byte, error) {
	if _, ok := codec.(*media.AV1); ok {
		return cmaf.OBUs(units)
	}
	return cmaf.NALUnits(units)
}

// collect emits what the program writes, until it writes no more.
func (l *Ladder) collect(out io.Reader, s *source) error {
	reader := &mpegts.Reader{R: out}
	if err := reader.Initialize(); err != nil {
		return fmt.Errorf("read the transcoder's output: %w", err)
	}
	for i, track := range reader.Tracks() {
		if _, ok := track.Codec.(*tscodecs.H264); !ok || i >= len(s.made) {
			return fmt.Errorf("read the transcoder's output: track %d is %T", i, track.Codec)
		}
		reader.OnDataH264(track, func(pts, dts int64, units [][]byte) error {
			l.note(s, (*Health).runs)
			f := media.Frame{PTS: s.unwrap(pts), DTS: s.unwrap(dts), Units: units}
			codec := new(media.H264)
			if !ingest.HasPicture(codec, units) {
				return nil
			}
			f.Key = ingest.IsKey(codec, units)
			s.emit(i, f)
			return nil
		})
	}
	for {
		if err := reader.Read(); err != nil {
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("read the transcoder's output: %w", err)
		}
	}
}
