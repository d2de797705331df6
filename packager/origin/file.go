package origin

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/cuelight/cuelight/packager"
)

// initAge is how long an init section may be cached. Its name has its hash.
const initAge = 10 * time.Minute

func (q *request) init(name packager.Name) {
	b := q.edge.Load().Init(name.Hash)
	if b == nil {
		q.missing()
		return
	}
	if part, ok := q.open(name, b.Length, b.ETag, initAge); ok {
		q.send(part.take(b.Bytes))
	}
}

// segment answers a whole segment: its parts, one after the other (P4).
func (q *request) segment(name packager.Name) {
	s := q.edge.Load().Segment(name.MSN)
	if s == nil {
		q.archived(name)
		return
	}
	if s.Length == nil {
		q.missing()
		return
	}
	wanted, ok := q.open(name, s.Length, s.ETag, q.age())
	for i := 0; ok && i < len(s.Parts); i++ {
		ok = q.send(wanted.take(s.Parts[i].Bytes))
	}
}

// part answers a part. The one that comes next may be asked for already: the
// answer then begins when the part is whole, and comes at full speed (P13).
func (q *request) part(name packager.Name) {
	s := q.edge.Load()
	at := packager.Position{MSN: name.MSN, Part: name.Part}
	p := s.Part(at)
	if p == nil && at == s.Hint && !s.Ended {
		if s = q.wait(s, at); s == nil {
			return
		}
		p = s.Part(at)
	}
	if p == nil || len(p.Bytes) == 0 { // never was, or is a gap
		q.missing()
		return
	}
	if wanted, ok := q.open(name, p.Length, p.ETag, q.age()); ok {
		q.send(wanted.take(p.Bytes))
	}
}

// age is how long media may be cached. Spec: rfc8216bis Appendix B.1.
func (q *request) age() time.Duration { return 6 * q.view.Control().TargetDuration }

// missing answers for a file that is gone, was abandoned, or never was (P14).
func (q *request) missing() {
	q.o.refuse(q.w, http.StatusNotFound, q.view.Control().TargetDuration, "no such media; read the playlist")
}

// open sends the head of an answer and says which bytes are to follow. False
// means that there are none: this was the whole answer.
func (q *request) open(name packager.Name, length, etag []string, age time.Duration) (span, bool) {
	h := q.w.Header()
	h["Content-Type"] = mediaType(name.Rendition)
	h["Accept-Ranges"] = inBytes
	if q.unchanged(etag, age) {
		return span{}, false
	}
	wanted, verdict := q.wanted(length[0], etag[0])
	status := http.StatusOK
	switch verdict {
	case rangeNotWithin:
		h["Content-Range"] = []string{"bytes */" + length[0]}
		q.o.refuse(q.w, http.StatusRequestedRangeNotSatisfiable, age, "the file has only "+length[0]+" bytes")
		return span{}, false
	case rangePartial:
		size, _ := strconv.ParseInt(length[0], 10, 64) // it parsed before
		h["Content-Range"] = []string{wanted.contentRange(size)}
		length = []string{strconv.FormatInt(wanted.length(), 10)}
		status = http.StatusPartialContent
	}
	h["Content-Length"] = length
	q.w.WriteHeader(status)
	return wanted, true
}

// unchanged names the version and how long it may be cached, and answers 304
// to who has it already.
func (q *request) unchanged(etag []string, age time.Duration) bool {
	h := q.w.Header()
	h["Cache-Control"] = q.o.ages.of(age)
	h["Etag"] = etag
	have := q.r.Header["If-None-Match"]
	if len(have) == 0 || !matches(have, etag[0]) {
		return false
	}
	q.w.WriteHeader(http.StatusNotModified)
	return true
}

// wanted is which bytes the request asks for. Only GET has ranges, and only of
// the version that the client has begun to load. Spec: RFC 9110 §13.1.5, §14.2.
func (q *request) wanted(length, etag string) (span, rangeVerdict) {
	ranges := q.r.Header["Range"]
	if len(ranges) != 1 || q.r.Method != http.MethodGet {
		return everything, rangeIgnored
	}
	if begun := q.r.Header["If-Range"]; len(begun) > 0 && (len(begun) > 1 || begun[0] != etag) {
		return everything, rangeIgnored
	}
	size, err := strconv.ParseInt(length, 10, 64)
	if err != nil {
		return everything, rangeIgnored
	}
	return parseRange(ranges[0], size)
}

// send writes one piece of the body and waits until the connection has taken
// it, so that the deadline is for this piece alone. It is not taken back: the
// next piece has its own, and net/http takes that of the last one back when the
// answer is over. False means that the viewer is gone or too slow.
func (q *request) send(b []byte) bool {
	if q.r.Method == http.MethodHead || len(b) == 0 {
		return true
	}
	conn := http.NewResponseController(q.w)
	// A server that knows no deadlines has its own way to be rid of slow readers.
	_ = conn.SetWriteDeadline(time.Now().Add(q.o.cfg.WriteTimeout))
	_, err := q.w.Write(b)
	if err == nil {
		err = conn.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		q.o.slow.Add(1)
	}
	return err == nil || errors.Is(err, http.ErrNotSupported)
}
