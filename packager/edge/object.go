package edge

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// key names an object: a path, the directives, the coding that it is asked for
// in, and how many edges it passed already, since that may decide the answer.
type key struct {
	path, query string
	gzip        bool
	hops        uint8
}

// object is a whole answer of an origin. Nobody changes one, except that the
// store renews born and fresh.
type object struct {
	key    key
	status int
	header http.Header // what is passed on
	body   []byte
	etag   string
	ranges bool // may be loaded in ranges
	alone  bool // cannot be shared, too large or not for this server: the body is not here

	born  time.Time     // when the origin made it
	fresh time.Duration // after born
	whole bool          // its name stands for these bytes for ever
	index bool          // the multivariant playlist
}

// overhead is about what an object takes besides its body.
const overhead = 1 << 10

func (o *object) size() int64 { return int64(len(o.body)) + overhead }

// isFresh says whether o can be given out without asking.
func (o *object) isFresh(now time.Time) bool { return now.Sub(o.born) < o.fresh }

// serves says whether o can be given out while its origin is away.
func (o *object) serves(now time.Time, stale time.Duration) bool {
	return o != nil && o.status == http.StatusOK && !o.alone && (o.whole || o.index && now.Sub(o.born) < o.fresh+stale)
}

// passedOn are the headers of an origin that viewers get.
var passedOn = [...]string{
	"Accept-Ranges", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Cache-Control", "Content-Encoding",
	"Content-Length", "Content-Range", "Content-Type", "Date", "Etag", "Retry-After", "Timing-Allow-Origin", "Vary", "Www-Authenticate",
	"X-Content-Type-Options",
}

// longestValue is up to how many bytes of a header are passed on.
const longestValue = 1 << 10

// pick returns those of the headers that are passed on.
func pick(from http.Header) http.Header {
	to := make(http.Header, len(passedOn))
	for _, name := range passedOn {
		if v := from[name]; len(v) == 1 && len(v[0]) <= longestValue {
			to[name] = v[:1:1]
		}
	}
	return to
}

// Bounds of how long an answer is kept.
const (
	longestFresh = time.Hour
	errorFresh   = time.Second
	ownFresh     = time.Second // a multivariant playlist that this server shares
)

// freshness is how long an answer may be kept, from the moment it arrived.
func freshness(status int, h http.Header) time.Duration {
	age := -1
	for _, line := range h["Cache-Control"] {
		for item := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
			switch name {
			case "no-store", "private", "no-cache":
				return 0
			case "s-maxage":
				return bounded(status, seconds(value), h)
			case "max-age":
				age = seconds(value)
			}
		}
	}
	return bounded(status, max(age, 0), h)
}

func bounded(status, age int, h http.Header) time.Duration {
	d := min(longestFresh, time.Duration(age)*time.Second)
	if status != http.StatusOK {
		d = min(d, errorFresh)
	}
	return max(0, d-time.Duration(seconds(h.Get("Age")))*time.Second)
}

// seconds reads a number of seconds, 0 if it is none.
func seconds(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > int(longestFresh/time.Second) {
		if err == nil && n > 0 {
			return int(longestFresh / time.Second)
		}
		return 0
	}
	return n
}
