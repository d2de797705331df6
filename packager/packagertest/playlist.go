package packagertest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Playlist is a media playlist as a client reads it.
type Playlist struct {
	Version       int
	Target        time.Duration
	PartTarget    time.Duration
	Control       string // the SERVER-CONTROL attributes
	MediaSequence uint64
	Discontinuity uint64
	Skipped       int
	Removed       string    // IDs of date ranges, tab-separated, as EXT-X-SKIP tells them
	RemovedTold   bool      // EXT-X-SKIP tells of date ranges that were removed
	Ranges        []string  // attributes of date ranges, in order
	Segments      []Segment // the last one may be open
	HintPart      string
	HintMap       string
	Reports       []string
	Ended         bool
}

// Segment is a media segment as a client reads it.
type Segment struct {
	MSN           uint64
	URI           string // empty while open
	Duration      time.Duration
	Discontinuity bool
	Domain        uint64 // discontinuity number
	Map           string // what applies, wherever it was said
	Date          time.Time
	Gap           bool // the URI leads to nothing
	Parts         []Part
}

// Part is a partial segment as a client reads it.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
	Gap         bool // the URI leads to nothing
}

// Parse reads a media playlist, and is strict about what Cuelight writes.
func Parse(text string) (*Playlist, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "#EXTM3U" {
		return nil, fmt.Errorf("C1 the first line is %q", lines[0])
	}
	r := reader{p: &Playlist{}, once: map[string]bool{}}
	for _, line := range lines[1:] {
		if err := r.line(line); err != nil {
			return nil, err
		}
	}
	if len(r.seg.Parts) > 0 {
		r.seg.Map = r.init
		r.p.Segments = append(r.p.Segments, r.seg)
	}
	r.p.number()
	return r.p, nil
}

// reader is a playlist being read.
type reader struct {
	p    *Playlist
	once map[string]bool // tags that were there
	seg  Segment         // the one whose URI has not come
	init string          // the MAP that applies
}

func (r *reader) line(line string) error {
	tag, value, _ := strings.Cut(line, ":")
	if r.header(tag, value) {
		switch {
		case r.once[tag]:
			return fmt.Errorf("C3 %s comes twice", tag)
		case len(r.p.Segments) > 0:
			return fmt.Errorf("C3 %s comes after a segment", tag)
		}
		r.once[tag] = true
		return nil
	}
	if strings.HasPrefix(line, "#") {
		return r.tag(tag, value, line)
	}
	r.seg.URI, r.seg.Map = line, r.init
	r.p.Segments = append(r.p.Segments, r.seg)
	r.seg = Segment{}
	return nil
}

// header reads a tag that stands once before the segments.
func (r *reader) header(tag, value string) bool {
	p := r.p
	switch tag {
	case "#EXT-X-VERSION":
		p.Version, _ = strconv.Atoi(value)
	case "#EXT-X-TARGETDURATION":
		p.Target = dur(value)
	case "#EXT-X-PART-INF":
		p.PartTarget = dur(attr(value, "PART-TARGET"))
	case "#EXT-X-SERVER-CONTROL":
		p.Control = value
	case "#EXT-X-MEDIA-SEQUENCE":
		p.MediaSequence, _ = strconv.ParseUint(value, 10, 64)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		p.Discontinuity, _ = strconv.ParseUint(value, 10, 64)
	case "#EXT-X-SKIP":
		p.Skipped, _ = strconv.Atoi(attr(value, "SKIPPED-SEGMENTS"))
		p.Removed, p.RemovedTold = attr(value, "RECENTLY-REMOVED-DATERANGES"), strings.Contains(value, "RECENTLY-REMOVED-DATERANGES=")
	default:
		return false
	}
	return true
}

// tag reads a tag of a segment or of the end.
func (r *reader) tag(tag, value, line string) error {
	switch tag {
	case "#EXT-X-DISCONTINUITY":
		r.seg.Discontinuity = true
	case "#EXT-X-MAP":
		r.init = attr(value, "URI")
	case "#EXT-X-PROGRAM-DATE-TIME":
		at, err := time.Parse("2006-01-02T15:04:05.000Z", value)
		if err != nil {
			return fmt.Errorf("T2 date %q: %w", value, err)
		}
		r.seg.Date = at
	case "#EXT-X-PART":
		if r.seg.Date.IsZero() {
			return fmt.Errorf("P5 part without a date before it: %s", line)
		}
		r.seg.Parts = append(r.seg.Parts, Part{attr(value, "URI"), dur(attr(value, "DURATION")), attr(value, "INDEPENDENT") == "YES", attr(value, "GAP") == "YES"})
	case "#EXT-X-GAP":
		r.seg.Gap = true
	case "#EXTINF":
		r.seg.Duration = dur(strings.TrimSuffix(value, ","))
	case "#EXT-X-PRELOAD-HINT":
		hint := &r.p.HintPart
		if attr(value, "TYPE") == "MAP" {
			hint = &r.p.HintMap
		}
		if *hint != "" {
			return fmt.Errorf("P12 a second hint of that type: %s", line)
		}
		*hint = attr(value, "URI")
	case "#EXT-X-DATERANGE":
		r.p.Ranges = append(r.p.Ranges, value)
	case "#EXT-X-RENDITION-REPORT":
		r.p.Reports = append(r.p.Reports, value)
	case "#EXT-X-ENDLIST":
		r.p.Ended = true
	default:
		return fmt.Errorf("C1 unknown line %q", line)
	}
	return nil
}

// number gives every segment its sequence and discontinuity number. In a delta
// update the second is only known from the full playlist before.
func (p *Playlist) number() {
	domain := p.Discontinuity
	for i := range p.Segments {
		s := &p.Segments[i]
		s.MSN = p.MediaSequence + uint64(p.Skipped+i)
		if s.Discontinuity {
			domain++
		}
		s.Domain = domain
	}
}

// dur reads decimal seconds exactly to the microsecond.
func dur(s string) time.Duration {
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		return -1
	}
	return d
}

// attr returns one attribute of a list, without its quotes.
func attr(list, name string) string {
	for list != "" {
		key, rest, _ := strings.Cut(list, "=")
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, list, _ = strings.Cut(rest[1:], `"`)
			list = strings.TrimPrefix(list, ",")
		} else {
			value, list, _ = strings.Cut(rest, ",")
		}
		if key == name {
			return value
		}
	}
	return ""
}
