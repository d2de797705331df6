package hlstest

import (
	"time"
)

// Playlist is a media playlist as it was written.
type Playlist struct {
	Version          int           // 0 when it does not say
	Target           time.Duration // EXT-X-TARGETDURATION; 0 when missing
	MediaSequence    uint64
	Discontinuities  uint64 // EXT-X-DISCONTINUITY-SEQUENCE
	HasDiscontinuity bool   // it has the tag
	Type             string // EXT-X-PLAYLIST-TYPE
	Control          *Control
	PartTarget       time.Duration
	HasPartInf       bool
	Skip             *Skip
	Segments         []Segment // the last may be open
	Hints            []Hint
	Reports          []RenditionReport
	Ranges           []DateRange
	Ended            bool // EXT-X-ENDLIST
	uses             int  // the version that its tags demand, as far as segments do not tell
	// Faults are what a strict reader refuses, in the order of the lines.
	Faults []Fault
}

// Fault is something that a lenient reader forgives, and the rule against it.
type Fault struct {
	Rule string
	Line int // from 1
	Text string
}

// Control is EXT-X-SERVER-CONTROL. Spec: rfc8216bis §4.4.3.8.
type Control struct {
	Text                                 string // the attribute list
	CanBlock, CanSkipRanges              bool
	PartHoldBack, HoldBack, CanSkipUntil time.Duration // 0 when missing
}

// Skip is EXT-X-SKIP. Spec: rfc8216bis §4.4.5.2.
type Skip struct {
	Segments   uint64
	Removed    []string // IDs of date ranges
	HasRemoved bool
}

// Segment is a media segment, or the open one at the end of a playlist.
type Segment struct {
	MSN           uint64
	Domain        uint64 // discontinuity sequence number
	URI           string // as written; empty while the segment is open
	Duration      time.Duration
	Discontinuity bool
	Gap           bool
	Map           string // what is in force, URI and byte range; empty for none
	MapURI        string
	Date          time.Time // of its own EXT-X-PROGRAM-DATE-TIME; zero without
	DateText      string
	Key           string // attribute list in force
	ByteRange     string
	Parts         []Part
}

// Open reports whether the segment is still being written.
func (s *Segment) Open() bool { return s.URI == "" }

// length is what is known of the segment's duration.
func (s *Segment) length() time.Duration {
	if !s.Open() {
		return s.Duration
	}
	return total(s.Parts)
}

func total(parts []Part) (d time.Duration) {
	for i := range parts {
		d += parts[i].Duration
	}
	return d
}

// Part is EXT-X-PART. Spec: rfc8216bis §4.4.4.9.
type Part struct {
	URI              string
	Duration         time.Duration
	Independent, Gap bool
	ByteRange        string
}

// Hint is EXT-X-PRELOAD-HINT. Spec: rfc8216bis §4.4.5.3.
type Hint struct{ Type, URI string }

// RenditionReport is EXT-X-RENDITION-REPORT. Spec: rfc8216bis §4.4.5.4.
type RenditionReport struct {
	URI             string
	MSN, Part       uint64
	HasMSN, HasPart bool
}

// DateRange is EXT-X-DATERANGE. Spec: rfc8216bis §4.4.5.1.
type DateRange struct {
	ID, Class          string
	Start, End         time.Time // zero when missing
	Duration, Planned  time.Duration
	HasDuration        bool
	EndOnNext          bool
	Attributes         map[string]string // as written, quotes included
	hasStart, hasClass bool
}

// Position is a part: number Part of segment MSN.
type Position struct{ MSN, Part uint64 }

// Less reports whether p comes before q.
func (p Position) Less(q Position) bool {
	return p.MSN < q.MSN || p.MSN == q.MSN && p.Part < q.Part
}

// Edge is the newest part, or the newest segment as its only part. False for an
// empty playlist.
func (p *Playlist) Edge() (Position, bool) {
	if len(p.Segments) == 0 {
		return Position{}, false
	}
	s := &p.Segments[len(p.Segments)-1]
	return Position{s.MSN, uint64(max(len(s.Parts), 1) - 1)}, true
}

// Next is the part that comes after the newest.
func (p *Playlist) Next() Position {
	e, ok := p.Edge()
	if !ok {
		return Position{MSN: p.MediaSequence}
	}
	if s := &p.Segments[len(p.Segments)-1]; s.Open() {
		return Position{e.MSN, e.Part + 1}
	}
	return Position{MSN: e.MSN + 1}
}

// Closed is the newest whole segment.
func (p *Playlist) Closed() (uint64, bool) {
	for i := len(p.Segments) - 1; i >= 0; i-- {
		if !p.Segments[i].Open() {
			return p.Segments[i].MSN, true
		}
	}
	return 0, false
}

// Segment returns the segment with that number, nil if it is not listed.
func (p *Playlist) Segment(msn uint64) *Segment {
	if len(p.Segments) == 0 || msn < p.Segments[0].MSN {
		return nil
	}
	if i := msn - p.Segments[0].MSN; i < uint64(len(p.Segments)) {
		return &p.Segments[i]
	}
	return nil
}

// holds reports whether the part, or something after it, is listed.
func (p *Playlist) holds(at Position) bool {
	e, ok := p.Edge()
	return ok && !e.Less(at)
}

// lowLatency reports whether the playlist has parts, or promises them.
func (p *Playlist) lowLatency() bool {
	if p.HasPartInf {
		return true
	}
	for i := range p.Segments {
		if len(p.Segments[i].Parts) > 0 {
			return true
		}
	}
	return false
}

// length is the duration of everything that is listed.
func (p *Playlist) length() (d time.Duration) {
	for i := range p.Segments {
		d += p.Segments[i].length()
	}
	return d
}

// listed is the duration of the whole segments, which is what the draft calls
// the duration of a playlist.
func (p *Playlist) listed() (d time.Duration) {
	for i := range p.Segments {
		if !p.Segments[i].Open() {
			d += p.Segments[i].Duration
		}
	}
	return d
}

// weight is how much there is to keep of a playlist.
func (p *Playlist) weight() int64 {
	n := len(p.Segments) + len(p.Hints) + len(p.Reports)
	for i := range p.Segments {
		n += len(p.Segments[i].Parts)
	}
	for i := range p.Ranges {
		n += 1 + len(p.Ranges[i].Attributes)
	}
	return int64(n)
}

// dates returns for every segment when it begins, as far as that follows from
// dates before it in the playlist; zero otherwise.
func (p *Playlist) dates() []time.Time {
	list := make([]time.Time, len(p.Segments))
	var next time.Time
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Discontinuity {
			next = time.Time{}
		}
		if !s.Date.IsZero() {
			next = s.Date
		}
		list[i] = next
		if !next.IsZero() {
			next = next.Add(s.length())
		}
	}
	return list
}

// hint returns the URI of the hint of that type.
func (p *Playlist) hint(kind string) (string, bool) {
	for _, h := range p.Hints {
		if h.Type == kind {
			return h.URI, true
		}
	}
	return "", false
}
