package m3u8

import (
	"strconv"
	"time"
)

// Control is what every media playlist of one presentation says about its
// server, and says identically (C5, P1, S1).
//
// Spec: rfc8216bis §4.4.3.8, §4.4.3.7.
type Control struct {
	TargetDuration time.Duration // whole seconds
	PartTarget     time.Duration // longest part
	PartHoldBack   time.Duration // distance from the end for low-latency players
	HoldBack       time.Duration // and for the others
	CanSkipUntil   time.Duration // the skip boundary, of segments and of date ranges
}

// Part is one partial segment. Spec: rfc8216bis §4.4.4.9.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool // holds a frame that decoding can start at
	Gap         bool // the URI leads to nothing
}

// Segment is one media segment, or the open one at the end of the playlist.
type Segment struct {
	Discontinuity bool      // something changes before this segment
	Map           string    // URI of the init section, when it has to be said here
	DateTime      time.Time // instant of the first picture, printed in milliseconds
	Parts         []Part    // those that are still listed
	Duration      time.Duration
	URI           string // empty while the segment is open
	Gap           bool   // the URI leads to nothing. Spec: rfc8216bis §4.4.4.7
}

// Report says how far another rendition is. Spec: rfc8216bis §4.4.5.4.
type Report struct {
	URI           string
	MSN, LastPart uint64
}

// Media is a media playlist.
type Media struct {
	Control               Control
	MediaSequence         uint64
	DiscontinuitySequence uint64
	// Skip makes this a delta update if it skips any segments.
	// Spec: rfc8216bis §6.2.5.1.
	Skip     Skip
	Segments []Segment
	HintMap  string // init section that the next part will need, if it is new
	HintPart string // the part that comes next; empty when none will
	Reports  []Report
	Ended    bool
}

// Append appends the text of m to dst and returns it.
func (m *Media) Append(dst []byte) []byte { return m.AppendRest(m.AppendHead(dst)) }

// AppendHead appends what stands before the segments.
func (m *Media) AppendHead(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = append(dst, m.version()...)
	dst = m.Control.append(dst)
	dst = tagUint(dst, "#EXT-X-MEDIA-SEQUENCE:", m.MediaSequence)
	dst = tagUint(dst, "#EXT-X-DISCONTINUITY-SEQUENCE:", m.DiscontinuitySequence)
	if m.Skip.Segments > 0 {
		dst = m.Skip.append(dst)
	}
	return dst
}

// AppendRest appends the segments and what stands behind them.
func (m *Media) AppendRest(dst []byte) []byte {
	return m.appendEnd(AppendSegments(dst, m.Segments))
}

// AppendSegments appends the lines of segments.
func AppendSegments(dst []byte, segments []Segment) []byte {
	for i := range segments {
		dst = segments[i].append(dst)
	}
	return dst
}

// version is the lowest that allows what is used (C2).
// Spec: rfc8216bis §8.
func (m *Media) version() string {
	switch {
	case m.Skip.Segments > 0 && m.Skip.DateRanges:
		return "10\n"
	case m.Skip.Segments > 0:
		return "9\n"
	}
	return "6\n"
}

func (m *Media) appendEnd(dst []byte) []byte {
	if m.Ended {
		return append(dst, "#EXT-X-ENDLIST\n"...)
	}
	if m.HintMap != "" {
		dst = append(dst, `#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="`...)
		dst = append(append(dst, m.HintMap...), "\"\n"...)
	}
	if m.HintPart != "" {
		dst = append(dst, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...)
		dst = append(append(dst, m.HintPart...), "\"\n"...)
	}
	return AppendReports(dst, m.Reports)
}

// AppendReports appends the tags of reports, with which a playlist ends.
func AppendReports(dst []byte, reports []Report) []byte {
	for _, r := range reports {
		dst = append(dst, `#EXT-X-RENDITION-REPORT:URI="`...)
		dst = append(append(dst, r.URI...), `",LAST-MSN=`...)
		dst = strconv.AppendUint(dst, r.MSN, 10)
		dst = append(dst, ",LAST-PART="...)
		dst = append(strconv.AppendUint(dst, r.LastPart, 10), '\n')
	}
	return dst
}

func (c *Control) append(dst []byte) []byte {
	dst = tagUint(dst, "#EXT-X-TARGETDURATION:", uint64(c.TargetDuration/time.Second))
	dst = append(dst, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
	dst = seconds(dst, c.PartHoldBack, 3)
	dst = append(dst, ",HOLD-BACK="...)
	dst = seconds(dst, c.HoldBack, 3)
	dst = append(dst, ",CAN-SKIP-UNTIL="...)
	dst = seconds(dst, c.CanSkipUntil, 3)
	dst = append(dst, ",CAN-SKIP-DATERANGES=YES\n#EXT-X-PART-INF:PART-TARGET="...)
	return append(seconds(dst, c.PartTarget, 3), '\n')
}

// append writes what applies to the whole segment before its first part, so
// that the open segment has its date too (P5).
func (s *Segment) append(dst []byte) []byte {
	if s.Discontinuity {
		dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
	}
	if s.Map != "" {
		dst = append(dst, `#EXT-X-MAP:URI="`...)
		dst = append(append(dst, s.Map...), "\"\n"...)
	}
	dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
	dst = append(appendDate(dst, s.DateTime), '\n')
	for i := range s.Parts {
		dst = s.Parts[i].append(dst)
	}
	if s.URI == "" {
		return dst
	}
	dst = append(dst, "#EXTINF:"...)
	dst = seconds(dst, s.Duration, 5)
	dst = append(dst, ",\n"...)
	if s.Gap {
		dst = append(dst, "#EXT-X-GAP\n"...)
	}
	return append(append(dst, s.URI...), '\n')
}

func (p *Part) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-PART:DURATION="...)
	dst = seconds(dst, p.Duration, 5)
	dst = append(dst, `,URI="`...)
	dst = append(append(dst, p.URI...), '"')
	if p.Independent {
		dst = append(dst, ",INDEPENDENT=YES"...)
	}
	if p.Gap {
		dst = append(dst, ",GAP=YES"...)
	}
	return append(dst, '\n')
}

func tagUint(dst []byte, tag string, v uint64) []byte {
	return append(strconv.AppendUint(append(dst, tag...), v, 10), '\n')
}

// seconds writes d with so many decimals, rounded half up.
func seconds(dst []byte, d time.Duration, decimals int) []byte {
	unit := time.Second
	for range decimals {
		unit /= 10
	}
	n := int64((d + unit/2) / unit)
	whole, rest := n/int64(time.Second/unit), n%int64(time.Second/unit)
	dst = append(strconv.AppendInt(dst, whole, 10), '.')
	at := len(dst)
	for range decimals {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; i >= at; i-- {
		dst[i] = byte('0' + rest%10)
		rest /= 10
	}
	return dst
}
