package origin

import (
	"errors"
	"net/http"
	"os"
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
	if q.open(name, b.Length, b.ETag, initAge) {
		q.send(b.Bytes)
	}
}

// segment answers a whole segment: its parts, one after the other (P4).
func (q *request) segment(name packager.Name) {
	s := q.edge.Load().Segment(name.MSN)
	if s == nil || s.Length == nil {
		q.missing()
		return
	}
	if !q.open(name, s.Length, s.ETag, q.age()) {
		return
	}
	for i := range s.Parts {
		if !q.send(s.Parts[i].Bytes) {
			return
		}
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
	if p == nil {
		q.missing()
		return
	}
	if q.open(name, p.Length, p.ETag, q.age()) {
		q.send(p.Bytes)
	}
}

// age is how long media may be cached. Spec: rfc8216bis Appendix B.1.
func (q *request) age() time.Duration { return 6 * q.view.Control().TargetDuration }

// missing answers for a file that is gone, was abandoned, or never was (P14).
func (q *request) missing() {
	q.o.refuse(q.w, http.StatusNotFound, q.view.Control().TargetDuration, "no such media; read the playlist")
}

// open sends the head of an answer. False means that the viewer has the file
// already, and that this was the whole answer.
func (q *request) open(name packager.Name, length, etag []string, age time.Duration) bool {
	h := q.w.Header()
	h["Content-Type"] = mediaType(name.Rendition)
	h["Cache-Control"] = q.o.ages.of(age)
	h["Etag"] = etag
	if have := q.r.Header["If-None-Match"]; len(have) == 1 && have[0] == etag[0] {
		q.w.WriteHeader(http.StatusNotModified)
		return false
	}
	h["Content-Length"] = length
	q.w.WriteHeader(http.StatusOK)
	return true
}

// send writes one piece of the body and waits until the connection has taken
// it, so that the deadline is for this piece alone. False means that the
// viewer is gone or too slow.
func (q *request) send(b []byte) bool {
	if q.r.Method == http.MethodHead {
		return true
	}
	if q.conn == nil {
		q.conn = http.NewResponseController(q.w)
	}
	// A server that knows no deadlines has its own way to be rid of slow readers.
	_ = q.conn.SetWriteDeadline(time.Now().Add(q.o.cfg.WriteTimeout))
	_, err := q.w.Write(b)
	if err == nil {
		err = q.conn.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		q.o.slow.Add(1)
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	_ = q.conn.SetWriteDeadline(time.Time{})
	return true
}
