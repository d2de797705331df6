package origin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// Header values that never change. A header map takes the slices as they are,
// so answering allocates nothing.
var (
	anyOrigin    = []string{"*"}
	exposed      = []string{"Age, Cache-Control, Content-Length, Content-Range, Date, ETag, Retry-After"}
	varyEncoding = []string{"Accept-Encoding"}
	gzipped      = []string{"gzip"}
	typePlaylist = []string{"application/vnd.apple.mpegurl"}
	typeVideo    = []string{"video/mp4"}
	typeAudio    = []string{"audio/mp4"}
	typeText     = []string{"text/plain; charset=utf-8"}
	noSniff      = []string{"nosniff"}
	methods      = []string{"GET, HEAD, OPTIONS"}
	anyHeader    = []string{"*, Authorization"} // which the star leaves out
	inBytes      = []string{"bytes"}
	noStore      = []string{"no-store"}
	aDay         = []string{"86400"}
	oneSecond    = []string{"1"}
	sharedSecond = []string{"max-age=0, s-maxage=1"}
)

// longest is the longest cache time in seconds that ages has: six times the
// longest target duration, or the time a window is kept.
const longest = 600

// ages holds the Cache-Control values, by seconds.
type ages [longest + 1][]string

func newAges() *ages {
	a := new(ages)
	for i := range a {
		a[i] = []string{"max-age=" + strconv.Itoa(i)}
	}
	return a
}

// of returns the value for d, which is rounded up to whole seconds.
func (a *ages) of(d time.Duration) []string {
	return a[min(longest, int((d+time.Second-1)/time.Second))]
}

// half is the cache time of a playlist that was not waited for: half of the
// target duration, in whole seconds and at least one.
func half(target time.Duration) time.Duration {
	return max(time.Second, (target / 2).Truncate(time.Second))
}

// allowAll lets pages of any origin read the answer, and the headers that
// hls.js looks at to learn how old a playlist is (N4).
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

// refuse answers with an error that people can read. The cache may keep it for
// the given time.
func (o *Origin) refuse(w http.ResponseWriter, status int, age time.Duration, text string) {
	o.answer(w, status, o.ages.of(age), text)
}

// notYet answers for a channel without media. A shared cache may keep that for
// a second; a viewer's own must not, since its player asks again the moment it
// hears that somebody publishes (O1).
func (o *Origin) notYet(w http.ResponseWriter, private bool) {
	cache := sharedSecond
	if private {
		cache = mineAlone
	}
	o.answer(w, http.StatusNotFound, cache, "nobody publishes on this channel yet")
}

func (o *Origin) answer(w http.ResponseWriter, status int, cache []string, text string) {
	h := w.Header()
	h["Content-Type"] = typeText
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = cache
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a viewer that left cannot be told
}

// turnAway answers who may not play. It depends on who asks, so nobody keeps it.
func (o *Origin) turnAway(w http.ResponseWriter, status int, text string) {
	o.answer(w, status, mineAlone, text)
}

// tooMany answers an address that has too many requests waiting. A cache that
// kept it would tell others.
func (o *Origin) tooMany(w http.ResponseWriter) {
	w.Header()["Retry-After"] = oneSecond
	o.answer(w, http.StatusTooManyRequests, noStore, "too many requests of your address are waiting; try again in a second")
}

// busy answers a request that may succeed in a moment. It is kept for a second
// only: longer, and a cache would go on refusing after the media has come.
func (o *Origin) busy(w http.ResponseWriter, text string) {
	w.Header()["Retry-After"] = oneSecond
	o.refuse(w, http.StatusServiceUnavailable, time.Second, text)
}

// acceptsGzip reports whether the request allows gzip (N2).
func acceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			coding, weight, _ := strings.Cut(item, ";")
			if c := strings.TrimSpace(coding); c != "gzip" && c != "*" {
				continue
			}
			if q, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); ok && strings.Trim(q, "0.") == "" {
				return false
			}
			return true
		}
	}
	return false
}

// mediaType is the Content-Type of a rendition's files.
func mediaType(rendition string) []string {
	if rendition == packager.Audio {
		return typeAudio
	}
	return typeVideo
}
