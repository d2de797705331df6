package hlspull

import (
	"slices"
	"time"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
	"github.com/cuelight/cuelight/sync/clock"
)

const (
	// maxAhead and maxBytes bound what is fetched before it is due.
	maxAhead = 30 * time.Second
	maxBytes = 96 << 20
)

// stream is what one follower brings.
type stream struct {
	pieces <-chan piece
	first  int    // its first track's number
	held   *piece // of an epoch that the leading one has not got to
	tracks []*track
	fresh  []*track // tracks, when no frame of them has been queued
	told   []*track // what the Output knows
	queue  []frame
	bytes  int
}

// track is one track as it is being received.
type track struct {
	id    int
	codec media.Codec
	keyed bool // decoding is possible
	sets  bool // the next key frame needs its parameter sets before it
}

// frame waits until it is due.
type frame struct {
	media.Frame
	date    time.Time // the source's, of its DTS
	fetched time.Time
	size    int      // bytes read for it
	tracks  []*track // of its stream, when they are others from here on
}

// wanted is nil while enough is there.
func (s *stream) wanted() <-chan piece {
	n := len(s.queue)
	full := s.bytes > maxBytes || n > 0 && (s.queue[n-1].DTS-s.queue[0].DTS).Duration() > maxAhead
	if full || s.held != nil {
		return nil
	}
	return s.pieces
}

// account spreads what was read over the frames of a piece, so that a bit rate
// is that of the stream and not of the network.
func (s *stream) account(frames []frame, size int) {
	s.bytes += size
	for i := range frames {
		frames[i].size = min(frames[i].Size(), size)
		size -= frames[i].size
	}
	frames[len(frames)-1].size += size
	frames[0].tracks, s.fresh = s.fresh, nil
}

// setTracks takes up what tracks a piece has.
func (s *stream) setTracks(c *contents, p piece) {
	var known []media.Codec
	for _, t := range s.tracks {
		known = append(known, t.codec)
	}
	if s.tracks == nil || !same(known, c.codecs) {
		s.tracks = nil
		for i, codec := range c.codecs {
			s.tracks = append(s.tracks, &track{id: s.first + i, codec: codec, sets: true})
		}
		s.fresh = s.tracks
	}
	for i, t := range s.tracks {
		t.keyed = t.codec.Kind() == media.Audio || t.keyed && !p.missed
		if newer := ingest.SetsOf(c.codecs[i]); newer != nil {
			t.sets = t.sets || !slices.EqualFunc(newer, ingest.SetsOf(t.codec), slices.Equal)
			ingest.Learn(t.codec, newer)
		}
	}
}

// add queues a frame that can be decoded.
func (s *stream) add(from sample, fetched time.Time, times *timebase) {
	t := s.tracks[from.track]
	f := media.Frame{Track: t.id, PTS: from.pts, DTS: from.dts, Key: true, Units: from.units}
	if t.codec.Kind() == media.Video {
		if known := ingest.Learn(t.codec, f.Units); !known || !ingest.HasPicture(t.codec, f.Units) {
			return
		}
		f.Key = ingest.IsKey(t.codec, f.Units)
		if t.keyed = t.keyed || f.Key; !t.keyed {
			return
		}
		if f.Key && t.sets {
			t.sets = false
			f.Units = withSets(t.codec, f.Units)
		}
	}
	if f.Size() == 0 {
		return
	}
	s.queue = append(s.queue, frame{Frame: f, date: times.read(f.DTS), fetched: fetched})
}

// withSets puts parameter sets before a key frame that has none of its own.
func withSets(codec media.Codec, units [][]byte) [][]byte {
	var own media.Codec
	switch codec.(type) {
	case *media.H264:
		own = new(media.H264)
	case *media.HEVC:
		own = new(media.HEVC)
	default: // an AV1 key frame has its sequence header
		return units
	}
	if ingest.Learn(own, units) {
		return units
	}
	return append(ingest.SetsOf(codec), units...)
}

// startAt drops sound of a time that has no pictures and takes the first
// frame's tracks as told.
func (s *stream) startAt(start clock.Ticks) {
	for len(s.queue) > 0 {
		if s.queue[0].tracks != nil {
			s.told, s.queue[0].tracks = s.queue[0].tracks, nil
		}
		if s.queue[0].DTS >= start {
			return
		}
		s.drop()
	}
}

func (s *stream) drop() frame {
	f := s.queue[0]
	s.queue[0] = frame{}
	s.queue = s.queue[1:]
	s.bytes -= f.size
	return f
}

// frozen is a copy that later parameter sets do not change, and whether it has
// some.
func frozen(codec media.Codec) (copied media.Codec, known bool) {
	switch c := codec.(type) {
	case *media.H264:
		copied := *c
		codec = &copied
	case *media.HEVC:
		copied := *c
		codec = &copied
	case *media.AV1:
		copied := *c
		codec = &copied
	default:
		return codec, true
	}
	return codec, ingest.SetsOf(codec) != nil
}
