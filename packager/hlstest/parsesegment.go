package hlstest

import (
	"errors"
	"strings"
	"time"
)

// late are the tags of a segment that have to stand before its first part.
// Spec: rfc8216bis §4.4.4.9.
var late = map[string]bool{
	"#EXT-X-DISCONTINUITY": true, "#EXT-X-KEY": true, "#EXT-X-MAP": true, "#EXT-X-PROGRAM-DATE-TIME": true,
}

// segmentTag reads a tag that belongs to the segment that comes.
func (r *reader) segmentTag(name, value string) {
	s := &r.segment
	if late[name] && len(s.Parts) > 0 {
		r.fault("P5", "%s stands behind the first part of its segment", name)
	}
	switch name {
	case "#EXTINF":
		r.extinf(value)
	case "#EXT-X-DISCONTINUITY":
		if s.Discontinuity {
			r.fault("C3", "EXT-X-DISCONTINUITY twice before one segment")
		}
		s.Discontinuity = true
	case "#EXT-X-GAP":
		s.Gap = true
	case "#EXT-X-BYTERANGE":
		s.ByteRange = value
	case "#EXT-X-KEY":
		r.key = value
	case "#EXT-X-MAP":
		r.initSection(value)
	case "#EXT-X-PROGRAM-DATE-TIME":
		t, err := parseDate(value)
		r.must(err)
		s.Date, s.DateText = t, value
	case "#EXT-X-PART":
		r.part(value)
	default:
		return // a tag of something else, or of a later version
	}
	r.begun = true
}

func (r *reader) extinf(value string) {
	number, _, comma := strings.Cut(value, ",")
	d, err := parseSeconds(number)
	if err == nil && !comma {
		err = errors.New("EXTINF without a comma")
	}
	r.must(err)
	if r.inf {
		r.fault("C1", "EXTINF twice before one segment")
	}
	r.segment.Duration, r.inf = d, true
}

func (r *reader) initSection(value string) {
	a := r.attributes(value)
	uri, err := a.quoted("URI")
	if err == nil && uri == "" {
		err = errors.New("EXT-X-MAP without URI")
	}
	r.must(err)
	span, err := a.quoted("BYTERANGE")
	r.must(err)
	r.mapURI, r.mapText = uri, uri
	if span != "" {
		r.mapText += "@" + span
	}
}

func (r *reader) part(value string) {
	a := r.attributes(value)
	var p Part
	var errs [5]error
	p.URI, errs[0] = a.quoted("URI")
	p.Duration, errs[1] = a.seconds("DURATION")
	p.Independent, errs[2] = a.yes("INDEPENDENT")
	p.Gap, errs[3] = a.yes("GAP")
	p.ByteRange, errs[4] = a.quoted("BYTERANGE")
	r.must(errors.Join(errs[:]...))
	if p.URI == "" || !a.has("DURATION") {
		r.fault("C1", "EXT-X-PART without URI and DURATION")
	}
	r.numbered = true
	r.segment.Parts = append(r.segment.Parts, p)
}

// uri ends a segment.
func (r *reader) uri(line string) {
	if !r.inf {
		r.fault("C1", "a segment without EXTINF")
	}
	if strings.TrimSpace(line) != line {
		r.fault("C1", "white space around a URI")
	}
	r.segment.URI = line
	r.add()
}

func (r *reader) add() {
	s := r.segment
	if s.Discontinuity {
		r.cut++
	}
	s.MSN = r.p.MediaSequence + r.skipped + uint64(len(r.p.Segments))
	s.Domain = r.p.Discontinuities + r.cut
	s.Map, s.MapURI, s.Key = r.mapText, r.mapURI, r.key
	r.p.Segments = append(r.p.Segments, s)
	r.segment, r.inf, r.begun, r.numbered = Segment{}, false, false, true
}

// finish adds the open segment and judges what has to be there.
func (r *reader) finish() {
	if r.inf {
		r.fault("C1", "EXTINF without a URI")
	}
	if len(r.segment.Parts) > 0 {
		r.add()
	}
	if r.p.Target == 0 {
		r.fault("C3", "no EXT-X-TARGETDURATION")
	}
}

// dateLayouts are those of ISO 8601 that the draft names. The fraction is read
// with any number of digits.
var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"}

func parseDate(s string) (time.Time, error) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("no date: " + s[:min(len(s), 40)])
}

// dateRange reads EXT-X-DATERANGE. Spec: rfc8216bis §4.4.5.1.
func (r *reader) dateRange(value string) {
	a, err := parseAttributes(value)
	if err != nil {
		r.fault("T9", "EXT-X-DATERANGE: %v", err)
	}
	d := DateRange{Attributes: map[string]string{}, hasStart: a.has("START-DATE"), hasClass: a.has("CLASS"), HasDuration: a.has("DURATION")}
	for name, v := range a.values {
		d.Attributes[name] = v.text
		if v.quoted {
			d.Attributes[name] = `"` + v.text + `"`
		}
	}
	var errs [7]error
	d.ID, errs[0] = a.quoted("ID")
	d.Class, errs[1] = a.quoted("CLASS")
	d.Start, errs[2] = rangeDate(a, "START-DATE")
	d.End, errs[3] = rangeDate(a, "END-DATE")
	d.Duration, errs[4] = a.seconds("DURATION")
	d.Planned, errs[5] = a.seconds("PLANNED-DURATION")
	d.EndOnNext, errs[6] = a.yes("END-ON-NEXT")
	for _, err := range errs {
		if err != nil {
			r.fault("T6", "EXT-X-DATERANGE: %v", err)
		}
	}
	r.p.Ranges = append(r.p.Ranges, d)
}

func rangeDate(a attributes, name string) (time.Time, error) {
	text, err := a.quoted(name)
	if text == "" || err != nil {
		return time.Time{}, err
	}
	return parseDate(text)
}
