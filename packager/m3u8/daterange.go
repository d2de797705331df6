package m3u8

import (
	"strconv"
	"time"
)

// DateRange is metadata that belongs to a span of time. Nothing of one may
// change under the same ID, so a change is another range (T5).
// Spec: rfc8216bis §4.4.5.1.
type DateRange struct {
	ID    string
	Class string
	Start time.Time // printed in milliseconds
	// Planned is the expected duration; 0 leaves it out.
	Planned time.Duration
	// End is when the range ended; the zero time leaves END-DATE and DURATION
	// out. It is not before Start.
	End time.Time
	// Extra are the client attributes, in the order in which they are written.
	Extra []Attribute
}

// Attribute is a client-defined attribute with a quoted string as its value.
type Attribute struct {
	Name  string // begins with "X-"
	Value string // any text; what a quoted string cannot hold is escaped (T9)
}

// AppendDateRanges appends one line for each range.
func AppendDateRanges(dst []byte, ranges []DateRange) []byte {
	for i := range ranges {
		dst = ranges[i].append(dst)
	}
	return dst
}

func (r *DateRange) append(dst []byte) []byte {
	start := r.Start.Round(time.Millisecond)
	dst = append(append(dst, `#EXT-X-DATERANGE:ID="`...), r.ID...)
	dst = append(append(dst, `",CLASS="`...), r.Class...)
	dst = append(appendDate(append(dst, `",START-DATE="`...), start), '"')
	if r.Planned > 0 {
		dst = seconds(append(dst, ",PLANNED-DURATION="...), r.Planned, 3)
	}
	if !r.End.IsZero() {
		end := r.End.Round(time.Millisecond) // the printed dates have to agree with the duration (T6)
		dst = append(appendDate(append(dst, `,END-DATE="`...), end), '"')
		dst = seconds(append(dst, ",DURATION="...), end.Sub(start), 3)
	}
	for _, a := range r.Extra {
		dst = append(append(append(dst, ','), a.Name...), `="`...)
		dst = append(appendEscaped(dst, a.Value), '"')
	}
	return append(dst, '\n')
}

// appendEscaped writes text so that it fits into a quoted string: quotes,
// percent signs and control characters as percent and two hexadecimal digits,
// which decodeURIComponent of JavaScript undoes. Spec: rfc8216bis §4.2.
func appendEscaped(dst []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		switch b := text[i]; {
		case b == '"' || b == '%' || b < ' ' || b == 0x7f:
			dst = append(dst, '%', digits[b>>4], digits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// appendDate writes an instant in UTC with milliseconds (T2).
func appendDate(dst []byte, t time.Time) []byte {
	return t.UTC().Round(time.Millisecond).AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// Skip says what a delta update leaves out. Spec: rfc8216bis §4.4.5.2.
type Skip struct {
	Segments int // already known to the client, before those that are listed
	// DateRanges says that older date ranges are left out as well; Removed are
	// the IDs of those that left the playlist not long ago.
	DateRanges bool
	Removed    []string
}

func (s *Skip) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...)
	dst = strconv.AppendInt(dst, int64(s.Segments), 10)
	if s.DateRanges {
		dst = append(dst, `,RECENTLY-REMOVED-DATERANGES="`...)
		for i, id := range s.Removed {
			if i > 0 {
				dst = append(dst, '\t')
			}
			dst = append(dst, id...)
		}
		dst = append(dst, '"')
	}
	return append(dst, '\n')
}
