package edge

import (
	"net/http"
	"strings"
	"time"
)

// Header values that never change, as an origin has them.
var (
	anyOrigin    = []string{"*"}
	exposed      = []string{"Age, Cache-Control, Content-Length, Content-Range, Date, ETag, Retry-After"}
	typeText     = []string{"text/plain; charset=utf-8"}
	noSniff      = []string{"nosniff"}
	methods      = []string{"GET, HEAD, OPTIONS"}
	anyHeader    = []string{"*, Authorization"}
	aDay         = []string{"86400"}
	oneSecond    = []string{"1"}
	aSecond      = []string{"max-age=1"}
	noStore      = []string{"no-store"}
	sharedSecond = []string{"max-age=0, s-maxage=1"}
)

// Answers of the edge's own.
var (
	away   = own(http.StatusServiceUnavailable, aSecond, "the server of this channel cannot be reached; try again in a second")
	absent = own(http.StatusNotFound, sharedSecond, "nobody publishes on this channel yet")
)

func own(status int, cache []string, text string) *object {
	o := &object{status: status, body: []byte(text + "\n"), header: http.Header{
		"Content-Type": typeText, "X-Content-Type-Options": noSniff, "Cache-Control": cache,
	}}
	if status == http.StatusServiceUnavailable {
		o.header["Retry-After"] = oneSecond
	}
	return o
}

// allowAll lets pages of any origin read the answer (N4).
func allowAll(h http.Header) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
	h["Timing-Allow-Origin"] = anyOrigin
}

func preflight(w http.ResponseWriter) {
	h := w.Header()
	h["Allow"] = methods
	h["Access-Control-Allow-Methods"] = methods
	h["Access-Control-Allow-Headers"] = anyHeader
	h["Access-Control-Max-Age"] = aDay
	w.WriteHeader(http.StatusNoContent)
}

// refuse answers with an error that people can read, which caches may keep for a
// second.
func refuse(w http.ResponseWriter, status int, text string) {
	tell(w, status, aSecond, text)
}

// busy answers a request that may succeed in a moment.
func busy(w http.ResponseWriter, text string) {
	w.Header()["Retry-After"] = oneSecond
	tell(w, http.StatusServiceUnavailable, aSecond, text)
}

// tooMany answers an address that has too many requests waiting. A cache that
// kept it would tell others.
func tooMany(w http.ResponseWriter) {
	w.Header()["Retry-After"] = oneSecond
	tell(w, http.StatusTooManyRequests, noStore, "too many requests of your address are waiting; try again in a second")
}

func tell(w http.ResponseWriter, status int, cache []string, text string) {
	h := w.Header()
	h["Content-Type"] = typeText
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = cache
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a viewer that left cannot be told
}

// tokenQuery is the part of a query that holds a token.
func tokenQuery(query string) string {
	const longest = 4 << 10
	for pair := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(pair, "token=") && len(pair) <= longest {
			return pair
		}
	}
	return ""
}

// wholeSeconds is d in seconds, rounded down.
func wholeSeconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }
