package hlspull

import (
	"slices"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

// sample is a frame as its container has it.
type sample struct {
	track    int         // in contents.codecs
	pts, dts clock.Ticks // MPEG-TS: modulo 2^33
	units    [][]byte
}

// contents are what is in a piece. The codecs of pictures in MPEG-TS are
// without parameter sets, which come with the pictures.
type contents struct {
	codecs  []media.Codec
	samples []sample
	wraps   bool // timestamps are modulo 2^33
}

// demux takes a piece apart.
//
// Errors: *ingest.Error.
func demux(p piece) (contents, error) {
	var c contents
	var err error
	if p.sets != nil {
		c, err = demuxMP4(p.sets, p.data)
	} else {
		c, err = demuxTS(p.data)
	}
	switch {
	case err != nil:
		return contents{}, err
	case len(c.codecs) == 0:
		return contents{}, ingest.Errorf(ingest.CodeUnsupportedCodec, "the source has neither video nor audio that can be taken")
	case len(c.codecs) > ingest.MaxTracks:
		return contents{}, ingest.Errorf(ingest.CodeUnsupportedCodec, "the source has %d tracks: at most %d can be taken", len(c.codecs), ingest.MaxTracks)
	}
	return c, nil
}

// unreadable is the refusal of bytes that make no sense.
func unreadable(what string) error {
	return ingest.Errorf(ingest.CodeMalformed, "the source's %s makes no sense: check what it serves", what)
}

// same reports whether no codec, nor the configuration of a sound, differs.
// Parameter sets of pictures may.
func same(a, b []media.Codec) bool {
	return slices.EqualFunc(a, b, func(a, b media.Codec) bool {
		if a.Kind() == media.Video {
			return a.Name() == b.Name()
		}
		return equalSound(a, b)
	})
}

func equalSound(a, b media.Codec) bool {
	switch a := a.(type) {
	case *media.AAC:
		b, ok := b.(*media.AAC)
		return ok && a.Config == b.Config
	case *media.Opus:
		b, ok := b.(*media.Opus)
		return ok && a.Channels == b.Channels
	}
	return false
}
