package rtmp

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/cuelight/cuelight/ingest"
	"github.com/cuelight/cuelight/internal/media"
)

// trackKey is how RTMP names a track.
type trackKey struct {
	kind  media.Kind
	track uint8
}

// track is one track as it is being learned.
type track struct {
	trackKey
	id     int
	codec  media.Codec
	format format
	// ready says that the codec's parameters are all known.
	ready bool
	// fresh are parameter sets that changed after Begin and have not yet been
	// seen by the Output: the next key frame carries them.
	fresh [][]byte
}

// tracks are those of one session, in the order in which they came.
type tracks struct {
	byKey map[trackKey]*track
	order []*track
	begun bool
	// changed says that the Output knows other tracks than these.
	changed bool
}

// configure takes a track's configuration, its first one or a new one.
func (ts *tracks) configure(key trackKey, codec media.Codec, f format) error {
	t := ts.byKey[key]
	if t == nil {
		return ts.add(key, codec, f)
	}
	t.format = f
	switch {
	case ts.begun && t.ready && sameKind(t.codec, codec):
		t.renew(codec)
	case !sameConfig(t.codec, codec):
		t.codec, t.fresh = codec, nil
		t.ready = len(ingest.SetsOf(codec)) > 0 || key.kind == media.Audio
		ts.changed = ts.begun
	}
	return nil
}

func (ts *tracks) add(key trackKey, codec media.Codec, f format) error {
	if len(ts.order) == ingest.MaxTracks {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "more than %d tracks: send fewer", ingest.MaxTracks)
	}
	t := &track{trackKey: key, id: len(ts.order) + 1, codec: codec, format: f}
	t.ready = len(ingest.SetsOf(codec)) > 0 || key.kind == media.Audio
	ts.byKey[key] = t
	ts.order = append(ts.order, t)
	ts.changed = ts.begun
	return nil
}

// sameKind reports whether two codecs are of one kind of picture, so that new
// parameter sets are all there is to tell.
func sameKind(a, b media.Codec) bool { return a.Kind() == media.Video && a.Name() == b.Name() }

// renew keeps parameter sets that differ for the next key frame.
func (t *track) renew(codec media.Codec) {
	sets := ingest.SetsOf(codec)
	if len(sets) > 0 && !slices.EqualFunc(sets, ingest.SetsOf(t.codec), bytes.Equal) {
		t.codec, t.fresh = codec, sets
	}
}

// learn takes parameter sets out of a key frame, until the session begins and
// while some are missing.
func (ts *tracks) learn(t *track, units [][]byte) {
	if ts.begun && t.ready || !ingest.Learn(t.codec, units) || t.ready {
		return
	}
	t.ready = true
	ts.changed = ts.begun
}

// carry puts parameter sets that the Output does not know before a key frame
// that does not hold its own.
func (t *track) carry(units [][]byte) [][]byte {
	fresh := t.fresh
	t.fresh = nil
	if fresh == nil || ingest.Learn(emptyOf(t.codec), units) {
		return units
	}
	return slices.Concat(fresh, units)
}

func emptyOf(codec media.Codec) media.Codec {
	switch codec.(type) {
	case *media.H264:
		return new(media.H264)
	case *media.HEVC:
		return new(media.HEVC)
	default:
		return new(media.AV1)
	}
}

// count returns how many tracks of a kind are ready.
func (ts *tracks) count(kind media.Kind) int {
	n := 0
	for _, t := range ts.order {
		if t.kind == kind && t.ready {
			n++
		}
	}
	return n
}

// list returns what is ready, as the Output is told: pictures best first, then
// sound by its number. Nothing is fresh after it.
func (ts *tracks) list(hints map[uint8]hint) []media.Track {
	inOrder := slices.SortedStableFunc(slices.Values(ts.order), func(a, b *track) int {
		return cmp.Compare(a.track, b.track)
	})
	var list []media.Track
	for _, t := range inOrder {
		if !t.ready {
			continue
		}
		t.fresh = nil
		mt := media.Track{ID: t.id, Codec: t.codec}
		if h, ok := hints[t.track]; ok && t.kind == media.Video {
			mt.Width, mt.Height, mt.Bitrate = h.width, h.height, h.bitrate
		}
		list = append(list, mt)
	}
	return ingest.BestFirst(list)
}
