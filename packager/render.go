package packager

import (
	"bytes"
	"compress/gzip"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
)

// renderer keeps what rendering needs again and again.
type renderer struct {
	list  []m3u8.Segment
	parts []m3u8.Part
	zip   *gzip.Writer
}

// show publishes the rendition as it is now. The others are what it reports
// on; wake says that the edge moved.
func (r *rendition) show(other *rendition, ended, wake bool) {
	s := r.snapshot(ended)
	if len(r.segments) > 0 { // players want a whole segment
		r.renderPlaylists(s, other)
	}
	if wake {
		r.window.publish(s)
	} else {
		r.window.replace(s)
	}
}

// snapshot freezes the segments. The open one is copied, because the original
// goes on growing.
func (r *rendition) snapshot(ended bool) *Snapshot {
	last := r.window.Load()
	s := &Snapshot{
		Edge: last.Edge, Closed: last.Closed, Hint: last.Hint, Ended: ended,
		inits: append([]*initSection(nil), r.inits...),
	}
	s.segments = make([]*Segment, len(r.segments), len(r.segments)+1)
	copy(s.segments, r.segments)
	n := len(r.segments)
	if n == 0 {
		return s
	}
	seg := r.segments[n-1]
	s.Closed = seg.MSN
	s.Edge = Position{seg.MSN, uint64(len(seg.Parts) - 1)}
	s.Hint = Position{MSN: seg.MSN + 1}
	if r.open != nil && len(r.open.Parts) > 0 {
		seg := *r.open
		s.segments = append(s.segments, &seg)
		s.Edge = Position{seg.MSN, uint64(len(seg.Parts) - 1)}
		s.Hint = Position{seg.MSN, uint64(len(seg.Parts))}
	}
	return s
}

// renderPlaylists fills in the full playlist and the delta update.
func (r *rendition) renderPlaylists(s *Snapshot, other *rendition) {
	listed := s.segments[r.listed:]
	m := m3u8.Media{
		Control:               r.cfg.Control(),
		MediaSequence:         listed[0].MSN,
		DiscontinuitySequence: listed[0].domain,
		Segments:              r.describe(listed),
		Reports:               reports(other),
		Ended:                 s.Ended,
	}
	if listed[0].fresh {
		m.DiscontinuitySequence-- // the tag stands, and counts itself
	}
	if !s.Ended {
		m.HintPart = Name{Kind: NamePart, Rendition: r.name, MSN: s.Hint.MSN, Part: s.Hint.Part}.String()
		if r.init != listed[len(listed)-1].init {
			m.HintMap = r.init.uri
		}
	}
	s.Full = r.text(&m)
	s.Delta = s.Full
	if n := r.skippable(listed); n > 0 && !s.Ended {
		m.Skipped = n
		m.Segments = m.Segments[n:]
		s.Delta = r.text(&m)
	}
}

// reports says how far the other rendition is (R1, R2).
func reports(other *rendition) []m3u8.Report {
	if other == nil {
		return nil
	}
	s := other.window.Load()
	if !s.Ready() {
		return nil
	}
	uri := Name{Kind: NamePlaylist, Rendition: other.name}.String()
	return []m3u8.Report{{URI: uri, MSN: s.Edge.MSN, LastPart: s.Edge.Part}}
}

// describe says for every listed segment what the playlist says. Parts are
// listed for what ends less than three target durations from the end, and one
// part more, so that rounding cannot make it less (P8).
func (r *rendition) describe(listed []*Segment) []m3u8.Segment {
	list, parts := r.render.list[:0], r.render.parts[:0]
	var behind time.Duration // from the end of the segment to the end of the playlist
	first := len(listed)
	for first > 0 && behind < holdTargets*r.cfg.SegmentTarget+r.cfg.PartTarget {
		first--
		behind += listed[first].duration
	}
	for i, s := range listed {
		seg := m3u8.Segment{
			Discontinuity: s.fresh, DateTime: s.pdt.Time(), Duration: s.duration,
		}
		if s.mapHere || i == 0 {
			seg.Map = s.init.uri
		}
		if s.Length != nil {
			seg.URI = s.uri
		}
		if i >= first {
			from := len(parts)
			for _, p := range s.Parts {
				parts = append(parts, m3u8.Part{URI: p.uri, Duration: p.duration, Independent: p.independent})
			}
			seg.Parts = parts[from:len(parts):len(parts)]
		}
		list = append(list, seg)
	}
	r.render.list, r.render.parts = list, parts
	return list
}

// skippable counts the segments that lie wholly beyond the skip boundary,
// measured from the end of the last whole segment (D1).
func (r *rendition) skippable(listed []*Segment) int {
	var behind time.Duration
	i := len(listed)
	for i > 0 && behind < skipTargets*r.cfg.SegmentTarget {
		i--
		if s := listed[i]; s.Length != nil {
			behind += s.duration
		}
	}
	return i
}

// text renders m and compresses it.
func (r *rendition) text(m *m3u8.Media) Text {
	return r.render.compress(m.Append(make([]byte, 0, 8<<10)))
}

func (r *renderer) compress(plain []byte) Text {
	var zipped bytes.Buffer
	zipped.Grow(len(plain)/2 + 64)
	if r.zip == nil {
		r.zip = gzip.NewWriter(&zipped)
	} else {
		r.zip.Reset(&zipped)
	}
	r.zip.Write(plain) // a bytes.Buffer refuses nothing
	r.zip.Close()
	return Text{Plain: newBlob(plain), Gzip: newBlob(zipped.Bytes())}
}
