package archive

import (
	"net/http"
	"strconv"
	"strings"
)

// tag is the ETag of a file that never changes under its name.
func tag(name string, size int64) string {
	return `"` + name + "-" + strconv.FormatInt(size, 16) + `"`
}

// accepts reports whether a request allows gzip. Spec: RFC 9110 §12.5.3.
func accepts(h http.Header) bool {
	for item := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if c := strings.TrimSpace(coding); c != "gzip" && c != "*" {
			continue
		}
		q, weighted := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		return !weighted || strings.Trim(q, "0.") != ""
	}
	return false
}
