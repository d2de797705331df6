package packager

import (
	"fmt"

	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/packager/cmaf"
	"github.com/cuelight/cuelight/sync/clock"
)

// coding is what the packager has to know of one way to code pictures, with
// the parameter sets of one format. It never changes.
type coding interface {
	codec() media.Codec
	// complete reports whether there are parameter sets.
	complete() bool
	// with returns the coding with the parameter sets among the units of a key
	// frame in the place of its own, nil if those change nothing.
	with(units [][]byte) coding
	// describe reads the parameter sets.
	describe() (size, error)
	// sample joins the units of one picture and leaves out what the init section
	// says. It returns nil when there is no picture.
	sample(units [][]byte) ([]byte, error)
	// leans reports whether the picture is coded after a key frame, shown before
	// it, and needs pictures from before it too: a decoder that starts at the
	// key frame cannot show it.
	leans(units [][]byte) bool
}

type size struct {
	width, height int
	rate          float64 // what the encoder says, pictures per second; 0 if it does not
}

// codingOf returns how a track codes pictures, nil if that is not known.
func codingOf(codec media.Codec) coding {
	switch codec := codec.(type) {
	case *media.H264:
		return avc{*codec}
	case *media.HEVC:
		return hevc{*codec}
	case *media.AV1:
		return obu{*codec}
	}
	return nil
}

// pictureFormat is a coding and what an init section says of it. The zero
// value is a format that is not known yet.
type pictureFormat struct {
	coding
	size
	codecs string // CODECS value
	init   []byte
}

func formatOf(c coding) (pictureFormat, error) {
	s, err := c.describe()
	if err != nil {
		return pictureFormat{}, err
	}
	if s.width <= 0 || s.height <= 0 {
		return pictureFormat{}, fmt.Errorf("pictures of %dx%d", s.width, s.height)
	}
	f := pictureFormat{coding: c, size: s}
	if f.codecs, err = cmaf.Codecs(c.codec()); err != nil {
		return pictureFormat{}, err
	}
	if f.init, err = cmaf.Init(c.codec(), clock.TicksPerSecond); err != nil {
		return pictureFormat{}, err
	}
	return f, nil
}

// known reports whether there is an init section for the format.
func (f *pictureFormat) known() bool { return f.init != nil }
