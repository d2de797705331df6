package ingest

import (
	"github.com/cuelight/cuelight/internal/media"
)

// isSilent reports whether a frame of sound says of itself that it is digital
// silence. It reads no further than where that is said, and takes what it does
// not understand for sound.
func isSilent(codec media.Codec, units [][]byte) bool {
	if len(units) != 1 {
		return false
	}
	switch c := codec.(type) {
	case *media.AAC:
		return isSilentAAC(c.Config, units[0])
	case *media.Opus:
		return c.Channels <= 2 && isSilentOpus(units[0])
	}
	return false
}
