package edge

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// answer sends an object. Old says that it was kept for a while, so that its age
// is told.
func (e *Edge) answer(w http.ResponseWriter, r *http.Request, o *object, old bool) {
	h := w.Header()
	for name, v := range o.header {
		h[name] = v
	}
	if old {
		h["Age"] = []string{strconv.FormatInt(wholeSeconds(time.Since(o.born)), 10)}
	}
	if o.status == http.StatusOK && o.etag != "" && matches(r.Header["If-None-Match"], o.etag) {
		delete(h, "Content-Length")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	status, body := o.status, o.body
	if o.status == http.StatusOK && o.ranges {
		status, body = o.cut(h, r)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		e.send(w, body)
	}
}

// cut returns what of the body the request asks for, and says so in h.
// Spec: RFC 9110 §13.1.5, §14.2.
func (o *object) cut(h http.Header, r *http.Request) (int, []byte) {
	ranges, begun := r.Header["Range"], r.Header["If-Range"]
	if len(ranges) != 1 || r.Method != http.MethodGet || len(begun) > 0 && (len(begun) > 1 || begun[0] != o.etag) {
		return http.StatusOK, o.body
	}
	size := int64(len(o.body))
	from, to, verdict := parseRange(ranges[0], size)
	switch verdict {
	case rangeNotWithin:
		text := "the file has only " + strconv.FormatInt(size, 10) + " bytes\n"
		h["Content-Range"] = []string{"bytes */" + strconv.FormatInt(size, 10)}
		h["Content-Type"], h["X-Content-Type-Options"] = typeText, noSniff
		h["Content-Length"] = []string{strconv.Itoa(len(text))}
		return http.StatusRequestedRangeNotSatisfiable, []byte(text)
	case rangePartial:
		h["Content-Range"] = []string{"bytes " + strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(to-1, 10) + "/" + strconv.FormatInt(size, 10)}
		h["Content-Length"] = []string{strconv.FormatInt(to-from, 10)}
		return http.StatusPartialContent, o.body[from:to]
	}
	return http.StatusOK, o.body
}

// piece is how much is written under one deadline.
const piece = 256 << 10

// send writes a body in pieces, each with a deadline of its own. False means
// that the viewer is gone or too slow.
func (e *Edge) send(w http.ResponseWriter, body []byte) bool {
	conn := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), piece)
		// A server that knows no deadlines has its own way to be rid of slow readers.
		_ = conn.SetWriteDeadline(time.Now().Add(e.cfg.WriteTimeout))
		_, err := w.Write(body[:n])
		if err == nil {
			err = conn.Flush()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			e.count.slow.Add(1)
		}
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return false
		}
		e.count.sent.Add(uint64(n))
		body = body[n:]
	}
	return true
}

// rangeVerdict is what to do about a Range header.
type rangeVerdict uint8

const (
	rangeIgnored   rangeVerdict = iota // answer with everything
	rangePartial                       // 206
	rangeNotWithin                     // 416
)

// parseRange reads a Range header for a file of so many bytes: those from one to
// before another. Several ranges, and what is none, count as none.
// Spec: RFC 9110 §14.1.2.
func parseRange(value string, size int64) (from, to int64, verdict rangeVerdict) {
	set, ok := strings.CutPrefix(value, "bytes=")
	if !ok || strings.Contains(set, ",") {
		return 0, size, rangeIgnored
	}
	first, last, ok := strings.Cut(strings.Trim(set, " \t"), "-")
	first, last = strings.Trim(first, " \t"), strings.Trim(last, " \t")
	begin, haveFirst := parseBytes(first)
	end, haveLast := parseBytes(last)
	switch {
	case !ok || first != "" && !haveFirst || last != "" && !haveLast || first == "" && last == "":
		return 0, size, rangeIgnored
	case first == "": // the last bytes of the file
		if end == 0 || size == 0 {
			return 0, size, rangeNotWithin
		}
		return max(size-end, 0), size, rangePartial
	case last != "" && end < begin:
		return 0, size, rangeIgnored
	case begin >= size:
		return 0, size, rangeNotWithin
	case last == "":
		return begin, size, rangePartial
	}
	return begin, min(end, size-1) + 1, rangePartial
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

// matches reports whether an If-None-Match names the tag, in the weak
// comparison. Spec: RFC 9110 §13.1.2.
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
