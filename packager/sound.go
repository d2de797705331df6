package packager

import (
	"cmp"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
)

// soundFormat is what the packager has to know of one way to code sound. The
// zero value is a format that is not known yet.
type soundFormat struct {
	codec    media.Codec
	codecs   string // CODECS value
	rate     int    // samples per second, the timescale of the rendition
	channels int    // loudspeakers
	frame    int64  // samples of every access unit, 0 if each says so itself
	filler   []byte // an access unit without sound
	filling  int64  // its samples
	init     []byte
}

// opusRate is the clock of Opus. Spec: RFC 6716 §2.
const opusRate = 48_000

// soundOf returns the format of a track.
//
// Errors: what of it cannot be packaged, and what to send instead.
func soundOf(codec media.Codec) (soundFormat, error) {
	var f soundFormat
	var err error
	switch codec := codec.(type) {
	case *media.AAC:
		f, err = aacFormat(codec.Config)
	case *media.Opus:
		f, err = opusFormat(codec.Channels)
	default:
		err = fmt.Errorf("%T is no sound that can be packaged", codec)
	}
	if err != nil {
		return soundFormat{}, err
	}
	f.codec = codec
	if f.codecs, err = cmaf.Codecs(codec); err != nil {
		return soundFormat{}, err
	}
	f.init, err = cmaf.Init(codec, uint32(f.rate))
	return f, err
}

// aacFormat accepts AAC-LC and what adds to it: HE-AAC that is signalled as
// such has a core of half the rate and twice the samples an access unit, v2
// also makes two channels of one. Without the signal both are AAC-LC to
// everybody but the decoder, and nothing has to be known of them.
func aacFormat(c mpeg4audio.AudioSpecificConfig) (soundFormat, error) {
	rate := cmp.Or(c.ExtensionSampleRate, c.SampleRate)
	f := soundFormat{rate: rate, channels: aacChannels(c), frame: 1024, filler: aacSilence(c)}
	if c.FrameLengthFlag {
		f.frame = 960
	}
	switch {
	case c.Type != mpeg4audio.ObjectTypeAACLC:
		return f, fmt.Errorf("object type %d; send AAC-LC or HE-AAC", c.Type)
	case f.filler == nil:
		return f, fmt.Errorf("channel layout %d; send mono, stereo, 5.1 or 7.1", c.ChannelConfig)
	case c.SampleRate < 8_000 || rate > 96_000:
		return f, fmt.Errorf("%d Hz; send 48000 or 44100 Hz", rate)
	case rate%c.SampleRate != 0 || rate/c.SampleRate > 2:
		return f, fmt.Errorf("%d Hz made of %d Hz; send 48000 or 44100 Hz", rate, c.SampleRate)
	}
	f.frame *= int64(rate / c.SampleRate)
	f.filling = f.frame
	return f, nil
}

func opusFormat(channels int) (soundFormat, error) {
	streams := cmaf.OpusStreams(channels)
	if streams == 0 {
		return soundFormat{}, fmt.Errorf("%d channels; send 1 to 8", channels)
	}
	return soundFormat{
		rate: opusRate, channels: channels, filler: opusSilence(streams), filling: opusRate / 50,
	}, nil
}

// samples returns how long an access unit is, 0 for one that cannot be right.
// Spec: RFC 6716 §3.2.
func (f *soundFormat) samples(unit []byte) int64 {
	if len(unit) == 0 || f.frame > 0 {
		return f.frame
	}
	const shortest, longest = opusRate / 400, opusRate * 120 / 1000
	if n := opus.PacketDuration2(unit); n >= shortest && n <= longest {
		return n
	}
	return 0
}

// checkLength refuses sound whose every access unit is longer than a part (P2).
func (f *soundFormat) checkLength(part time.Duration) error {
	if d := time.Duration(f.filling) * time.Second / time.Duration(f.rate); d > part {
		return fmt.Errorf("one access unit lasts %v and a part %v; send a higher sample rate", d, part)
	}
	return nil
}
