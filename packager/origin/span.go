package origin

import (
	"math"
	"strconv"
	"strings"
)

// span is the bytes [from, to) of a file, of which some have gone by.
type span struct{ from, to int64 }

// everything is the span of any file.
var everything = span{0, math.MaxInt64}

// take returns what of the next bytes of the file lies in the span.
func (s *span) take(b []byte) []byte {
	n := int64(len(b))
	from, to := min(max(s.from, 0), n), min(max(s.to, 0), n)
	s.from, s.to = s.from-n, s.to-n
	return b[from:to]
}

// length is how many bytes the span has that has not begun yet.
func (s span) length() int64 { return s.to - s.from }

// contentRange is the value of the header Content-Range.
func (s span) contentRange(size int64) string {
	return "bytes " + strconv.FormatInt(s.from, 10) + "-" + strconv.FormatInt(s.to-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// rangeVerdict is what to do about a Range header.
type rangeVerdict uint8

const (
	rangeIgnored   rangeVerdict = iota // answer with everything
	rangePartial                       // 206
	rangeNotWithin                     // 416
)

// parseRange reads a Range header for a file of so many bytes. One range only:
// several, and what is no range, count as none, as the specification allows.
// Spec: RFC 9110 §14.1.2, §14.2.
func parseRange(value string, size int64) (span, rangeVerdict) {
	set, ok := strings.CutPrefix(value, "bytes=")
	if !ok || strings.Contains(set, ",") {
		return everything, rangeIgnored
	}
	first, last, ok := strings.Cut(strings.Trim(set, " \t"), "-")
	first, last = strings.Trim(first, " \t"), strings.Trim(last, " \t")
	from, haveFirst := parseBytes(first)
	to, haveLast := parseBytes(last)
	switch {
	case !ok || first != "" && !haveFirst || last != "" && !haveLast || first == "" && last == "":
		return everything, rangeIgnored
	case first == "": // the last bytes of the file
		if to == 0 || size == 0 {
			return everything, rangeNotWithin
		}
		return span{max(size-to, 0), size}, rangePartial
	case last != "" && to < from:
		return everything, rangeIgnored
	case from >= size:
		return everything, rangeNotWithin
	case last == "":
		return span{from, size}, rangePartial
	}
	return span{from, min(to, size-1) + 1}, rangePartial
}

// parseBytes reads a number of bytes, which has digits only.
func parseBytes(s string) (int64, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// matches reports whether an If-None-Match names the tag. The comparison is the
// weak one. Spec: RFC 9110 §13.1.2.
func matches(headers []string, tag string) bool {
	for _, line := range headers {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			item = strings.Trim(item, " \t")
			if item == "*" || strings.TrimPrefix(item, "W/") == tag {
				return true
			}
		}
	}
	return false
}
