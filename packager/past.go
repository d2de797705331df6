package packager

import (
	"hash/crc32"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/packager/m3u8"
	"github.com/cuelight/cuelight/sync/clock"
)

// past is what a rendition remembers of segments that are in the archive only.
// Their numbers follow each other, and those in memory follow them.
type past struct {
	kept     []retired     // oldest first
	listed   int           // index of the first that the playlist lists
	duration time.Duration // of those listed
	leaning  uint64        // number of the newest one that cannot be decoded alone
	chunks   []chunk       // text of those listed, as far as it is settled
	middle   middle        // of all chunks but the first
}

// retired is a segment that left the memory.
type retired struct {
	msn, domain         uint64
	pdt                 clock.Instant
	duration            time.Duration
	init                *initSection
	fresh, mapHere, gap bool
}

func (s *Segment) retired() retired {
	return retired{
		msn: s.MSN, domain: s.domain, pdt: s.pdt, duration: s.duration, init: s.init,
		fresh: s.fresh, mapHere: s.mapHere, gap: s.gap,
	}
}

// chunkSize is how many segments' text is rendered and compressed once and for
// all. A playlist of hours would otherwise cost milliseconds for every part.
const chunkSize = 64

// chunk is the text of segments whose numbers differ in their last six bits
// only.
type chunk struct {
	number uint64 // msn / chunkSize
	sheet  sheet
}

// middle is the text of several chunks in one piece.
type middle struct {
	first, last uint64 // numbers of the chunks
	sheet       sheet
}

// add takes in the segment that left the memory.
func (p *past) add(s *Segment, listed bool) {
	p.kept = append(p.kept, s.retired())
	if !listed {
		p.listed = len(p.kept)
		return
	}
	p.duration += s.duration
	if !s.alone() {
		p.leaning = s.MSN
	}
}

// list returns those that the playlist lists.
func (p *past) list() []retired { return p.kept[p.listed:] }

// unlist takes the oldest listed one out of the playlist.
func (p *past) unlist() {
	p.duration -= p.kept[p.listed].duration
	p.listed++
}

// forget drops what is not listed, except for so much of the newest of it.
func (p *past) forget(keep time.Duration) {
	first := p.listed
	for first > 0 && keep > 0 {
		first--
		keep -= p.kept[first].duration
	}
	p.listed -= first
	p.kept = p.kept[first:]
}

// uses reports whether any of them needs the init section.
func (p *past) uses(i *initSection) bool {
	for n := range p.kept {
		if p.kept[n].init == i {
			return true
		}
	}
	return false
}

// segment is what the playlist says of one.
func (s *retired) segment(rendition string, first bool) m3u8.Segment {
	seg := m3u8.Segment{
		Discontinuity: s.fresh, DateTime: s.pdt.Time(), Duration: s.duration, Gap: s.gap,
		URI: Name{Kind: NameSegment, Rendition: rendition, MSN: s.msn}.String(),
	}
	if s.mapHere || first {
		seg.Map = s.init.uri
	}
	return seg
}

// describePast appends to list what the playlist says of those segments.
func (r *rendition) describePast(list []m3u8.Segment, of []retired, first bool) []m3u8.Segment {
	for i := range of {
		list = append(list, of[i].segment(r.name, first && i == 0))
	}
	return list
}

// settlePast renders the chunks that are complete and drops those that are not
// listed any more. It returns the listed segments before the second chunk, and
// those after the last.
func (r *rendition) settlePast() (start, end []retired) {
	p := &r.past
	list := p.list()
	first := list[0].msn / chunkSize
	for len(p.chunks) > 0 && p.chunks[0].number <= first {
		p.chunks = p.chunks[1:]
	}
	done := first + 1 // the first chunk is never whole: its first segment repeats its MAP
	if n := len(p.chunks); n > 0 {
		done = p.chunks[n-1].number + 1
	}
	newest := list[len(list)-1].msn
	for ; (done+1)*chunkSize <= newest+1; done++ {
		from := done*chunkSize - list[0].msn
		text := m3u8.AppendSegments(nil, r.describePast(nil, list[from:from+chunkSize], false))
		p.chunks = append(p.chunks, chunk{done, r.render.deflate(text)})
	}
	split := min((first+1)*chunkSize-list[0].msn, uint64(len(list)))
	rest := max(min(done*chunkSize-list[0].msn, uint64(len(list))), split)
	return list[:split], list[rest:]
}

// join returns the text of all chunks in one piece.
func (r *rendition) join() *sheet {
	p := &r.past
	n := len(p.chunks)
	if n == 0 {
		p.middle = middle{}
		return &p.middle.sheet
	}
	if first, last := p.chunks[0].number, p.chunks[n-1].number; p.middle.first != first || p.middle.last != last {
		p.middle = middle{first: first, last: last}
		for i := range p.chunks {
			p.middle.sheet.append(&p.chunks[i].sheet)
		}
	}
	return &p.middle.sheet
}

// append puts another piece behind s.
func (s *sheet) append(t *sheet) {
	s.plain = append(s.plain, t.plain...)
	s.deflated = append(s.deflated, t.deflated...)
}

// onePiece is up to how many bytes of settled text a playlist is in one piece.
// Longer ones share that text, since there is a new playlist with every part of
// every rendition.
const onePiece = 128 << 10

// longSheet renders the full playlist of a rendition of which some segments are
// not in memory.
func (r *rendition) longSheet(m *m3u8.Media) sheet {
	start, rest := r.settlePast()
	inMemory := m.Segments
	m.Segments = r.describePast(nil, start, true)
	front := r.render.deflate(m3u8.AppendSegments(m.AppendHead(nil), m.Segments))
	m.Segments = append(r.describePast(nil, rest, false), inMemory...)
	back := r.render.deflate(m.AppendRest(make([]byte, 0, 8<<10)))
	m.Segments = inMemory
	middle := r.join()
	if len(middle.plain) <= onePiece {
		front.append(middle)
		front.append(&back)
		front.sum = crc32.ChecksumIEEE(front.plain)
		return front
	}
	back.sum = crc32.Update(crc32.Update(front.sum, crc32.IEEETable, middle.plain), crc32.IEEETable, back.plain)
	back.ahead = []*sheet{&front, middle}
	return back
}

// text makes a text of the last pieces and what is ahead of them.
func (s *sheet) text(plain, zipped []byte, sum uint32) Text {
	if s.ahead == nil {
		return Text{Plain: newBlob(plain), Gzip: newBlob(zipped)}
	}
	t := Text{}
	for i, a := range s.ahead {
		if i == 0 {
			t.Plain.Bytes, t.Gzip.Bytes = a.plain, append([]byte(gzipHead), a.deflated...)
			continue
		}
		t.Plain.More, t.Gzip.More = append(t.Plain.More, a.plain), append(t.Gzip.More, a.deflated)
	}
	t.Plain.More, t.Gzip.More = append(t.Plain.More, plain), append(t.Gzip.More, zipped)
	t.Plain.seal(sum, "")
	t.Gzip.seal(sum, "z")
	return t
}

// seal sets the headers of a blob of several pieces.
func (b *Blob) seal(sum uint32, mark string) {
	size := len(b.Bytes)
	for _, m := range b.More {
		size += len(m)
	}
	b.Length = []string{strconv.Itoa(size)}
	b.ETag = []string{`"` + strconv.FormatUint(uint64(sum), 16) + "-" + strconv.FormatInt(int64(size), 16) + mark + `"`}
}

// sizeAhead counts the bytes of plain text ahead of s.
func (s *sheet) sizeAhead() (n int) {
	for _, a := range s.ahead {
		n += len(a.plain)
	}
	return n
}
