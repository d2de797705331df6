package packager

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
)

// renderer keeps what rendering needs again and again.
type renderer struct {
	list        []m3u8.Segment
	parts       []m3u8.Part
	press       *press
	full, delta sheet // of the last edge
	deltaV2     sheet // delta without older date ranges
	stale       bool  // they tell of another init section
}

// sheet is a playlist without its date ranges and reports. The former are the
// same in all playlists, the latter change with every part of every rendition,
// so both are put behind it without rendering or compressing the rest again.
type sheet struct {
	plain    []byte
	deflated []byte // in whole bytes, without the last block
	sum      uint32 // of plain and what is ahead of it, as gzip wants it
	ahead    []*sheet
}

// show publishes the rendition as it is now. The others are what it reports
// on; wake says that the edge moved.
func (r *rendition) show(others []*rendition, ended, wake bool) {
	s := r.snapshot(ended)
	if len(r.segments) > 0 { // players want a whole segment
		if wake || r.render.stale || r.render.full.plain == nil {
			r.renderPlaylists(s)
		}
		var tail []byte
		if !ended {
			tail = m3u8.AppendReports(nil, r.reports(others))
		}
		s.Full = r.render.full.with(&r.book.all, tail)
		s.Delta, s.DeltaV2 = s.Full, s.Full
		if r.render.delta.plain != nil {
			s.Delta = r.render.delta.with(&r.book.all, tail)
			s.DeltaV2 = r.render.deltaV2.with(&r.book.young, tail)
		}
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
	s.Edge = Position{seg.MSN, uint64(max(len(seg.Parts), 1) - 1)} // a gap counts as one part
	s.Hint = Position{MSN: seg.MSN + 1}
	open := r.open
	if r.gap != nil {
		open = r.gap
	}
	if open != nil && len(open.Parts) > 0 {
		seg := *open
		s.segments = append(s.segments, &seg)
		s.Edge = Position{seg.MSN, uint64(len(seg.Parts) - 1)}
		s.Hint = Position{seg.MSN, uint64(len(seg.Parts))}
	}
	return s
}

// renderPlaylists renders the full playlist and the delta update.
func (r *rendition) renderPlaylists(s *Snapshot) {
	listed := s.segments[r.listed:]
	first, past := listed[0].retired(), len(r.past.list())
	if past > 0 {
		first = r.past.list()[0]
	}
	m := m3u8.Media{
		Control:               r.cfg.Control(),
		MediaSequence:         first.msn,
		DiscontinuitySequence: first.domain,
		Segments:              r.describe(listed, past > 0, s.Ended),
		Ended:                 s.Ended,
	}
	if first.fresh {
		m.DiscontinuitySequence-- // the tag stands, and counts itself
	}
	if !s.Ended {
		m.HintPart = Name{Kind: NamePart, Rendition: r.name, MSN: s.Hint.MSN, Part: s.Hint.Part}.String()
		if r.init != listed[len(listed)-1].init {
			m.HintMap = r.init.uri
		}
	}
	r.render.stale = false
	if r.render.delta = (sheet{}); past > 0 {
		r.render.full = r.longSheet(&m)
	} else {
		r.render.full = r.render.sheet(&m)
	}
	if n := r.skippable(listed); past+n > 0 && !s.Ended {
		m.Skip.Segments = past + n
		m.Segments = m.Segments[n:]
		rest := r.render.deflate(m.AppendRest(make([]byte, 0, 8<<10)))
		r.render.delta = rest.behind(m.AppendHead(nil))
		m.Skip.DateRanges, m.Skip.Removed = true, r.book.gone()
		r.render.deltaV2 = rest.behind(m.AppendHead(nil))
	}
}

// reports says how far the other renditions are (R1, R2).
func (r *rendition) reports(others []*rendition) []m3u8.Report {
	list := make([]m3u8.Report, 0, len(others))
	for _, o := range others {
		if o == r {
			continue
		}
		if s := o.window.Load(); s.Ready() {
			uri := Name{Kind: NamePlaylist, Rendition: o.name}.String()
			list = append(list, m3u8.Report{URI: uri, MSN: s.Edge.MSN, LastPart: s.Edge.Part})
		}
	}
	return list
}

// describe says for every listed segment what the playlist says. Parts are
// listed for what ends less than three target durations from the end, and one
// part more, so that rounding cannot make it less (P8). The playlist lists more
// before them if it says so. Of what has ended no parts are listed: hls.js would
// leave out the one that came with the end, and wait for it for ever (C12).
func (r *rendition) describe(listed []*Segment, more, ended bool) []m3u8.Segment {
	list, parts := r.render.list[:0], r.render.parts[:0]
	var behind time.Duration // from the end of the segment to the end of the playlist
	first := len(listed)
	for first > 0 && behind < holdTargets*r.cfg.SegmentTarget+r.cfg.PartTarget {
		first--
		behind += listed[first].duration
	}
	for i, s := range listed {
		seg := m3u8.Segment{
			Discontinuity: s.fresh, DateTime: s.pdt.Time(), Duration: s.duration, Gap: s.gap,
		}
		if s.mapHere || i == 0 && !more {
			seg.Map = s.init.uri
		}
		if s.whole {
			seg.URI = s.uri
		}
		if i >= first && !ended {
			from := len(parts)
			for _, p := range s.Parts {
				parts = append(parts, m3u8.Part{URI: p.uri, Duration: p.duration, Independent: p.independent, Gap: p.gap})
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
		if s := listed[i]; s.whole {
			behind += s.duration
		}
	}
	return i
}

func (r *renderer) sheet(m *m3u8.Media) sheet {
	return r.deflate(m.Append(make([]byte, 0, 8<<10)))
}

// deflate compresses text as far as nothing comes behind it.
func (r *renderer) deflate(text []byte) sheet {
	var out bytes.Buffer
	out.Grow(len(text)/2 + 64)
	if r.press == nil {
		r.press = new(press)
	}
	r.press.write(&out, text)
	return sheet{plain: text, deflated: out.Bytes(), sum: crc32.ChecksumIEEE(text)}
}

// press compresses for all renditions of a channel, since its memory is larger
// than everything else of a playlist.
type press struct{ w *flate.Writer }

func (p *press) write(out *bytes.Buffer, text []byte) {
	if p.w == nil {
		p.w, _ = flate.NewWriter(out, flate.DefaultCompression) // fails for other levels only
	} else {
		p.w.Reset(out)
	}
	p.w.Write(text) // a bytes.Buffer refuses nothing
	p.w.Flush()
}

// behind returns the sheet with a head of less than 64 KiB, which is stored in
// the compressed one as it is.
func (s *sheet) behind(head []byte) sheet {
	const stored = 0
	b := sheet{plain: append(head, s.plain...), deflated: make([]byte, 0, len(s.deflated)+len(head)+5)}
	b.deflated = appendStored(b.deflated, stored, head)
	b.deflated = append(b.deflated, s.deflated...)
	b.sum = crc32.ChecksumIEEE(b.plain)
	return b
}

// appendStored appends a block of text as it is. Spec: RFC 1951 §3.2.4.
func appendStored(dst []byte, kind byte, text []byte) []byte {
	dst = append(dst, kind)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(len(text)))
	return append(dst, text...)
}

// with returns the playlist with its date ranges and a tail of less than
// 64 KiB, which is stored in the compressed one as it is.
// Spec: RFC 1951 §3.2.4, RFC 1952 §2.3.
func (s *sheet) with(ranges *sheet, tail []byte) Text {
	plain := make([]byte, 0, len(s.plain)+len(ranges.plain)+len(tail))
	plain = append(append(append(plain, s.plain...), ranges.plain...), tail...)
	zipped := make([]byte, 0, len(s.deflated)+len(ranges.deflated)+len(tail)+32)
	if s.ahead == nil {
		zipped = append(zipped, gzipHead...)
	}
	zipped = append(append(zipped, s.deflated...), ranges.deflated...)
	const lastStored = 1
	zipped = appendStored(zipped, lastStored, tail)
	sum := crc32.Update(s.sum, crc32.IEEETable, plain[len(s.plain):])
	zipped = binary.LittleEndian.AppendUint32(zipped, sum)
	zipped = binary.LittleEndian.AppendUint32(zipped, uint32(s.sizeAhead()+len(plain)))
	return s.text(plain, zipped, sum)
}

// gzipHead begins a file without a name or a date. Spec: RFC 1952 §2.3.
const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// compress makes a whole text of plain.
func (r *renderer) compress(plain []byte) Text {
	s := r.deflate(plain)
	return s.with(&sheet{}, nil)
}
